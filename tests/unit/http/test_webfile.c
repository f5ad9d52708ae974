// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "http/webfile.h"
#include "support/alloc.h"

#define HASH "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"
#define TLS                      \
	"tls_server_config:\n"   \
	"  cert_file: the.crt\n" \
	"  key_file: /etc/the.key\n"

static int parse(const char *text, struct web_file *ret_file, struct strbuf *why)
{
	return web_file_parse(text, strlen(text), "/folder", ret_file, why);
}

static void test_everything(void **state)
{
	static const char text[] =
	    "# a comment\n" TLS "  client_ca: |\n    some\n    text\n"
	    "  client_auth_type: RequireAndVerifyClientCert\n"
	    "  client_allowed_sans: [scraper, 'spiffe://a/b']\n"
	    "  min_version: TLS13\n  max_version: TLS13\n"
	    "  prefer_server_cipher_suites: no\n"
	    "  curve_preferences:\n  - X25519\n  - CurveP256\n"
	    "http_server_config:\n  http2: true\n  headers:\n"
	    "    Content-Security-Policy: \"default-src 'self'\"\n"
	    "    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
	    "    X-XSS-Protection: '1'\n    Strict-Transport-Security: max-age=1\n"
	    "basic_auth_users:\n  alice: " HASH "\n  \"bob: b\": '" HASH "'\n";
	_cleanup_(web_file_done) struct web_file file = {0};
	_cleanup_strbuf_ struct strbuf why = {0};

	(void)state;
	if (parse(text, &file, &why) < 0)
		fail_msg("%s", why.data);
	assert_true(file.has_tls);
	assert_string_equal(file.cert.path, "/folder/the.crt");
	assert_string_equal(file.key.path, "/etc/the.key");
	assert_string_equal(file.client_ca.text, "some\ntext\n");
	assert_int_equal(file.client_auth, WEB_REQUIRE_AND_VERIFY_CLIENT_CERT);
	assert_int_equal(file.nsans, 2);
	assert_string_equal(file.sans[1], "spiffe://a/b");
	assert_int_equal(file.min_version, WEB_TLS13);
	assert_int_equal(file.max_version, WEB_TLS13);
	assert_false(file.server_preference);
	assert_int_equal(file.ncurves, 2);
	assert_int_equal(file.curves[0], WEB_X25519);
	assert_int_equal(file.curves[1], WEB_P256);
	assert_true(file.http2);
	assert_string_equal(file.headers[WEB_CONTENT_SECURITY_POLICY], "default-src 'self'");
	assert_string_equal(file.headers[WEB_STRICT_TRANSPORT_SECURITY], "max-age=1");
	assert_int_equal(file.nusers, 2);
	assert_string_equal(file.users[0].name, "alice");
	assert_string_equal(file.users[0].hash, HASH);
	assert_string_equal(file.users[1].name, "bob: b");
}

static void test_defaults(void **state)
{
	static const char *const empty[] = {
	    "",
	    "---\n",
	    "# nothing\n",
	    "{}",
	    "tls_server_config:\nhttp_server_config: ~\nbasic_auth_users: null\n",
	    "tls_server_config:\n  cert_file:\n  key_file: null\n  min_version: TLS12\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
		_cleanup_(web_file_done) struct web_file file = {0};
		_cleanup_strbuf_ struct strbuf why = {0};

		if (parse(empty[i], &file, &why) < 0)
			fail_msg("%s: %s", empty[i], why.data);
		assert_false(file.has_tls);
		assert_int_equal(file.min_version, WEB_TLS12);
		assert_int_equal(file.max_version, WEB_TLS13);
		assert_true(file.server_preference);
		assert_int_equal(file.client_auth, WEB_NO_CLIENT_CERT);
		assert_int_equal(file.nusers, 0);
	}
}

/* What is wrong is said with its line, and nothing is made. */
static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
	    {"tls_server_config:\n  cert_fil: x\n",
	     "line 2: cert_fil is no key that is known here"},
	    {"tls:\n", "line 1: tls is no key"},
	    {"basic_auth_users:\n  alice: secret\n", "line 2: alice must have a password hash"},
	    {"basic_auth_users:\n  alice: $6$salt$hash\n", "line 2: alice must have"},
	    {"basic_auth_users: [alice]\n", "line 1: basic_auth_users must be a map"},
	    {"basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n", "line 3: a is there twice"},
	    {TLS "  min_version: TLS14\n", "line 4: min_version has a value that is not known"},
	    {TLS "  min_version: [TLS13]\n", "line 4: min_version must be a text"},
	    {TLS "  client_auth_type: Maybe\n", "line 4: client_auth_type has a value"},
	    {TLS "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n",
	     "line 4: cipher_suites can't be had"},
	    {TLS "  curve_preferences: X25519\n", "line 4: curve_preferences must be a list"},
	    {TLS "  curve_preferences: [X25519, Curve1]\n",
	     "line 4: curve_preferences has a value"},
	    {TLS "  curve_preferences: [X25519, X25519, X25519, X25519, X25519]\n",
	     "line 4: curve_preferences has a curve twice"},
	    {TLS "  prefer_server_cipher_suites: 2\n",
	     "line 4: prefer_server_cipher_suites must be"},
	    {TLS "  cert: x\n", "cert and cert_file are both there"},
	    {TLS "  key: x\n", "key and key_file are both there"},
	    {"tls_server_config:\n  key_file: x\n", "lacks cert or cert_file"},
	    {"tls_server_config:\n  cert_file: x\n", "lacks key or key_file"},
	    {TLS "  client_ca_file: x\n", "client_auth_type does not ask"},
	    {TLS "  client_allowed_sans: [a]\n", "client_allowed_sans needs"},
	    {TLS "  client_allowed_sans: [a]\n  client_auth_type: RequestClientCert\n",
	     "client_allowed_sans needs"},
	    {TLS "  min_version: TLS13\n  max_version: TLS12\n",
	     "min_version is above max_version"},
	    {"http_server_config:\n  headers:\n    Server: x\n", "line 3: Server is no key"},
	    {"http_server_config:\n  headers:\n    X-Frame-Options: x\n",
	     "line 3: X-Frame-Options can't have this value"},
	    {"http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\r\\nb: c\"\n",
	     "line 3: X-XSS-Protection must be one line"},
	    {"http_server_config:\n  http2: perhaps\n", "line 2: http2 must be true or false"},
	    {"rate_limit:\n  burst: 1\n", "line 2: rate_limit can't be had here"},
	    {"a: b: c\n", "line 1: "},
	    {"tls_server_config: {\n", "line 2: "},
	    {"\xff\xfe\n", "line 1: "},
	    {"- a\n", "line 1: the file must be a map"},
	    {"tls_server_config:\n  cert_file: \"a\\0b\"\n", "line 2: cert_file must be a text"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct web_file file = {.nusers = 77};
		_cleanup_strbuf_ struct strbuf why = {0};

		assert_int_equal(parse(cases[i].text, &file, &why), -EINVAL);
		assert_int_equal(file.nusers, 77);
		assert_non_null(why.data);
		assert_null(strchr(why.data, '\n'));
		if (!strstr(why.data, cases[i].why))
			fail_msg("'%s' is not in '%s'", cases[i].why, why.data);
	}
}

/* More of everything than there is room for. */
static void test_too_many(void **state)
{
	_cleanup_strbuf_ struct strbuf users = {0}, sans = {0}, why = {0};
	struct web_file file;

	(void)state;
	strbuf_addstr(&users, "basic_auth_users:\n");
	strbuf_addstr(&sans, TLS "  client_auth_type: RequireAnyClientCert\n"
				 "  client_allowed_sans:\n");
	for (int i = 0; i <= WEB_MAX_LIST; i++) {
		strbuf_addf(&users, "  user%d: " HASH "\n", i);
		strbuf_addf(&sans, "  - name%d\n", i);
	}
	assert_int_equal(parse(users.data, &file, &why), -EINVAL);
	assert_int_equal(parse(sans.data, &file, &why), -EINVAL);
}

static void test_no_memory(void **state)
{
	static const char text[] = TLS "  client_allowed_sans: [a]\n"
				       "  client_auth_type: RequireAnyClientCert\n"
				       "http_server_config:\n  headers:\n"
				       "    X-Frame-Options: deny\n"
				       "basic_auth_users:\n  alice: " HASH "\n";
	size_t refused = 1;

	(void)state;
	for (size_t n = 0; refused; n++) {
		_cleanup_(web_file_done) struct web_file file = {0};
		_cleanup_strbuf_ struct strbuf why = {0};
		int r;

		alloc_fail_after(n);
		r = parse(text, &file, &why);
		refused = alloc_stop_failing();
		/* asprintf can do without the last step of its own. */
		assert_true(r == -ENOMEM || (r == 0 && file.headers[WEB_FRAME_OPTIONS]));
		if (!refused)
			assert_int_equal(r, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everything), cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_refused),    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

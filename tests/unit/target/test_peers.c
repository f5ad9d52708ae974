// SPDX-License-Identifier: Apache-2.0
/* Environments → peers → rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "support/guard.h"
#include "target/peers.h"
#include "util/cleanup.h"

#define MAX_TEXT 4096

/* The strings of an environment are written with newlines between them. */
static void read_text(const char *text, struct peers *ret_peers)
{
	struct guard guard;
	char copy[MAX_TEXT];
	size_t len = strlen(text);

	assert_in_range(len, 0, sizeof(copy) - 1);
	memcpy(copy, text, len);
	for (size_t i = 0; i < len; i++)
		if (copy[i] == '\n')
			copy[i] = '\0';
	guard_init(&guard, sizeof(copy));
	guard_set(&guard, (struct view){(const uint8_t *)copy, len});
	peers_read(guard.bytes, ret_peers);
	guard_done(&guard);
	assert_true(peers_are_sound(ret_peers));
}

/* "role place:port", one line for each rule in use. */
static void write_rules(const struct peers *peers, char ret_text[static MAX_TEXT],
			bool *ret_ambiguous)
{
	static const char *const roles[] = {
#define X(id, text) text,
	    PS_ROLES(X)
#undef X
	};
	static const char *const matches[] = {"never", "", "local", "any"};
	struct ps_peer_rule rules[PS_PEER_RULES];
	size_t len = 0;

	peers_rules(peers, rules, ret_ambiguous);
	ret_text[0] = '\0';
	for (size_t i = 0; i < PS_PEER_RULES; i++) {
		char address[INET6_ADDRSTRLEN] = "";

		if (rules[i].match == PS_MATCH_NEVER)
			continue;
		if (rules[i].match == PS_MATCH_ADDRESS)
			inet_ntop(AF_INET6, rules[i].address, address, sizeof(address));
		len += (size_t)snprintf(ret_text + len, MAX_TEXT - len, "%s %s%s:%u\n",
					roles[rules[i].role], address, matches[rules[i].match],
					rules[i].port);
	}
}

#define DEFAULT_SOURCE  "source local:5433\n"
#define DEFAULT_BUFFER  "buffer local:5432\n"
#define DEFAULT_STORE   "object_store local:9000\n"
#define DEFAULT_CATALOG "catalog local:8181\n"

static void assert_rules(const char *environment, const char *wanted, bool ambiguous)
{
	struct peers peers;
	char text[MAX_TEXT];
	bool found;

	read_text(environment, &peers);
	write_rules(&peers, text, &found);
	assert_string_equal(text, wanted);
	assert_int_equal(found, ambiguous);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_rules("", DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG, false);
	assert_rules("HOME=/\nPATH=/bin",
		     DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG, false);
	/* Set to nothing is not set; a port that is no number is not, either. */
	assert_rules("PHILOTES_DB_HOST=\nPHILOTES_DB_PORT=x\nPHILOTES_CDC_SOURCE_PORT=70000",
		     DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG, false);
}

static void test_all_variables(void **state)
{
	(void)state;
	assert_rules("PHILOTES_CDC_SOURCE_HOST=10.0.0.1\nPHILOTES_CDC_SOURCE_PORT=5432\n"
		     "PHILOTES_DB_HOST=2001:db8::1\nPHILOTES_DB_PORT=+6543\n"
		     "PHILOTES_STORAGE_ENDPOINT=s3.example.com\nPHILOTES_STORAGE_USE_SSL=true\n"
		     "PHILOTES_ICEBERG_CATALOG_URL=http://catalog.svc:8080/x\n"
		     "PHILOTES_VAULT_ADDRESS=https://vault:8200\n"
		     "PHILOTES_TRINO_URL=http://10.0.0.9\n"
		     "PHILOTES_PROMETHEUS_URL=http://prometheus:9090\n",
		     "source ::ffff:10.0.0.1:5432\n"
		     "buffer 2001:db8::1:6543\n"
		     "other ::ffff:10.0.0.9:80\n"
		     "object_store any:443\n"
		     "catalog any:8080\n"
		     "vault any:8200\n"
		     "other any:9090\n",
		     false);
}

static void test_the_first_of_two_holds(void **state)
{
	(void)state;
	assert_rules("PHILOTES_DB_PORT=1\nPHILOTES_DB_PORT=2",
		     DEFAULT_SOURCE "buffer local:1\n" DEFAULT_STORE DEFAULT_CATALOG, false);
	/* Also when it is empty: then the default does. */
	assert_rules("PHILOTES_DB_PORT=\nPHILOTES_DB_PORT=2",
		     DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG, false);
}

static void test_only_whole_names_count(void **state)
{
	(void)state;
	assert_rules("XPHILOTES_DB_PORT=1\nPHILOTES_DB_PORTX=2\nPHILOTES_DB_PORT\n=3\n"
		     "PHILOTES_DB_PASSWORD=PHILOTES_DB_PORT=4",
		     DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG, false);
}

/* One host of the buffer each; "" = nowhere. */
static void test_hosts(void **state)
{
	static const struct {
		const char *host, *rule;
	} rows[] = {
	    {"LOCALHOST.", "buffer local:5432\n"},
	    {"0.0.0.0", "buffer local:5432\n"},
	    {"::", "buffer local:5432\n"},
	    {"[::1]", "buffer ::1:5432\n"},
	    {"fe80::1%eth0", "buffer fe80::1:5432\n"},
	    {"::ffff:10.1.2.3", "buffer ::ffff:10.1.2.3:5432\n"},
	    {"DB.Example.COM.", "buffer any:5432\n"},
	    {"db_1", "buffer any:5432\n"},
	    {"10.1.2", "buffer any:5432\n"}, /* Go knows no such address either */
	    {"/var/run/postgresql", ""},
	    {"@socket", ""},
	    {"a b", ""},
	    {"b\xc3\xbc"
	     "cher",
	     ""},
	    {"a..b", ""},
	    {".", ""},
	    {"10.0.0.1,db2,10.0.0.3",
	     "buffer ::ffff:10.0.0.1:5432\nbuffer ::ffff:10.0.0.3:5432\nbuffer any:5432\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char environment[256], text[MAX_TEXT], wanted[256] = "";
		struct peers peers, one = {0};
		bool ambiguous;

		snprintf(environment, sizeof(environment), "PHILOTES_DB_HOST=%s", rows[i].host);
		read_text(environment, &peers);
		for (uint32_t k = 0; k < peers.n; k++)
			if (peers.peers[k].role == PS_ROLE_BUFFER)
				one.peers[one.n++] = peers.peers[k];
		write_rules(&one, text, &ambiguous);
		snprintf(wanted, sizeof(wanted), "%s", rows[i].rule);
		assert_string_equal(text, wanted);
	}
}

static void test_urls_and_endpoints(void **state)
{
	static const struct {
		const char *variable, *value, *rule;
	} rows[] = {
	    {"ICEBERG_CATALOG_URL", "https://10.0.0.1", "catalog ::ffff:10.0.0.1:443\n"},
	    {"ICEBERG_CATALOG_URL", "http://u:p@ss@10.0.0.1:81/a@b:9",
	     "catalog ::ffff:10.0.0.1:81\n"},
	    {"ICEBERG_CATALOG_URL", "http://[2001:db8::2]/", "catalog 2001:db8::2:80\n"},
	    {"ICEBERG_CATALOG_URL", "http://[2001:db8::2]:82?q", "catalog 2001:db8::2:82\n"},
	    {"ICEBERG_CATALOG_URL", "http://10.0.0.1:x", ""},
	    {"ICEBERG_CATALOG_URL", "http://10.0.0.1:", ""},
	    {"ICEBERG_CATALOG_URL", "http://", ""},
	    {"ICEBERG_CATALOG_URL", "ftp://10.0.0.1", ""},
	    {"ICEBERG_CATALOG_URL", "10.0.0.1:81", ""},
	    {"STORAGE_ENDPOINT", "10.0.0.1:9001", "object_store ::ffff:10.0.0.1:9001\n"},
	    {"STORAGE_ENDPOINT", "10.0.0.1", "object_store ::ffff:10.0.0.1:80\n"},
	    {"STORAGE_ENDPOINT", "[::1]:9001", "object_store ::1:9001\n"},
	    {"STORAGE_ENDPOINT", "http://10.0.0.1:9001", ""},
	    {"STORAGE_ENDPOINT", ":9001", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bool is_store = rows[i].variable[0] == 'S';
		char environment[256], wanted[256];

		snprintf(environment, sizeof(environment), "PHILOTES_%s=%s", rows[i].variable,
			 rows[i].value);
		snprintf(wanted, sizeof(wanted), "%s" DEFAULT_SOURCE DEFAULT_BUFFER "%s",
			 rows[i].rule, is_store ? DEFAULT_CATALOG : DEFAULT_STORE);
		assert_rules(environment, wanted, false);
	}
}

static void test_shared_addresses(void **state)
{
	static const struct {
		const char *environment, *rules;
		bool ambiguous;
	} rows[] = {
	    /* One server for both databases. */
	    {"PHILOTES_CDC_SOURCE_HOST=10.0.0.1\nPHILOTES_CDC_SOURCE_PORT=5432\n"
	     "PHILOTES_DB_HOST=10.0.0.1",
	     "other ::ffff:10.0.0.1:5432\nother ::ffff:10.0.0.1:5432\n" DEFAULT_STORE
		 DEFAULT_CATALOG,
	     true},
	    /* Two servers, one port. */
	    {"PHILOTES_CDC_SOURCE_HOST=10.0.0.1\nPHILOTES_CDC_SOURCE_PORT=5432\n"
	     "PHILOTES_DB_HOST=10.0.0.2",
	     "source ::ffff:10.0.0.1:5432\nbuffer ::ffff:10.0.0.2:5432\n" DEFAULT_STORE
		 DEFAULT_CATALOG,
	     false},
	    /* Two names, one port: which address is whose? */
	    {"PHILOTES_CDC_SOURCE_HOST=db1\nPHILOTES_CDC_SOURCE_PORT=5432\nPHILOTES_DB_HOST=db2",
	     DEFAULT_STORE DEFAULT_CATALOG "other any:5432\nother any:5432\n", true},
	    /* An address and a name: what is not the address is the name's. */
	    {"PHILOTES_CDC_SOURCE_HOST=10.0.0.1\nPHILOTES_CDC_SOURCE_PORT=5432\n"
	     "PHILOTES_DB_HOST=db2",
	     "source ::ffff:10.0.0.1:5432\n" DEFAULT_STORE DEFAULT_CATALOG "buffer any:5432\n",
	     false},
	    /* localhost has this address, too. */
	    {"PHILOTES_CDC_SOURCE_HOST=127.0.0.1\nPHILOTES_CDC_SOURCE_PORT=5432",
	     "other ::ffff:127.0.0.1:5432\nother local:5432\n" DEFAULT_STORE DEFAULT_CATALOG, true},
	    /* One role twice is no other role. */
	    {"PHILOTES_CDC_SOURCE_HOST=db1,db2",
	     DEFAULT_BUFFER DEFAULT_STORE DEFAULT_CATALOG "source any:5433\nsource any:5433\n",
	     false},
	    {"PHILOTES_TRINO_URL=http://localhost:8181",
	     DEFAULT_SOURCE DEFAULT_BUFFER DEFAULT_STORE "other local:8181\nother local:8181\n",
	     true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_rules(rows[i].environment, rows[i].rules, rows[i].ambiguous);
}

/* What is kept has room for nothing but hosts and ports. */
static void test_secrets_are_not_kept(void **state)
{
	static const char environment[] =
	    "PHILOTES_DB_PASSWORD=sesame\nPHILOTES_STORAGE_SECRET_KEY=sesame\n"
	    "PHILOTES_ICEBERG_CATALOG_URL=http://me:sesame@catalog:81/sesame?sesame#sesame\n"
	    "PHILOTES_VAULT_TOKEN=sesame\nPHILOTES_DB_HOST=h\nsesame=sesame";
	struct peers peers;

	(void)state;
	read_text(environment, &peers);
	assert_null(memmem(&peers, sizeof(peers), "sesame", 6));
	assert_non_null(memmem(&peers, sizeof(peers), "catalog", 7));
}

static void test_unsound_peers(void **state)
{
	struct peers good, bad;

	(void)state;
	read_text("PHILOTES_DB_HOST=db", &good);
	assert_true(peers_are_sound(&good));
#define BAD(change)                                  \
	do {                                         \
		bad = good;                          \
		change;                              \
		assert_false(peers_are_sound(&bad)); \
	} while (0)
	BAD(bad.n = PEERS_MAX + 1);
	BAD(bad.peers[0].role = PS_ROLE_MAX);
	BAD(bad.peers[0].place = PEER_PLACE_MAX);
	BAD(bad.peers[0].place = PEER_NOWHERE);
	BAD(bad.peers[0].port = 0);
	BAD(bad.peers[0].address[3] = 1);
	BAD(bad.peers[0].name[0] = 'x');
	BAD(memset(bad.peers[1].name, 'x', sizeof(bad.peers[1].name)));
	BAD(bad.peers[1].name[sizeof(bad.peers[1].name) - 1] = 'x');
	BAD(bad.peers[1].name[0] = '\n');
	BAD(bad.peers[1].name[0] = '\0');
#undef BAD
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_all_variables),
	    cmocka_unit_test(test_the_first_of_two_holds),
	    cmocka_unit_test(test_only_whole_names_count),
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_urls_and_endpoints),
	    cmocka_unit_test(test_shared_addresses),
	    cmocka_unit_test(test_secrets_are_not_kept),
	    cmocka_unit_test(test_unsound_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

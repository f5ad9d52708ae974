// SPDX-License-Identifier: Apache-2.0
#include "http/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <string.h>

struct tls {
	const struct web_file *file; /* borrowed */
	gnutls_certificate_credentials_t credentials;
	gnutls_priority_t priorities;
};

/* What each way of asking for client certificates means. */
static const struct {
	gnutls_certificate_request_t request;
	bool verifies;
} client_auths[] = {
    [WEB_NO_CLIENT_CERT] = {GNUTLS_CERT_IGNORE, false},
    [WEB_REQUEST_CLIENT_CERT] = {GNUTLS_CERT_REQUEST, false},
    [WEB_REQUIRE_ANY_CLIENT_CERT] = {GNUTLS_CERT_REQUIRE, false},
    [WEB_VERIFY_CLIENT_CERT_IF_GIVEN] = {GNUTLS_CERT_REQUEST, true},
    [WEB_REQUIRE_AND_VERIFY_CLIENT_CERT] = {GNUTLS_CERT_REQUIRE, true},
};
_Static_assert(sizeof(client_auths) / sizeof(client_auths[0]) == WEB_CLIENT_AUTH_MAX,
	       "a way of asking is missing");

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	if (tls->priorities)
		gnutls_priority_deinit(tls->priorities);
	if (tls->credentials)
		gnutls_certificate_free_credentials(tls->credentials);
	free(tls);
}

/* ---- making ---- */

/* 0, or -errno after why was appended. error is GnuTLS's. */
static int check(int error, const char *what, struct strbuf *why)
{
	if (error >= 0)
		return 0;
	if (error == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	strbuf_addf(why, "%s: %s", what, gnutls_strerror(error));
	return -EINVAL;
}

static gnutls_datum_t datum(const char *text)
{
	return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned int)strlen(text)};
}

/* Versions, groups and order of preference in GnuTLS's words. */
static int set_priorities(struct tls *tls, struct strbuf *why)
{
	static const char *const versions[] = {"TLS1.0", "TLS1.1", "TLS1.2", "TLS1.3"};
	static const char *const groups[] = {"SECP256R1", "SECP384R1", "SECP521R1", "X25519"};
	const struct web_file *file = tls->file;
	_cleanup_strbuf_ struct strbuf text = {0};
	const char *wrong;

	strbuf_addstr(&text, "NORMAL:-VERS-ALL");
	for (int version = (int)file->max_version; version >= (int)file->min_version; version--)
		strbuf_addf(&text, ":+VERS-%s", versions[version]);
	if (file->ncurves)
		strbuf_addstr(&text, ":-GROUP-ALL");
	for (size_t i = 0; i < file->ncurves; i++)
		strbuf_addf(&text, ":+GROUP-%s", groups[file->curves[i]]);
	if (file->server_preference)
		strbuf_addstr(&text, ":%SERVER_PRECEDENCE");
	if (text.error)
		return text.error;
	return check(gnutls_priority_init(&tls->priorities, text.data, &wrong), "tls_server_config",
		     why);
}

static int set_certificate(struct tls *tls, const struct tls_texts *texts, struct strbuf *why)
{
	gnutls_datum_t cert = datum(texts->cert), key = datum(texts->key);

	return check(gnutls_certificate_set_x509_key_mem2(tls->credentials, &cert, &key,
							  GNUTLS_X509_FMT_PEM, NULL, 0),
		     "certificate and key", why);
}

/* Without an authority named, those of the system are trusted, as Go does. */
static int set_trust(struct tls *tls, const struct tls_texts *texts, struct strbuf *why)
{
	gnutls_datum_t authority;
	int n;

	if (!client_auths[tls->file->client_auth].verifies)
		return 0;
	if (!texts->client_ca)
		return check(gnutls_certificate_set_x509_system_trust(tls->credentials),
			     "certificate authorities of the system", why);
	authority = datum(texts->client_ca);
	n = gnutls_certificate_set_x509_trust_mem(tls->credentials, &authority,
						  GNUTLS_X509_FMT_PEM);
	if (n == 0)
		strbuf_addstr(why, "client_ca: no certificate in it");
	return n == 0 ? -EINVAL : check(n, "client_ca", why);
}

int tls_new(const struct web_file *file, const struct tls_texts *texts, struct strbuf *why,
	    struct tls **ret_tls)
{
	_cleanup_(tls_free_p) struct tls *tls = calloc(1, sizeof(*tls));
	int r;

	if (!tls)
		return -ENOMEM;
	tls->file = file;
	r = check(gnutls_certificate_allocate_credentials(&tls->credentials), "GnuTLS", why);
	if (r == 0)
		r = set_certificate(tls, texts, why);
	if (r == 0)
		r = set_trust(tls, texts, why);
	if (r == 0)
		r = set_priorities(tls, why);
	if (r < 0)
		return r;
	*ret_tls = TAKE_PTR(tls);
	return 0;
}

/* ---- sessions ---- */

void tls_set_up(const struct tls *tls, gnutls_session_t session,
		gnutls_certificate_verify_function *verify)
{
	/* None of these can fail but for lack of memory; then the handshake does. */
	gnutls_priority_set(session, tls->priorities);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
	gnutls_certificate_server_set_request(session,
					      client_auths[tls->file->client_auth].request);
	gnutls_session_set_verify_function(session, verify);
}

/* Whether it leads to an authority that is trusted, and is one for clients. */
static bool is_trusted(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
	    .type = GNUTLS_DT_KEY_PURPOSE_OID,
	    .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned int status;

	return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
}

/* A name of a certificate as text, in place. False when it is of no kind that has one. */
static bool name_text(unsigned int type, unsigned char *name, size_t len, char *ret_text,
		      size_t size)
{
	if (type == GNUTLS_SAN_IPADDRESS)
		return inet_ntop(len == 4 ? AF_INET : AF_INET6, name, ret_text, (socklen_t)size);
	if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_RFC822NAME && type != GNUTLS_SAN_URI)
		return false;
	if (len >= size || memchr(name, '\0', len))
		return false;
	memcpy(ret_text, name, len);
	ret_text[len] = '\0';
	return true;
}

static bool is_allowed(const struct web_file *file, const char *name)
{
	for (size_t i = 0; i < file->nsans; i++)
		if (strcmp(file->sans[i], name) == 0)
			return true;
	return false;
}

static bool has_allowed_name(const struct web_file *file, gnutls_x509_crt_t cert)
{
	for (unsigned int i = 0;; i++) {
		unsigned char name[512];
		char text[sizeof(name)];
		size_t len = sizeof(name);
		unsigned int type;
		int r = gnutls_x509_crt_get_subject_alt_name2(cert, i, name, &len, &type, NULL);

		if (r == GNUTLS_E_SHORT_MEMORY_BUFFER)
			continue;
		if (r < 0)
			return false;
		if (name_text(type, name, len, text, sizeof(text)) && is_allowed(file, text))
			return true;
	}
}

static bool is_named(const struct tls *tls, gnutls_session_t session)
{
	unsigned int n = 0;
	const gnutls_datum_t *certs = gnutls_certificate_get_peers(session, &n);
	gnutls_x509_crt_t cert;
	bool named;

	if (!tls->file->nsans)
		return true;
	if (gnutls_x509_crt_init(&cert) < 0)
		return false;
	named = gnutls_x509_crt_import(cert, &certs[0], GNUTLS_X509_FMT_DER) == 0 &&
		has_allowed_name(tls->file, cert);
	gnutls_x509_crt_deinit(cert);
	return named;
}

int tls_verify(const struct tls *tls, gnutls_session_t session)
{
	unsigned int n = 0;

	/* Also asked when there is none; whether there must be one is GnuTLS's to see. */
	if (!gnutls_certificate_get_peers(session, &n) || !n)
		return 0;
	if (client_auths[tls->file->client_auth].verifies && !is_trusted(session))
		return -1;
	return is_named(tls, session) ? 0 : -1;
}

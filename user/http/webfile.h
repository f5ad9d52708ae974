/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web configuration file that exporters of Prometheus share: YAML → a struct. What is not known
 * is refused, and so is what is known and can't be had here.
 */
#ifndef HTTP_WEBFILE_H
#define HTTP_WEBFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/strbuf.h"

/* As Go's crypto/tls has them. */
enum web_client_auth {
	WEB_NO_CLIENT_CERT,
	WEB_REQUEST_CLIENT_CERT,
	WEB_REQUIRE_ANY_CLIENT_CERT,
	WEB_VERIFY_CLIENT_CERT_IF_GIVEN,
	WEB_REQUIRE_AND_VERIFY_CLIENT_CERT,
	WEB_CLIENT_AUTH_MAX,
};

enum web_tls_version { WEB_TLS10, WEB_TLS11, WEB_TLS12, WEB_TLS13, WEB_TLS_VERSION_MAX };

enum web_curve { WEB_P256, WEB_P384, WEB_P521, WEB_X25519, WEB_CURVE_MAX };

enum web_header {
	WEB_CONTENT_SECURITY_POLICY,
	WEB_FRAME_OPTIONS,
	WEB_CONTENT_TYPE_OPTIONS,
	WEB_XSS_PROTECTION,
	WEB_STRICT_TRANSPORT_SECURITY,
	WEB_HEADER_MAX,
};
/* "Content-Security-Policy", ... */
const char *web_header_name(enum web_header header);

struct web_user {
	char *name, *hash; /* owned; hash is one of bcrypt */
};

/* A piece of PEM: in the file, or in one of its own. Either may be NULL, at most one is not. */
struct web_pem {
	char *text; /* owned */
	char *path; /* owned; absolute, or as it was given when the folder is not known */
};

#define WEB_MAX_LIST 64

/* Texts are owned; NULL = not given. */
struct web_file {
	bool has_tls; /* anything that asks for TLS */
	struct web_pem cert, key, client_ca;
	enum web_client_auth client_auth;
	enum web_tls_version min_version, max_version;
	bool server_preference;
	char *sans[WEB_MAX_LIST]; /* one of them has to be in a client's certificate */
	size_t nsans;
	enum web_curve curves[WEB_CURVE_MAX]; /* 0 = the library's choice */
	size_t ncurves;
	bool http2; /* asked for by name */
	char *headers[WEB_HEADER_MAX];
	struct web_user users[WEB_MAX_LIST];
	size_t nusers;
};

/*
 * Reads the text of a file in this folder (paths in it are relative to it). 0 with an owned file;
 * -EINVAL, and what is wrong, with its line, is appended to why; or -ENOMEM.
 */
int web_file_parse(const char *text, size_t len, const char *folder, struct web_file *ret_file,
		   struct strbuf *why);
/* Texts are wiped where they are secrets. */
void web_file_done(struct web_file *file);

#endif

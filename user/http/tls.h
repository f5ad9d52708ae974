/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of TLS, by GnuTLS, as the web configuration file says. */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include <gnutls/gnutls.h>

#include "http/webfile.h"

struct tls;

/* The PEM that the configuration means, whether it stands there or in a file; NULL = none. */
struct tls_texts {
	const char *cert, *key, *client_ca;
};

/*
 * 0 with an owned *ret_tls; -EINVAL, and what is wrong is appended to why; or -ENOMEM. file is
 * borrowed as long as the result lives, texts are not.
 */
int tls_new(const struct web_file *file, const struct tls_texts *texts, struct strbuf *why,
	    struct tls **ret_tls);
/* No session may use it any more. NULL is fine. */
void tls_free(struct tls *tls);
DEFINE_CLEANUP(struct tls *, tls_free)

/*
 * Sets up a session whose handshake has not begun. verify is called with it when the client has
 * shown a certificate, and answers what tls_verify says.
 */
void tls_set_up(const struct tls *tls, gnutls_session_t session,
		gnutls_certificate_verify_function *verify);
/* Whether the client's certificate will do: 0, or -1, which ends the handshake. */
int tls_verify(const struct tls *tls, gnutls_session_t session);

#endif

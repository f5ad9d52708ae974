/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web configuration as it is at the moment. It is read again when one of its files has changed;
 * as long as the new one is bad, the old one goes on.
 */
#ifndef HTTP_WEB_H
#define HTTP_WEB_H

#include "http/tls.h"
#include "http/webfile.h"

struct web_source;

/* One state of it; never changes. */
struct web;

/* Something that should be in the log: one line, and whether it is a complaint. */
typedef void (*web_tell)(void *ctx, bool is_bad, const char *text);

/*
 * Reads the file at path; NULL: there is none, and nothing is configured. 0 with an owned
 * *ret_source; or -errno, and what is wrong is appended to why. tell is called from any thread.
 */
int web_source_new(const char *path, web_tell tell, void *ctx, struct strbuf *why,
		   struct web_source **ret_source);
void web_source_free(struct web_source *source);
DEFINE_CLEANUP(struct web_source *, web_source_free)

/* The newest good state, which the caller holds until web_release. Looks at the files. */
struct web *web_source_get(struct web_source *source);
/* The same without looking: whether `web` is still the newest one. */
bool web_source_is_current(struct web_source *source, const struct web *web);
/* NULL is fine. */
void web_release(struct web *web);

const struct web_file *web_settings(const struct web *web);
/* NULL when TLS is not configured. Valid as long as web. */
const struct tls *web_tls(const struct web *web);

#endif

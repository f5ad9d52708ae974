// SPDX-License-Identifier: Apache-2.0
#include "http/web.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_FILE_BYTES (1 << 20)
#define DIGEST_BYTES   32
/* A file may be written again within one tick of its clock: until it is so old, its content is
 * looked at each time. */
#define SETTLED_S      2

/* The configuration, and up to three files that it names. */
enum { CONFIG, CERT, KEY, CLIENT_CA, FILES };

/* What a file was when it was read. */
struct version {
	char *path; /* owned; NULL = no such file is named */
	struct stat st;
	bool settled;
};

struct web {
	atomic_uint holders;
	struct web_file file;
	struct tls *tls;
};

struct web_source {
	pthread_mutex_t lock;
	char *path;
	web_tell tell;
	void *ctx;
	struct web *current;            /* held */
	struct version versions[FILES]; /* of the last attempt, good or bad */
	unsigned char digest[DIGEST_BYTES];
};

/* ---- states ---- */

static struct web *web_new(void)
{
	struct web *web = calloc(1, sizeof(*web));

	if (web)
		web->holders = 1;
	return web;
}

void web_release(struct web *web)
{
	if (!web || --web->holders)
		return;
	tls_free(web->tls);
	web_file_done(&web->file);
	free(web);
}
DEFINE_CLEANUP(struct web *, web_release)

const struct web_file *web_settings(const struct web *web)
{
	return &web->file;
}

const struct tls *web_tls(const struct web *web)
{
	return web->tls;
}

/* ---- reading ---- */

/* One attempt to read everything. */
struct attempt {
	struct version versions[FILES];
	char *texts[FILES]; /* owned */
	size_t lens[FILES];
	gnutls_hash_hd_t hash;
};

static void versions_done(struct version *versions)
{
	for (int i = 0; i < FILES; i++)
		free(versions[i].path);
}

static void attempt_done(struct attempt *attempt)
{
	versions_done(attempt->versions);
	for (int i = 0; i < FILES; i++) {
		if (attempt->texts[i])
			explicit_bzero(attempt->texts[i], attempt->lens[i]);
		free(attempt->texts[i]);
	}
	if (attempt->hash)
		gnutls_hash_deinit(attempt->hash, NULL);
}

static bool is_settled(const struct stat *st)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return st->st_mtim.tv_sec + SETTLED_S < now.tv_sec &&
	       st->st_ctim.tv_sec + SETTLED_S < now.tv_sec;
}

/* Up to MAX_FILE_BYTES of an open file, NUL-terminated. */
static int read_all(int fd, char **ret_text, size_t *ret_len)
{
	_cleanup_free_ char *text = malloc(MAX_FILE_BYTES + 1);
	size_t len = 0;
	ssize_t n;
	char *fitting;

	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + len, MAX_FILE_BYTES + 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return -errno;
	if (len > MAX_FILE_BYTES)
		return -EFBIG;
	text[len] = '\0';
	fitting = realloc(text, len + 1);
	if (fitting)
		text = fitting;
	*ret_text = TAKE_PTR(text);
	*ret_len = len;
	return 0;
}

static int open_version(struct version *version, char **ret_text, size_t *ret_len)
{
	_cleanup_close_ int fd = open(version->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &version->st) < 0)
		return -errno;
	if (S_ISDIR(version->st.st_mode))
		return -EISDIR;
	version->settled = is_settled(&version->st);
	return read_all(fd, ret_text, ret_len);
}

/* Takes path over. 0 or -errno after why was appended. */
static int read_file(struct attempt *attempt, int which, const char *path, struct strbuf *why)
{
	struct version *version = &attempt->versions[which];
	int r;

	version->path = strdup(path);
	if (!version->path)
		return -ENOMEM;
	r = open_version(version, &attempt->texts[which], &attempt->lens[which]);
	if (r < 0) {
		strbuf_addf(why, "cannot read %s: %s", path, strerror(-r));
		return r;
	}
	gnutls_hash(attempt->hash, &attempt->lens[which], sizeof(attempt->lens[which]));
	gnutls_hash(attempt->hash, attempt->texts[which], attempt->lens[which]);
	return 0;
}

static int read_named(struct attempt *attempt, const struct web_file *file, struct strbuf *why)
{
	const char *const paths[FILES] = {
	    [CERT] = file->cert.path, [KEY] = file->key.path, [CLIENT_CA] = file->client_ca.path};
	int r = 0;

	for (int i = CERT; i < FILES && r == 0; i++)
		if (paths[i])
			r = read_file(attempt, i, paths[i], why);
	return r;
}

static int make_tls(const struct attempt *attempt, struct web *web, struct strbuf *why)
{
	const struct web_file *file = &web->file;
	const struct tls_texts texts = {
	    file->cert.path ? attempt->texts[CERT] : file->cert.text,
	    file->key.path ? attempt->texts[KEY] : file->key.text,
	    file->client_ca.path ? attempt->texts[CLIENT_CA] : file->client_ca.text,
	};

	return file->has_tls ? tls_new(file, &texts, why, &web->tls) : 0;
}

static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
}

static int make(struct attempt *attempt, const char *path, struct strbuf *why, struct web **ret_web)
{
	_cleanup_(web_release_p) struct web *web = web_new();
	_cleanup_free_ char *folder = folder_of(path);
	int r;

	if (!web || !folder)
		return -ENOMEM;
	r = read_file(attempt, CONFIG, path, why);
	if (r < 0)
		return r;
	r = web_file_parse(attempt->texts[CONFIG], attempt->lens[CONFIG], folder, &web->file, why);
	if (r == 0)
		r = read_named(attempt, &web->file, why);
	if (r == 0)
		r = make_tls(attempt, web, why);
	if (r == 0)
		*ret_web = TAKE_PTR(web);
	return r;
}

/* ---- following ---- */

static bool is_same(const struct version *version)
{
	struct stat st;

	if (!version->path)
		return true;
	return version->settled && stat(version->path, &st) == 0 &&
	       st.st_dev == version->st.st_dev && st.st_ino == version->st.st_ino &&
	       st.st_size == version->st.st_size &&
	       memcmp(&st.st_mtim, &version->st.st_mtim, sizeof(st.st_mtim)) == 0 &&
	       memcmp(&st.st_ctim, &version->st.st_ctim, sizeof(st.st_ctim)) == 0;
}

static bool may_have_changed(const struct web_source *source)
{
	for (int i = 0; i < FILES; i++)
		if (!is_same(&source->versions[i]))
			return true;
	return false;
}

/* Remembers what was read. False: all of it is as at the last attempt. */
static bool note_attempt(struct web_source *source, struct attempt *attempt)
{
	unsigned char digest[DIGEST_BYTES];
	bool is_new;

	gnutls_hash_output(attempt->hash, digest);
	is_new = memcmp(digest, source->digest, sizeof(digest)) != 0;
	memcpy(source->digest, digest, sizeof(digest));
	versions_done(source->versions);
	memcpy(source->versions, attempt->versions, sizeof(source->versions));
	memset(attempt->versions, 0, sizeof(attempt->versions));
	return is_new;
}

static void tell(const struct web_source *source, bool is_bad, const char *text, const char *rest)
{
	_cleanup_strbuf_ struct strbuf line = {0};

	strbuf_addf(&line, "%s: %s%s", source->path, text, rest);
	if (!line.error)
		source->tell(source->ctx, is_bad, line.data);
}

static void tell_effects(const struct web_source *source)
{
	if (source->current->file.http2)
		tell(source, false, "http2 has no effect: HTTP/1.1 is what is spoken here", "");
}

/* Sockets speak TLS, or do not, from the start on. */
static int check_switch(const struct web_source *source, const struct web *web, struct strbuf *why)
{
	if (!source->current || !web->tls == !source->current->tls)
		return 0;
	strbuf_addstr(why, "TLS can't be switched on or off without a restart");
	return -EINVAL;
}

/* Under the lock. 0, or -errno after why was appended, when there is something to say. */
static int read_again(struct web_source *source, struct strbuf *why, bool *ret_is_new)
{
	_cleanup_(attempt_done) struct attempt attempt = {.hash = NULL};
	_cleanup_(web_release_p) struct web *web = NULL;
	int r;

	if (gnutls_hash_init(&attempt.hash, GNUTLS_DIG_SHA256) < 0)
		return -ENOMEM;
	r = make(&attempt, source->path, why, &web);
	if (r == 0)
		r = check_switch(source, web, why);
	/* A file that can't be read has no content: why it can't is all there is to compare. */
	if (r < 0 && why->len)
		gnutls_hash(attempt.hash, why->data, why->len);
	*ret_is_new = note_attempt(source, &attempt);
	if (r == 0 && *ret_is_new) {
		web_release(source->current);
		source->current = TAKE_PTR(web);
	}
	return r;
}

static void follow(struct web_source *source)
{
	_cleanup_strbuf_ struct strbuf why = {0};
	bool is_new = false;
	int r = read_again(source, &why, &is_new);

	if (!is_new)
		return;
	if (r < 0) {
		tell(source, true, why.len ? why.data : strerror(-r),
		     "; what was configured before goes on, ignoring");
		return;
	}
	tell(source, false, "configured anew", "");
	tell_effects(source);
}

struct web *web_source_get(struct web_source *source)
{
	struct web *web;

	pthread_mutex_lock(&source->lock);
	if (source->path && may_have_changed(source))
		follow(source);
	web = source->current;
	web->holders++;
	pthread_mutex_unlock(&source->lock);
	return web;
}

bool web_source_is_current(struct web_source *source, const struct web *web)
{
	bool is_current;

	pthread_mutex_lock(&source->lock);
	is_current = source->current == web;
	pthread_mutex_unlock(&source->lock);
	return is_current;
}

/* ---- start and end ---- */

static int read_first(struct web_source *source, struct strbuf *why)
{
	_cleanup_strbuf_ struct strbuf problem = {0};
	bool is_new;
	int r = read_again(source, &problem, &is_new);

	if (r < 0) {
		strbuf_addf(why, "--web.config.file=%s: %s", source->path,
			    problem.len ? problem.data : strerror(-r));
		return r;
	}
	tell_effects(source);
	return 0;
}

int web_source_new(const char *path, web_tell tell_cb, void *ctx, struct strbuf *why,
		   struct web_source **ret_source)
{
	_cleanup_(web_source_free_p) struct web_source *source = calloc(1, sizeof(*source));
	int r = 0;

	if (!source)
		return -ENOMEM;
	pthread_mutex_init(&source->lock, NULL);
	source->tell = tell_cb;
	source->ctx = ctx;
	if (path) {
		source->path = strdup(path);
		r = source->path ? read_first(source, why) : -ENOMEM;
	} else {
		source->current = web_new();
		r = source->current ? 0 : -ENOMEM;
	}
	if (r == 0)
		*ret_source = TAKE_PTR(source);
	return r;
}

void web_source_free(struct web_source *source)
{
	if (!source)
		return;
	web_release(source->current);
	versions_done(source->versions);
	pthread_mutex_destroy(&source->lock);
	free(source->path);
	free(source);
}

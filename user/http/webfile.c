// SPDX-License-Identifier: Apache-2.0
/*
 * The keys, as docs/web-configuration.md of prometheus/exporter-toolkit has them:
 *
 *   tls_server_config:   cert or cert_file, key or key_file, client_ca or client_ca_file,
 *                        client_auth_type, client_allowed_sans, min_version, max_version,
 *                        prefer_server_cipher_suites, curve_preferences, cipher_suites
 *   http_server_config:  http2, headers (five of them)
 *   basic_auth_users:    name: bcrypt hash
 *   rate_limit:          interval, burst
 *
 * cipher_suites and rate_limit are refused: GnuTLS chooses suites by their parts, and rates are
 * bounded in another way. An empty value is like none.
 */
#include "http/webfile.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#include "http/passwords.h"
#include "util/cleanup.h"

struct parsing {
	yaml_document_t *document;
	struct web_file *file;
	const char *folder;
	struct strbuf *why;
};

struct key {
	const char *name;
	/* 0; or -EINVAL after why was appended; or -ENOMEM. */
	int (*read)(const struct parsing *parsing, const yaml_node_t *value, const struct key *key);
	size_t offset; /* in struct web_file, of what it is about */
	bool is_tls;   /* asks for TLS */
};

static const char *const header_names[] = {
    [WEB_CONTENT_SECURITY_POLICY] = "Content-Security-Policy",
    [WEB_FRAME_OPTIONS] = "X-Frame-Options",
    [WEB_CONTENT_TYPE_OPTIONS] = "X-Content-Type-Options",
    [WEB_XSS_PROTECTION] = "X-XSS-Protection",
    [WEB_STRICT_TRANSPORT_SECURITY] = "Strict-Transport-Security",
};
_Static_assert(ARRAY_LEN(header_names) == WEB_HEADER_MAX, "a header lacks its name");

const char *web_header_name(enum web_header header)
{
	return header_names[header];
}

/* ---- nodes ---- */

static int refuse(const struct parsing *parsing, const yaml_node_t *node, const char *name,
		  const char *problem)
{
	strbuf_addf(parsing->why, "line %zu: %s %s", node->start_mark.line + 1, name, problem);
	return -EINVAL;
}

/* Its text; NULL when it is no scalar. */
static const char *text_of(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = text_of(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!text[0] || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

/* A scalar without NUL bytes. */
static int read_text(const struct parsing *parsing, const yaml_node_t *value, const char *name,
		     const char **ret_text)
{
	const char *text = text_of(value);

	if (!text || strlen(text) != value->data.scalar.length)
		return refuse(parsing, value, name, "must be a text");
	*ret_text = text;
	return 0;
}

/* The number of a text in a list of names. */
static int read_choice(const struct parsing *parsing, const yaml_node_t *value, const char *name,
		       const char *const *names, size_t n, size_t *ret_choice)
{
	const char *text;
	int r = read_text(parsing, value, name, &text);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*ret_choice = i;
		return 0;
	}
	return r < 0 ? r : refuse(parsing, value, name, "has a value that is not known");
}

static void *place_of(const struct parsing *parsing, const struct key *key)
{
	return (char *)parsing->file + key->offset;
}

/* ---- kinds of values ---- */

static int read_string(const struct parsing *parsing, const yaml_node_t *value,
		       const struct key *key)
{
	char **place = place_of(parsing, key);
	const char *text;
	int r = read_text(parsing, value, key->name, &text);

	if (r < 0)
		return r;
	*place = strdup(text);
	return *place ? 0 : -ENOMEM;
}

static int read_path(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	char **place = place_of(parsing, key);
	const char *text;
	int r = read_text(parsing, value, key->name, &text);

	if (r < 0)
		return r;
	r = text[0] == '/' ? asprintf(place, "%s", text)
			   : asprintf(place, "%s/%s", parsing->folder, text);
	if (r < 0)
		*place = NULL;
	return r < 0 ? -ENOMEM : 0;
}

/* As YAML 1.1 has it. */
static int read_bool(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
	bool *place = place_of(parsing, key);
	const char *text;
	int r = read_text(parsing, value, key->name, &text);

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(words); i++) {
		if (strcasecmp(text, words[i]) != 0)
			continue;
		*place = i % 2;
		return 0;
	}
	return r < 0 ? r : refuse(parsing, value, key->name, "must be true or false");
}

static int read_version(const struct parsing *parsing, const yaml_node_t *value,
			const struct key *key)
{
	static const char *const names[] = {"TLS10", "TLS11", "TLS12", "TLS13"};
	enum web_tls_version *place = place_of(parsing, key);
	size_t choice = 0;
	int r = read_choice(parsing, value, key->name, names, ARRAY_LEN(names), &choice);

	*place = (enum web_tls_version)choice;
	return r;
}

static int read_auth(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	/* The last one is an old name of the third. */
	static const char *const names[] = {"NoClientCert",
					    "RequestClientCert",
					    "RequireAnyClientCert",
					    "VerifyClientCertIfGiven",
					    "RequireAndVerifyClientCert",
					    "RequireClientCert"};
	size_t choice = 0;
	int r = read_choice(parsing, value, key->name, names, ARRAY_LEN(names), &choice);

	parsing->file->client_auth = choice == WEB_CLIENT_AUTH_MAX ? WEB_REQUIRE_ANY_CLIENT_CERT
								   : (enum web_client_auth)choice;
	return r;
}

static int refuse_key(const struct parsing *parsing, const yaml_node_t *value,
		      const struct key *key)
{
	return refuse(parsing, value, key->name, "can't be had here: leave it out");
}

/* ---- lists ---- */

/* Calls read for each item of a list. */
static int read_list(const struct parsing *parsing, const yaml_node_t *list, const struct key *key,
		     int (*read)(const struct parsing *, const yaml_node_t *, const struct key *))
{
	int r = 0;

	if (list->type != YAML_SEQUENCE_NODE)
		return refuse(parsing, list, key->name, "must be a list");
	for (yaml_node_item_t *item = list->data.sequence.items.start;
	     item < list->data.sequence.items.top && r == 0; item++)
		r = read(parsing, yaml_document_get_node(parsing->document, *item), key);
	return r;
}

static int read_san(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	struct web_file *file = parsing->file;
	const char *text;
	int r = read_text(parsing, value, key->name, &text);

	if (r == 0 && file->nsans == WEB_MAX_LIST)
		r = refuse(parsing, value, key->name, "has too many names");
	if (r < 0)
		return r;
	file->sans[file->nsans] = strdup(text);
	return file->sans[file->nsans++] ? 0 : -ENOMEM;
}

static int read_sans(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	return read_list(parsing, value, key, read_san);
}

static int read_curve(const struct parsing *parsing, const yaml_node_t *value,
		      const struct key *key)
{
	static const char *const names[] = {"CurveP256", "CurveP384", "CurveP521", "X25519"};
	struct web_file *file = parsing->file;
	size_t choice;
	int r = read_choice(parsing, value, key->name, names, ARRAY_LEN(names), &choice);

	if (r == 0 && file->ncurves == WEB_CURVE_MAX)
		r = refuse(parsing, value, key->name, "has a curve twice");
	if (r == 0)
		file->curves[file->ncurves++] = (enum web_curve)choice;
	return r;
}

static int read_curves(const struct parsing *parsing, const yaml_node_t *value,
		       const struct key *key)
{
	return read_list(parsing, value, key, read_curve);
}

/* ---- maps ---- */

/* Whether a key stands in front of this pair, too. */
static bool is_repeated(const struct parsing *parsing, const yaml_node_t *map,
			const yaml_node_pair_t *pair, const char *name)
{
	for (yaml_node_pair_t *other = map->data.mapping.pairs.start; other < pair; other++) {
		const char *text = text_of(yaml_document_get_node(parsing->document, other->key));

		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

/* Calls read for each key of a map with its value. */
static int read_map(const struct parsing *parsing, const yaml_node_t *map, const char *name,
		    int (*read)(const struct parsing *parsing, const yaml_node_t *key_node,
				const char *key, const yaml_node_t *value, const void *ctx),
		    const void *ctx)
{
	int r = 0;

	if (is_null(map))
		return 0;
	if (map->type != YAML_MAPPING_NODE)
		return refuse(parsing, map, name, "must be a map");
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
	     pair < map->data.mapping.pairs.top && r == 0; pair++) {
		const yaml_node_t *node = yaml_document_get_node(parsing->document, pair->key);
		const char *key;

		r = read_text(parsing, node, "a key", &key);
		if (r == 0 && is_repeated(parsing, map, pair, key))
			r = refuse(parsing, node, key, "is there twice");
		if (r == 0)
			r = read(parsing, node, key,
				 yaml_document_get_node(parsing->document, pair->value), ctx);
	}
	return r;
}

struct keys {
	const struct key *keys;
	size_t n;
};

static int read_known(const struct parsing *parsing, const yaml_node_t *node, const char *name,
		      const yaml_node_t *value, const void *ctx)
{
	const struct keys *keys = ctx;

	for (size_t i = 0; i < keys->n; i++) {
		const struct key *key = &keys->keys[i];

		if (strcmp(key->name, name) != 0)
			continue;
		if (is_null(value))
			return 0;
		parsing->file->has_tls |= key->is_tls;
		return key->read(parsing, value, key);
	}
	return refuse(parsing, node, name, "is no key that is known here");
}

#define READ_MAP(table) \
	read_map(parsing, value, key->name, read_known, &(struct keys){table, ARRAY_LEN(table)})
#define AT(field) .offset = offsetof(struct web_file, field)
#define KEY(key_name, read_value, ...)                              \
	{                                                           \
		.name = key_name, .read = read_value, ##__VA_ARGS__ \
	}

static int read_tls(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	static const struct key keys[] = {
	    KEY("cert", read_string, AT(cert.text), .is_tls = true),
	    KEY("cert_file", read_path, AT(cert.path), .is_tls = true),
	    KEY("key", read_string, AT(key.text), .is_tls = true),
	    KEY("key_file", read_path, AT(key.path), .is_tls = true),
	    KEY("client_ca", read_string, AT(client_ca.text), .is_tls = true),
	    KEY("client_ca_file", read_path, AT(client_ca.path), .is_tls = true),
	    KEY("client_auth_type", read_auth, .is_tls = true),
	    KEY("client_allowed_sans", read_sans),
	    KEY("min_version", read_version, AT(min_version)),
	    KEY("max_version", read_version, AT(max_version)),
	    KEY("prefer_server_cipher_suites", read_bool, AT(server_preference)),
	    KEY("curve_preferences", read_curves),
	    KEY("cipher_suites", refuse_key),
	};

	return READ_MAP(keys);
}

/* Where only some values are allowed. */
static int check_header(const struct parsing *parsing, const yaml_node_t *value,
			const struct key *key)
{
	static const struct {
		const char *name, *allowed;
	} values[] = {
	    {"X-Frame-Options", "deny"},
	    {"X-Frame-Options", "sameorigin"},
	    {"X-Content-Type-Options", "nosniff"},
	};
	bool is_bound = false;
	const char *text;
	int r = read_text(parsing, value, key->name, &text);

	if (r == 0 && strpbrk(text, "\r\n"))
		return refuse(parsing, value, key->name, "must be one line");
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(values); i++) {
		if (strcmp(values[i].name, key->name) != 0)
			continue;
		is_bound = true;
		if (strcmp(values[i].allowed, text) == 0)
			return 0;
	}
	return r == 0 && is_bound ? refuse(parsing, value, key->name, "can't have this value") : r;
}

static int read_header(const struct parsing *parsing, const yaml_node_t *value,
		       const struct key *key)
{
	int r = check_header(parsing, value, key);

	return r < 0 ? r : read_string(parsing, value, key);
}

static int read_headers(const struct parsing *parsing, const yaml_node_t *value,
			const struct key *key)
{
	struct key keys[WEB_HEADER_MAX];

	for (int i = 0; i < WEB_HEADER_MAX; i++)
		keys[i] = (struct key){.name = header_names[i],
				       .read = read_header,
				       .offset = offsetof(struct web_file, headers) +
						 (size_t)i * sizeof(char *)};
	return READ_MAP(keys);
}

static int read_http(const struct parsing *parsing, const yaml_node_t *value, const struct key *key)
{
	static const struct key keys[] = {
	    KEY("http2", read_bool, AT(http2)),
	    KEY("headers", read_headers),
	};

	return READ_MAP(keys);
}

static int read_user(const struct parsing *parsing, const yaml_node_t *node, const char *name,
		     const yaml_node_t *value, const void *ctx)
{
	struct web_file *file = parsing->file;
	struct web_user *user = &file->users[file->nusers];
	const char *hash;
	int r = read_text(parsing, value, name, &hash);

	(void)ctx;
	if (r == 0 && file->nusers == WEB_MAX_LIST)
		r = refuse(parsing, node, name, "is one user too many");
	if (r == 0 && !passwords_is_hash(hash))
		r = refuse(parsing, value, name, "must have a password hash of bcrypt");
	if (r < 0)
		return r;
	file->nusers++;
	user->name = strdup(name);
	user->hash = strdup(hash);
	return user->name && user->hash ? 0 : -ENOMEM;
}

static int read_users(const struct parsing *parsing, const yaml_node_t *value,
		      const struct key *key)
{
	return read_map(parsing, value, key->name, read_user, NULL);
}

/* ---- the file ---- */

static const struct key top_keys[] = {
    KEY("tls_server_config", read_tls),
    KEY("http_server_config", read_http),
    KEY("basic_auth_users", read_users),
    KEY("rate_limit", refuse_key),
};

static void pem_done(struct web_pem *pem)
{
	if (pem->text)
		explicit_bzero(pem->text, strlen(pem->text));
	free(pem->text);
	free(pem->path);
}

void web_file_done(struct web_file *file)
{
	pem_done(&file->cert);
	pem_done(&file->key);
	pem_done(&file->client_ca);
	for (size_t i = 0; i < file->nsans; i++)
		free(file->sans[i]);
	for (int i = 0; i < WEB_HEADER_MAX; i++)
		free(file->headers[i]);
	for (size_t i = 0; i < file->nusers; i++) {
		free(file->users[i].name);
		free(file->users[i].hash);
	}
	*file = (struct web_file){0};
}

/* What no key on its own can be blamed for. */
static const char *find_conflict(const struct web_file *file)
{
	const struct {
		bool is;
		const char *problem;
	} conflicts[] = {
	    {file->cert.text && file->cert.path, "cert and cert_file are both there"},
	    {file->key.text && file->key.path, "key and key_file are both there"},
	    {file->client_ca.text && file->client_ca.path,
	     "client_ca and client_ca_file are both there"},
	    {file->has_tls && !file->cert.text && !file->cert.path,
	     "tls_server_config lacks cert or cert_file"},
	    {file->has_tls && !file->key.text && !file->key.path,
	     "tls_server_config lacks key or key_file"},
	    {(file->client_ca.text || file->client_ca.path) &&
		 file->client_auth == WEB_NO_CLIENT_CERT,
	     "there is a client_ca, but client_auth_type does not ask for certificates"},
	    {file->nsans && file->client_auth != WEB_REQUIRE_ANY_CLIENT_CERT &&
		 file->client_auth != WEB_REQUIRE_AND_VERIFY_CLIENT_CERT,
	     "client_allowed_sans needs a client_auth_type that requires certificates"},
	    {file->min_version > file->max_version, "min_version is above max_version"},
	};

	for (size_t i = 0; i < ARRAY_LEN(conflicts); i++)
		if (conflicts[i].is)
			return conflicts[i].problem;
	return NULL;
}

static int read_document(const struct parsing *parsing)
{
	const yaml_node_t *root = yaml_document_get_root_node(parsing->document);
	const struct keys keys = {top_keys, ARRAY_LEN(top_keys)};
	int r = root ? read_map(parsing, root, "the file", read_known, &keys) : 0;
	const char *conflict = find_conflict(parsing->file);

	if (r == 0 && conflict) {
		strbuf_addstr(parsing->why, conflict);
		r = -EINVAL;
	}
	return r;
}

static int load(yaml_parser_t *parser, yaml_document_t *ret_document, struct strbuf *why)
{
	if (yaml_parser_load(parser, ret_document))
		return 0;
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	strbuf_addf(why, "line %zu: %s", parser->problem_mark.line + 1,
		    parser->problem ? parser->problem : "this is no YAML");
	return -EINVAL;
}

DEFINE_CLEANUP(yaml_parser_t *, yaml_parser_delete)

int web_file_parse(const char *text, size_t len, const char *folder, struct web_file *ret_file,
		   struct strbuf *why)
{
	yaml_parser_t parser;
	_cleanup_(yaml_parser_delete_p) yaml_parser_t *cleaned = &parser;
	_cleanup_(web_file_done) struct web_file file = {
	    .min_version = WEB_TLS12, .max_version = WEB_TLS13, .server_preference = true};
	yaml_document_t document;
	int r;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(cleaned, (const unsigned char *)text, len);
	r = load(&parser, &document, why);
	if (r < 0)
		return r;
	r = read_document(&(struct parsing){&document, &file, folder, why});
	yaml_document_delete(&document);
	if (r < 0)
		return r;
	*ret_file = file;
	file = (struct web_file){0};
	return 0;
}

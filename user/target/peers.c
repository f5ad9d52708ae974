// SPDX-License-Identifier: Apache-2.0
/*
 * The variables are those of Philotes' internal/config:
 *
 *   PHILOTES_CDC_SOURCE_HOST, _PORT  localhost, 5433: parts of a URL, so an IPv6 address may be in
 * [] PHILOTES_DB_HOST, _PORT          localhost, 5432: parts of a libpq string
 *   PHILOTES_STORAGE_ENDPOINT        localhost:9000: HOST or HOST:PORT
 *   PHILOTES_STORAGE_USE_SSL         false: decides the port when there is none
 *   PHILOTES_ICEBERG_CATALOG_URL     http://localhost:8181
 *   PHILOTES_VAULT_ADDRESS           a URL; no default
 *   PHILOTES_TRINO_URL, PHILOTES_PROMETHEUS_URL
 *                                    role `other`: only so that they are not taken for someone else
 *
 * A host of PostgreSQL may be several with commas between them, or a path (a UNIX socket).
 */
#include "target/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/number.h"

#define PORT_HTTP  80
#define PORT_HTTPS 443
#define HOSTS_MAX  4 /* of one variable */

/* X(enum suffix, variable, default) */
#define VARIABLES(X)                                                            \
	X(SOURCE_HOST, "PHILOTES_CDC_SOURCE_HOST", "localhost")                 \
	X(SOURCE_PORT, "PHILOTES_CDC_SOURCE_PORT", "5433")                      \
	X(BUFFER_HOST, "PHILOTES_DB_HOST", "localhost")                         \
	X(BUFFER_PORT, "PHILOTES_DB_PORT", "5432")                              \
	X(STORAGE_ENDPOINT, "PHILOTES_STORAGE_ENDPOINT", "localhost:9000")      \
	X(STORAGE_SSL, "PHILOTES_STORAGE_USE_SSL", "false")                     \
	X(CATALOG_URL, "PHILOTES_ICEBERG_CATALOG_URL", "http://localhost:8181") \
	X(VAULT_ADDRESS, "PHILOTES_VAULT_ADDRESS", "")                          \
	X(TRINO_URL, "PHILOTES_TRINO_URL", "")                                  \
	X(PROMETHEUS_URL, "PHILOTES_PROMETHEUS_URL", "")

enum variable {
#define X(id, name, value) VARIABLE_##id,
	VARIABLES(X)
#undef X
	    VARIABLE_MAX
};

static const struct {
	const char *name, *value;
} variables[VARIABLE_MAX] = {
#define X(id, name, value) [VARIABLE_##id] = {name, value},
    VARIABLES(X)
#undef X
};

/* ---- pieces of text ---- */

static struct view view_of(const char *text)
{
	return (struct view){(const uint8_t *)text, strlen(text)};
}

/* Splits at the first separator; without one, all of it is the head and *ret_found is false. */
static struct view split(struct view *text, char separator, bool *ret_found)
{
	const uint8_t *at = text->len ? memchr(text->data, separator, text->len) : NULL;
	struct view head = *text;

	*ret_found = at != NULL;
	if (!at) {
		*text = (struct view){0};
		return head;
	}
	head.len = (size_t)(at - text->data);
	view_tail(*text, head.len + 1, text);
	return head;
}

static bool starts_with(struct view text, const char *start, struct view *ret_rest)
{
	struct view head;
	size_t len = strlen(start);

	return view_slice(text, 0, len, &head) == 0 && view_equals(head, start) &&
	       view_tail(text, len, ret_rest) == 0;
}

/* 0 and a NUL-terminated copy, or -ENAMETOOLONG. */
static int copy_text(struct view text, char *ret_text, size_t size)
{
	if (text.len >= size)
		return -ENAMETOOLONG;
	if (text.len)
		memcpy(ret_text, text.data, text.len);
	ret_text[text.len] = '\0';
	return 0;
}

/* As Go's Atoi; 0 = no port. */
static uint16_t parse_port(struct view text)
{
	char digits[8];
	uint64_t port;

	starts_with(text, "+", &text);
	if (copy_text(text, digits, sizeof(digits)) < 0 ||
	    number_parse_u64(digits, 1, UINT16_MAX, &port) < 0)
		return 0;
	return (uint16_t)port;
}

/* ---- hosts ---- */

static void set_v4(uint32_t network_order, uint8_t ret_address[static PS_ADDRESS_BYTES])
{
	memset(ret_address, 0, PS_ADDRESS_BYTES);
	memset(ret_address + 10, 0xff, 2);
	memcpy(ret_address + 12, &network_order, sizeof(network_order));
}

static bool is_v4(const uint8_t address[static PS_ADDRESS_BYTES])
{
	uint8_t like[PS_ADDRESS_BYTES];

	set_v4(0, like);
	return memcmp(address, like, 12) == 0;
}

static bool is_loopback(const uint8_t address[static PS_ADDRESS_BYTES])
{
	return is_v4(address) ? address[12] == 127
			      : memcmp(address, &in6addr_loopback, PS_ADDRESS_BYTES) == 0;
}

/* 0.0.0.0 and ::, which lead to this very host. */
static bool is_unspecified(const uint8_t address[static PS_ADDRESS_BYTES])
{
	static const uint8_t zeroes[PS_ADDRESS_BYTES];

	return is_v4(address) ? memcmp(address + 12, zeroes, 4) == 0
			      : memcmp(address, zeroes, PS_ADDRESS_BYTES) == 0;
}

static bool parse_address(const char *host, uint8_t ret_address[static PS_ADDRESS_BYTES])
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1) {
		set_v4(v4.s_addr, ret_address);
		return true;
	}
	if (inet_pton(AF_INET6, host, &v6) != 1)
		return false;
	memcpy(ret_address, &v6, PS_ADDRESS_BYTES);
	return true;
}

/* Letters, digits and -_. in labels of at most 63: what a resolver would ask for. */
static bool is_name(const char *host)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	size_t label = 0;

	if (!host[0] || host[strspn(host, good)])
		return false;
	for (; *host; host++) {
		if (*host == '.' && !label)
			return false;
		label = *host == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return true;
}

/* In small letters, without brackets, zone and last dot. */
static int tidy_host(struct view text, char ret_host[static PEER_NAME_BYTES])
{
	size_t len;
	bool found;

	starts_with(text, "[", &text);
	text = split(&text, ']', &found);
	text = split(&text, '%', &found);
	if (copy_text(text, ret_host, PEER_NAME_BYTES) < 0)
		return -ENAMETOOLONG;
	for (char *c = ret_host; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	len = strlen(ret_host);
	if (len > 1 && ret_host[len - 1] == '.')
		ret_host[len - 1] = '\0';
	return 0;
}

static void place_host(struct view text, struct peer *peer)
{
	char host[PEER_NAME_BYTES];

	if (tidy_host(text, host) < 0)
		return;
	if (strcmp(host, "localhost") == 0)
		peer->place = PEER_AT_LOOPBACK;
	else if (parse_address(host, peer->address))
		peer->place = PEER_AT_ADDRESS;
	else if (is_name(host))
		peer->place = PEER_AT_NAME;
	/* Not what lies behind its end: that may be left of another host, and of a password in it.
	 */
	if (peer->place == PEER_AT_NAME)
		memcpy(peer->name, host, strlen(host));
	if (peer->place != PEER_AT_ADDRESS || !is_unspecified(peer->address))
		return;
	memset(peer->address, 0, sizeof(peer->address));
	peer->place = PEER_AT_LOOPBACK;
}

static void add_peer(struct peers *peers, enum ps_role role, struct view host, uint16_t port)
{
	struct peer peer = {.role = (uint8_t)role, .port = port};

	if (port)
		place_host(host, &peer);
	if (peer.place != PEER_NOWHERE && peers->n < PEERS_MAX)
		peers->peers[peers->n++] = peer;
}

/* ---- kinds of values ---- */

/* HOST:PORT, HOST, [IPV6]:PORT, [IPV6]. */
static void add_endpoint(struct peers *peers, enum ps_role role, struct view text,
			 uint16_t default_port)
{
	struct view host, rest = text;
	bool found;

	if (text.len && text.data[0] == '[') {
		host = split(&rest, ']', &found);
		found = starts_with(rest, ":", &rest);
	} else {
		host = split(&rest, ':', &found);
	}
	add_peer(peers, role, host, found ? parse_port(rest) : default_port);
}

/* The end of user name and password, if there are any, is the last @ before the path. */
static struct view without_user(struct view authority)
{
	bool found = true;
	struct view rest = authority;

	while (found) {
		authority = rest;
		split(&rest, '@', &found);
	}
	return authority;
}

static void add_url(struct peers *peers, enum ps_role role, struct view url)
{
	uint16_t port = PORT_HTTP;
	bool found;

	if (starts_with(url, "https://", &url))
		port = PORT_HTTPS;
	else if (!starts_with(url, "http://", &url))
		return;
	url = split(&url, '/', &found);
	url = split(&url, '?', &found);
	url = split(&url, '#', &found);
	add_endpoint(peers, role, without_user(url), port);
}

/* A path is a UNIX socket. */
static void add_database(struct peers *peers, enum ps_role role, struct view hosts, uint16_t port)
{
	bool more = true;

	for (int i = 0; i < HOSTS_MAX && more; i++) {
		struct view host = split(&hosts, ',', &more);

		if (host.len && host.data[0] != '/' && host.data[0] != '@')
			add_peer(peers, role, host, port);
	}
}

/* As Go's ParseBool. */
static bool is_true(struct view text)
{
	static const char *const words[] = {"1", "t", "T", "TRUE", "true", "True"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (view_equals(text, words[i]))
			return true;
	return false;
}

/* ---- all ---- */

/* The values; those that are not on the list are not looked at any further. */
static void read_values(struct view environment, struct view ret_values[static VARIABLE_MAX])
{
	bool seen[VARIABLE_MAX] = {false}, more = true, found;

	for (int i = 0; i < VARIABLE_MAX; i++)
		ret_values[i] = view_of(variables[i].value);
	while (more) {
		struct view value = split(&environment, '\0', &more);
		struct view name = split(&value, '=', &found);

		for (int i = 0; i < VARIABLE_MAX && found; i++) {
			if (seen[i] || !view_equals(name, variables[i].name))
				continue;
			seen[i] = true;
			if (value.len)
				ret_values[i] = value;
		}
	}
}

/* What is no number is as if it were not set. */
static uint16_t port_of(const struct view *values, enum variable variable)
{
	uint16_t port = parse_port(values[variable]);

	return port ? port : parse_port(view_of(variables[variable].value));
}

void peers_read(struct view environment, struct peers *ret_peers)
{
	struct view values[VARIABLE_MAX];

	*ret_peers = (struct peers){0};
	read_values(environment, values);
	add_database(ret_peers, PS_ROLE_SOURCE, values[VARIABLE_SOURCE_HOST],
		     port_of(values, VARIABLE_SOURCE_PORT));
	add_database(ret_peers, PS_ROLE_BUFFER, values[VARIABLE_BUFFER_HOST],
		     port_of(values, VARIABLE_BUFFER_PORT));
	add_endpoint(ret_peers, PS_ROLE_OBJECT_STORE, values[VARIABLE_STORAGE_ENDPOINT],
		     is_true(values[VARIABLE_STORAGE_SSL]) ? PORT_HTTPS : PORT_HTTP);
	add_url(ret_peers, PS_ROLE_CATALOG, values[VARIABLE_CATALOG_URL]);
	add_url(ret_peers, PS_ROLE_VAULT, values[VARIABLE_VAULT_ADDRESS]);
	add_url(ret_peers, PS_ROLE_OTHER, values[VARIABLE_TRINO_URL]);
	add_url(ret_peers, PS_ROLE_OTHER, values[VARIABLE_PROMETHEUS_URL]);
}

/* A text, and nothing behind it. */
static bool is_text_alone(const char name[static PEER_NAME_BYTES])
{
	size_t len = strnlen(name, PEER_NAME_BYTES);

	for (size_t i = len; i < PEER_NAME_BYTES; i++)
		if (name[i])
			return false;
	return len < PEER_NAME_BYTES;
}

static bool is_sound(const struct peer *peer)
{
	static const uint8_t zeroes[PS_ADDRESS_BYTES];
	bool is_named = peer->place == PEER_AT_NAME;

	return peer->place > PEER_NOWHERE && peer->place < PEER_PLACE_MAX &&
	       peer->role < PS_ROLE_MAX && peer->port && is_text_alone(peer->name) &&
	       (is_named ? is_name(peer->name) : !peer->name[0]) &&
	       (peer->place == PEER_AT_ADDRESS ||
		memcmp(peer->address, zeroes, sizeof(zeroes)) == 0);
}

bool peers_are_sound(const struct peers *peers)
{
	if (peers->n > PEERS_MAX)
		return false;
	for (uint32_t i = 0; i < peers->n; i++)
		if (!is_sound(&peers->peers[i]))
			return false;
	return true;
}

/* ---- rules ---- */

/* What a peer's place is as a rule, exact ones first. */
static const struct {
	enum peer_place place;
	enum ps_peer_match match;
} steps[] = {
    {PEER_AT_ADDRESS, PS_MATCH_ADDRESS},
    {PEER_AT_LOOPBACK, PS_MATCH_LOOPBACK},
    {PEER_AT_NAME, PS_MATCH_ANY},
};

/* Two names, or localhost and one of its addresses, may be one host. */
static bool may_be_same(const struct peer *a, const struct peer *b)
{
	bool local_a = a->place == PEER_AT_ADDRESS && is_loopback(a->address);
	bool local_b = b->place == PEER_AT_ADDRESS && is_loopback(b->address);

	if (a->port != b->port)
		return false;
	if (a->place == b->place)
		return memcmp(a->address, b->address, sizeof(a->address)) == 0;
	return (local_a && b->place == PEER_AT_LOOPBACK) ||
	       (local_b && a->place == PEER_AT_LOOPBACK);
}

/* Its role, unless another one may have the address, too. */
static uint8_t role_of(const struct peers *peers, const struct peer *peer, bool *ret_ambiguous)
{
	uint8_t role = peer->role;

	for (uint32_t i = 0; i < peers->n; i++)
		if (peers->peers[i].role != peer->role && may_be_same(&peers->peers[i], peer)) {
			*ret_ambiguous = true;
			role = PS_ROLE_OTHER;
		}
	return role;
}

void peers_rules(const struct peers *peers, struct ps_peer_rule ret_rules[static PS_PEER_RULES],
		 bool *ret_ambiguous)
{
	size_t n = 0;

	_Static_assert(PEERS_MAX <= PS_PEER_RULES, "a peer may have no rule");
	memset(ret_rules, 0, PS_PEER_RULES * sizeof(*ret_rules));
	*ret_ambiguous = false;
	for (size_t step = 0; step < ARRAY_LEN(steps); step++) {
		for (uint32_t i = 0; i < peers->n; i++) {
			const struct peer *peer = &peers->peers[i];
			struct ps_peer_rule rule = {.port = peer->port,
						    .match = (uint8_t)steps[step].match};

			if (peer->place != steps[step].place)
				continue;
			memcpy(rule.address, peer->address, sizeof(rule.address));
			rule.role = role_of(peers, peer, ret_ambiguous);
			ret_rules[n++] = rule;
		}
	}
}

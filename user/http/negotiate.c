// SPDX-License-Identifier: Apache-2.0
/*
 * Both headers are lists (RFC 9110, 12.5): elements between commas, parameters behind semicolons,
 * blanks around either, the parameter q a weight from 0 (never) to 1. Names are case-insensitive,
 * values may be in quotes.
 */
#include "http/negotiate.h"

#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define BLANKS " \t"

/* Bytes of a header that are not ours. */
struct slice {
	const char *text;
	size_t len;
};

static bool is_equal(struct slice slice, const char *text)
{
	return slice.len == strlen(text) &&
	       (!slice.len || strncasecmp(slice.text, text, slice.len) == 0);
}

static struct slice trim(struct slice slice)
{
	while (slice.len && strchr(BLANKS, slice.text[0])) {
		slice.text++;
		slice.len--;
	}
	while (slice.len && strchr(BLANKS, slice.text[slice.len - 1]))
		slice.len--;
	return slice;
}

static struct slice unquote(struct slice slice)
{
	if (slice.len >= 2 && slice.text[0] == '"' && slice.text[slice.len - 1] == '"')
		return (struct slice){slice.text + 1, slice.len - 2};
	return slice;
}

/* Takes what stands before the next separator off the rest. False at the end. */
static bool take(struct slice *rest, char separator, struct slice *ret_part)
{
	const char *end;
	size_t len;

	if (!rest->text)
		return false;
	end = memchr(rest->text, separator, rest->len);
	len = end ? (size_t)(end - rest->text) : rest->len;
	*ret_part = trim((struct slice){rest->text, len});
	*rest = end ? (struct slice){end + 1, rest->len - len - 1} : (struct slice){NULL, 0};
	return true;
}

static double weight(struct slice value)
{
	char text[16];
	char *end;
	double q;

	if (!value.len || value.len >= sizeof(text))
		return 0;
	memcpy(text, value.text, value.len);
	text[value.len] = '\0';
	q = strtod(text, &end);
	return *end == '\0' && q >= 0 && q <= 1 ? q : 0;
}

/* An element of a list: its name, and the parameters that matter. */
struct element {
	struct slice name, version;
	double q;
};

/* Takes the next element off the list. False at the end. */
static bool take_element(struct slice *list, struct element *ret_element)
{
	struct element element = {.q = 1};
	struct slice rest, part, name;

	if (!take(list, ',', &rest) || !take(&rest, ';', &element.name))
		return false;
	while (take(&rest, ';', &part)) {
		struct slice value = part;

		take(&value, '=', &name);
		value = unquote(trim(value));
		if (is_equal(name, "q"))
			element.q = weight(value);
		else if (is_equal(name, "version"))
			element.version = value;
	}
	*ret_element = element;
	return true;
}

/* The formats by name and version; "" is also what is meant without a version. */
static const struct {
	const char *name, *version;
	struct http_format format;
} formats[] = {
    {"text/plain", "0.0.4", {METRIC_TEXT, "text/plain; version=0.0.4; charset=utf-8"}},
    {"text/plain", "", {METRIC_TEXT, "text/plain; version=0.0.4; charset=utf-8"}},
    {"application/openmetrics-text",
     "1.0.0",
     {METRIC_OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"}},
    /* The draft of the same format, which old clients ask for. */
    {"application/openmetrics-text",
     "0.0.1",
     {METRIC_OPENMETRICS, "application/openmetrics-text; version=0.0.1; charset=utf-8"}},
    {"application/openmetrics-text",
     "",
     {METRIC_OPENMETRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8"}},
};

static const struct http_format *find_format(const struct element *element)
{
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (is_equal(element->name, formats[i].name) &&
		    is_equal(element->version, formats[i].version))
			return &formats[i].format;
	return NULL;
}

const struct http_format *http_negotiate_format(const char *accept)
{
	const struct http_format *best = &formats[0].format;
	struct slice list = {accept, accept ? strlen(accept) : 0};
	struct element element;
	double q = 0;

	while (take_element(&list, &element)) {
		const struct http_format *format = find_format(&element);

		if (!format || element.q <= q)
			continue;
		best = format;
		q = element.q;
	}
	return best;
}

bool http_negotiate_gzip(const char *accept_encoding)
{
	struct slice list = {accept_encoding, accept_encoding ? strlen(accept_encoding) : 0};
	struct element element;
	double gzip = 0, identity = 0;

	while (take_element(&list, &element)) {
		if (is_equal(element.name, "gzip"))
			gzip = element.q;
		else if (is_equal(element.name, "identity"))
			identity = element.q;
	}
	return gzip > 0 && gzip >= identity;
}

// SPDX-License-Identifier: Apache-2.0
#include "doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/json.h"
#include "version.h"

#define WIDTH         100

/* Where the text of a finding begins. */
#define NAME_WIDTH    17
#define VERDICT_WIDTH 6
#define INDENT        (NAME_WIDTH + VERDICT_WIDTH)

static const char *const verdict_names[] = {"ok", "warn", "fail"};
_Static_assert(ARRAY_LEN(verdict_names) == DOCTOR_VERDICT_MAX, "a verdict lacks its name");

void doctor_done(struct doctor *doctor)
{
	arena_done(&doctor->arena);
	free(doctor->findings);
	doctor->findings = NULL;
}

/* ---- findings ---- */

static struct doctor_finding *add_finding(struct doctor *doctor)
{
	size_t capacity = doctor->capacity ? 2 * doctor->capacity : 64;
	struct doctor_finding *findings;

	if (doctor->n < doctor->capacity)
		return &doctor->findings[doctor->n++];
	findings = realloc(doctor->findings, capacity * sizeof(*findings));
	if (!findings) {
		doctor->error = -ENOMEM;
		return NULL;
	}
	doctor->findings = findings;
	doctor->capacity = capacity;
	return &doctor->findings[doctor->n++];
}

/* Both texts from malloc, or NULL. */
static void add(struct doctor *doctor, char *subject, enum doctor_verdict verdict, const char *fix,
		char *text)
{
	struct doctor_finding *finding = add_finding(doctor);
	int kept = arena_adopt(&doctor->arena, text);

	if (arena_adopt(&doctor->arena, subject) < 0 || kept < 0 || !text)
		doctor->error = -ENOMEM;
	if (finding)
		*finding = (struct doctor_finding){doctor->check, subject, verdict, text, fix};
}

static char *format_text(const char *format, va_list args) __attribute__((format(printf, 1, 0)));
static char *format_text(const char *format, va_list args)
{
	char *text;

	return vasprintf(&text, format, args) < 0 ? NULL : text;
}

void doctor_say(struct doctor *doctor, enum doctor_verdict verdict, const char *fix,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(doctor, NULL, verdict, fix, format_text(format, args));
	va_end(args);
}

void doctor_say_of(struct doctor *doctor, const char *subject, enum doctor_verdict verdict,
		   const char *fix, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(doctor, strdup(subject), verdict, fix, format_text(format, args));
	va_end(args);
}

void doctor_run(struct doctor *doctor, const struct doctor_check *checks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		doctor->check = checks[i].name;
		checks[i].run(doctor);
	}
}

enum doctor_verdict doctor_verdict(const struct doctor *doctor)
{
	enum doctor_verdict worst = DOCTOR_OK;

	for (size_t i = 0; i < doctor->n; i++)
		if (doctor->findings[i].verdict > worst)
			worst = doctor->findings[i].verdict;
	return worst;
}

static unsigned int count(const struct doctor *doctor, enum doctor_verdict verdict)
{
	unsigned int n = 0;

	for (size_t i = 0; i < doctor->n; i++)
		n += doctor->findings[i].verdict == verdict;
	return n;
}

/* ---- for people ---- */

/* Where a line of at most `room` bytes ends: behind a word, unless the word is longer. */
static size_t line_end(const char *text, size_t room)
{
	size_t end = room;

	if (strlen(text) <= room)
		return strlen(text);
	while (end > 0 && text[end] != ' ')
		end--;
	return end ? end : room;
}

/* The cursor is at column `indent`; further lines begin there. */
static void write_wrapped(const char *text, int indent, struct strbuf *out)
{
	size_t room = (size_t)(WIDTH - indent);

	for (;;) {
		size_t len = line_end(text, room);

		strbuf_add(out, text, len);
		strbuf_addch(out, '\n');
		text += len + strspn(text + len, " ");
		if (!*text)
			return;
		strbuf_addf(out, "%*s", indent, "");
	}
}

static void write_finding(const struct doctor_finding *finding, struct strbuf *out)
{
	_cleanup_strbuf_ struct strbuf text = {0};

	if (finding->subject)
		strbuf_addf(&text, "%s: ", finding->subject);
	strbuf_addstr(&text, finding->text);
	strbuf_addf(out, "%-*s%-*s", NAME_WIDTH, finding->check, VERDICT_WIDTH,
		    verdict_names[finding->verdict]);
	write_wrapped(text.data, INDENT, out);
	if (!finding->fix)
		return;
	strbuf_addf(out, "%*s-> ", INDENT, "");
	write_wrapped(finding->fix, INDENT + 3, out);
}

static const char *conclusion(const struct doctor *doctor)
{
	static const char *const texts[] = {
	    [DOCTOR_OK] = "philoscope can run here",
	    [DOCTOR_WARN] = "philoscope can run here, not with everything",
	    [DOCTOR_FAIL] = "philoscope can not run here",
	};

	return texts[doctor_verdict(doctor)];
}

int doctor_text(const struct doctor *doctor, struct strbuf *out)
{
	unsigned int fails = count(doctor, DOCTOR_FAIL), warns = count(doctor, DOCTOR_WARN);

	for (size_t i = 0; i < doctor->n && !doctor->error; i++)
		write_finding(&doctor->findings[i], out);
	strbuf_addf(out, "\n%s", conclusion(doctor));
	if (fails || warns)
		strbuf_addf(out, ": %u to be fixed, %u to know of", fails, warns);
	strbuf_addch(out, '\n');
	return doctor->error ? doctor->error : out->error;
}

/* ---- for programs ---- */

static bool add_text(cJSON *object, const char *name, const char *text)
{
	return text ? cJSON_AddStringToObject(object, name, text) != NULL
		    : cJSON_AddNullToObject(object, name) != NULL;
}

static bool add_object(cJSON *array, const struct doctor_finding *finding)
{
	cJSON *object = cJSON_CreateObject();

	if (!object || !cJSON_AddItemToArray(array, object)) {
		cJSON_Delete(object);
		return false;
	}
	return add_text(object, "check", finding->check) &&
	       add_text(object, "subject", finding->subject) &&
	       add_text(object, "verdict", verdict_names[finding->verdict]) &&
	       add_text(object, "found", finding->text) && add_text(object, "fix", finding->fix);
}

int doctor_json(const struct doctor *doctor, struct strbuf *out)
{
	_cleanup_(json_delete_p) cJSON *root = cJSON_CreateObject();
	enum doctor_verdict verdict = doctor_verdict(doctor);
	cJSON *array;
	bool good = !doctor->error && add_text(root, "version", PHILOSCOPE_VERSION) &&
		    add_text(root, "verdict", verdict_names[verdict]) &&
		    cJSON_AddBoolToObject(root, "can_run", verdict != DOCTOR_FAIL);

	array = cJSON_AddArrayToObject(root, "findings");
	for (size_t i = 0; good && i < doctor->n; i++)
		good = add_object(array, &doctor->findings[i]);
	return good && array ? json_write(root, true, out) : -ENOMEM;
}

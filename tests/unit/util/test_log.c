// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/log.h"

/* What one message looks like on stderr, behind its time. Owned. */
static char *logged(enum log_format format, const char *text)
{
	_cleanup_close_ int kept = dup(STDERR_FILENO);
	char line[16384];
	const char *behind;
	int pipe_fds[2];
	ssize_t len;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	dup2(pipe_fds[1], STDERR_FILENO);
	log_set_format(format);
	log_warn("%s", text);
	log_set_format(LOG_LOGFMT);
	dup2(kept, STDERR_FILENO);
	close(pipe_fds[1]);
	len = read(pipe_fds[0], line, sizeof(line) - 1);
	close(pipe_fds[0]);
	assert_true(len > 0);
	line[len] = '\0';
	behind = strchr(line, 'Z');
	assert_non_null(behind);
	return strdup(behind + 1);
}

static void check(enum log_format format, const char *text, const char *wanted)
{
	_cleanup_free_ char *line = logged(format, text);

	assert_string_equal(line, wanted);
}

static void test_logfmt(void **state)
{
	(void)state;
	check(LOG_LOGFMT, "plain", " level=warn msg=\"plain\"\n");
	check(LOG_LOGFMT, "a \"b\" \\ c\nd\te\x01\x7f",
	      " level=warn msg=\"a \\\"b\\\" \\\\ c d e??\"\n");
	check(LOG_LOGFMT, "\xc3\xa9 \xff \xc3",
	      " level=warn msg=\"\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\"\n");
}

static void test_json(void **state)
{
	(void)state;
	check(LOG_JSON, "plain", "\",\"level\":\"warn\",\"msg\":\"plain\"}\n");
	check(LOG_JSON, "a \"b\" \\ c\nd\te\x01\x7f",
	      "\",\"level\":\"warn\",\"msg\":\"a \\\"b\\\" \\\\ "
	      "c\\u000ad\\u0009e\\u0001\\u007f\"}\n");
	check(LOG_JSON, "\xc3\xa9 \xff \xc3",
	      "\",\"level\":\"warn\",\"msg\":\"\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd\"}\n");
}

/* A text that is too long is cut, and still one line. */
static void test_long(void **state)
{
	char text[5000];

	(void)state;
	memset(text, '\x01', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (int format = 0; format < LOG_FORMAT_MAX; format++) {
		_cleanup_free_ char *line = logged((enum log_format)format, text);

		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
		assert_int_equal(line[strlen(line) - 2], format == LOG_JSON ? '}' : '"');
	}
}

static void test_names(void **state)
{
	enum log_format format = LOG_FORMAT_MAX;

	(void)state;
	assert_int_equal(log_format_parse("json", &format), 0);
	assert_int_equal(format, LOG_JSON);
	assert_int_equal(log_format_parse("logfmt", &format), 0);
	assert_int_equal(format, LOG_LOGFMT);
	assert_int_equal(log_format_parse("JSON", &format), -EINVAL);
	assert_int_equal(log_format_parse("", &format), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_logfmt),
	    cmocka_unit_test(test_json),
	    cmocka_unit_test(test_long),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

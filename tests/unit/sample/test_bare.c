// SPDX-License-Identifier: Apache-2.0
/*
 * What is read from the memory of stripped Go programs against what they print of themselves: every
 * release and build mode of the parser matrix that this machine can run. At rest every figure is
 * the very same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "binary/goruntime.h"
#include "sample/sample.h"
#include "support/fixtures.h"
#include "util/cleanup.h"

#define OLDEST     19
#define LINE_BYTES 4096
#define MAX_TRIES  50

/* A program of the matrix that answers orders. */
struct bare {
	pid_t pid;
	FILE *in, *out; /* its */
	struct sample_target target;
	char line[LINE_BYTES]; /* its last answer */
};

static const struct {
	const char *name;
	enum sample_id id;
} figures[] = {
    {"alloc", SAMPLE_ALLOC_BYTES},
    {"total_alloc", SAMPLE_ALLOC_TOTAL_BYTES},
    {"sys", SAMPLE_SYS_BYTES},
    {"mallocs", SAMPLE_MALLOCS},
    {"frees", SAMPLE_FREES},
    {"heap_sys", SAMPLE_HEAP_SYS_BYTES},
    {"heap_idle", SAMPLE_HEAP_IDLE_BYTES},
    {"heap_inuse", SAMPLE_HEAP_INUSE_BYTES},
    {"heap_objects", SAMPLE_HEAP_OBJECTS},
    {"stack_inuse", SAMPLE_STACK_INUSE_BYTES},
    {"stack_sys", SAMPLE_STACK_SYS_BYTES},
    {"mspan_inuse", SAMPLE_MSPAN_INUSE_BYTES},
    {"mspan_sys", SAMPLE_MSPAN_SYS_BYTES},
    {"mcache_inuse", SAMPLE_MCACHE_INUSE_BYTES},
    {"mcache_sys", SAMPLE_MCACHE_SYS_BYTES},
    {"buck_hash_sys", SAMPLE_BUCK_HASH_SYS_BYTES},
    {"gc_sys", SAMPLE_GC_SYS_BYTES},
    {"other_sys", SAMPLE_OTHER_SYS_BYTES},
    {"next_gc", SAMPLE_NEXT_GC_BYTES},
    {"last_gc", SAMPLE_LAST_GC_NS},
    {"pause_total", SAMPLE_GC_SUM_NS},
    {"quantile_0", SAMPLE_GC_QUANTILES_NS},
    {"quantile_1", SAMPLE_GC_QUARTER_NS},
    {"quantile_2", SAMPLE_GC_HALF_NS},
    {"quantile_3", SAMPLE_GC_THREE_QUARTERS_NS},
    {"quantile_4", SAMPLE_GC_ALL_NS},
    {"num_gc", SAMPLE_GC_COUNT},
    {"goroutines", SAMPLE_GOROUTINES},
    {"threads", SAMPLE_THREADS},
    {"gomaxprocs", SAMPLE_GOMAXPROCS},
};

static void describe(const struct fixture *row, struct sample_target *target)
{
	struct view file = fixture_map(row, "-stripped");
	const struct elf_segment *text;
	struct goruntime runtime;
	struct goimage image;

	assert_int_equal(goimage_init(&image, file), 0);
	goruntime_read(&image, &runtime);
	text = elf_segment_of(&image.elf, image.text);
	assert_non_null(text);
	target->pie = image.elf.pie;
	target->text = (struct facts_segment){text->va, text->file_size, text->offset};
	for (int i = 0; i < GORUNTIME_MAX; i++)
		target->numbers[i] = (struct facts_number){
		    .value = runtime.numbers[i].value,
		    .reason =
			runtime.numbers[i].error ? PLAN_REASON_RUNTIME_UNPROVEN : PLAN_REASON_NONE,
		};
	goimage_done(&image);
	fixture_unmap(file);
}

static void bare_start(const struct fixture *row, struct bare *bare)
{
	_cleanup_close_ int exe_fd = -1;
	posix_spawn_file_actions_t files;
	struct process_stat stat;
	char path[640];
	int in[2], out[2];

	*bare = (struct bare){0};
	snprintf(path, sizeof(path), "%s-stripped", row->path);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&files, out[1], STDOUT_FILENO);
	assert_int_equal(posix_spawn(&bare->pid, path, &files, NULL,
				     (char *const[]){path, (char[]){"-numbers"}, NULL}, environ),
			 0);
	posix_spawn_file_actions_destroy(&files);
	close(in[0]);
	close(out[1]);
	bare->in = fdopen(in[1], "w");
	bare->out = fdopen(out[0], "r");
	assert_true(bare->in && bare->out);
	describe(row, &bare->target);
	assert_int_equal(process_stat_read(bare->pid, &stat), 0);
	assert_int_equal(process_exe_open(bare->pid, &exe_fd, &bare->target.exe), 0);
	bare->target.pid = bare->pid;
	bare->target.start_ticks = stat.start_ticks;
}

static void bare_order(struct bare *bare, const char *order)
{
	fprintf(bare->in, "%s\n", order);
	fflush(bare->in);
	assert_non_null(fgets(bare->line, sizeof(bare->line), bare->out));
}

static void bare_stop(struct bare *bare)
{
	int status;

	fclose(bare->in);
	fclose(bare->out);
	assert_int_equal(waitpid(bare->pid, &status, 0), bare->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint64_t figure_of(const struct bare *bare, const char *name)
{
	char key[32];
	const char *place;

	snprintf(key, sizeof(key), " %s=", name);
	place = strstr(bare->line, key);
	if (!place)
		fail_msg("%s is not in: %s", name, bare->line);
	return strtoull(place + strlen(key), NULL, 10);
}

/* The first figure that is not what was printed, or -1. */
static int find_difference(const struct bare *bare, const struct sample *sample)
{
	for (size_t i = 0; i < ARRAY_LEN(figures); i++)
		if (!sample->numbers[figures[i].id].known ||
		    sample->numbers[figures[i].id].value != figure_of(bare, figures[i].name))
			return (int)i;
	return -1;
}

/*
 * Asks and compares. When the program goes to wait for the next order, its runtime may start a
 * thread, which is not at rest: then it is asked again.
 */
static size_t compare(const struct fixture *row, struct bare *bare, const char *what)
{
	struct sample sample;
	int differs = 0;

	for (int try = 0; try < MAX_TRIES && differs >= 0; try++) {
		bare_order(bare, "gc");
		sample = (struct sample){0};
		assert_int_equal(sample_runtime(&bare->target, &sample), 0);
		differs = find_difference(bare, &sample);
	}
	if (differs >= 0)
		fail_msg("%s, after %s: %s: read %" PRIu64 " (known %" PRIu64 "), printed %" PRIu64,
			 row->name, what, figures[differs].name,
			 sample.numbers[figures[differs].id].value,
			 sample.numbers[figures[differs].id].known,
			 figure_of(bare, figures[differs].name));
	/* Given back to the kernel at any time, and part of what is idle. */
	assert_true(sample.numbers[SAMPLE_HEAP_RELEASED_BYTES].known &&
		    sample.numbers[SAMPLE_HEAP_RELEASED_BYTES].value <=
			sample.numbers[SAMPLE_HEAP_IDLE_BYTES].value);
	return ARRAY_LEN(figures) + 1;
}

/*
 * A collection follows each, after which nothing moves: limits leave room for what is alive, or
 * there would always be another one.
 */
static const struct {
	const char *order;
	uint64_t percent, limit;
} steps[] = {
    {"show", 100, INT64_MAX},           {"grow 20000 300", 100, INT64_MAX},
    {"grow 3000 7", 100, INT64_MAX},    {"percent 50", 50, INT64_MAX},
    {"limit 100000000", 50, 100000000}, {"limit 60000000", 50, 60000000},
    {"limit 45000000", 50, 45000000},   {"limit 9223372036854775807", 50, INT64_MAX},
};

static size_t follow(const struct fixture *row)
{
	struct bare bare;
	size_t compared = 0;

	bare_start(row, &bare);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct sample sample = {0};

		bare_order(&bare, steps[i].order);
		compared += compare(row, &bare, steps[i].order);
		assert_int_equal(sample_runtime(&bare.target, &sample), 0);
		assert_int_equal(sample.numbers[SAMPLE_GOGC].value, steps[i].percent);
		assert_int_equal(sample.numbers[SAMPLE_GOMEMLIMIT_BYTES].value, steps[i].limit);
	}
	/* More pauses than the runtime remembers. */
	for (int i = 0; i < 270; i++)
		bare_order(&bare, "gc");
	compared += compare(row, &bare, "many collections");
	bare_stop(&bare);
	return compared;
}

static bool runs_here(const struct fixture *row)
{
#ifdef __x86_64__
	return !row->arm64 && row->minor >= OLDEST;
#else
	return row->arm64 && row->minor >= OLDEST;
#endif
}

/* These are not seen with the stand-in, which needs a newer Go. */
static bool is_wanted(const struct fixture *row)
{
	return !row->arm64 && !row->external && (row->minor == 19 || row->minor == 21);
}

static void test_figures_at_rest(void **state)
{
	struct fixture rows[FIXTURE_MAX];
	size_t n = fixtures_list(rows), programs = 0, wanted = 0, compared = 0;

	(void)state;
	if (n == 0)
		skip();
	for (size_t i = 0; i < n; i++) {
		if (!runs_here(&rows[i]))
			continue;
		compared += follow(&rows[i]);
		programs++;
		wanted += is_wanted(&rows[i]);
	}
	print_message("%zu programs, %zu figures\n", programs, compared);
#ifdef __x86_64__
	assert_true(wanted >= 4); /* two releases, each as executable of both kinds */
#else
	assert_true(programs > 0);
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_figures_at_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: Apache-2.0
#include "plan/hostile.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"

#define CHUNK      (1UL << 20)
#define TOO_MUCH   (256UL << 20)
#define FLOOD      (1UL << 20)
#define OTHER_PAGE 4096

/* True: only a limit stopped it. */
typedef bool attack(struct view file, long argument);

#define SIMPLE(name, statement)                           \
	static bool name(struct view file, long argument) \
	{                                                 \
		(void)file;                               \
		(void)argument;                           \
		statement;                                \
		return false;                             \
	}

/* By number: what a library makes of it is not the question. */
SIMPLE(attack_open, syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY))
SIMPLE(attack_stat, syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", NULL, 0))
SIMPLE(attack_reopen, syscall(SYS_openat, AT_FDCWD, "/proc/self/fd/0", O_RDWR))
SIMPLE(attack_socket, syscall(SYS_socket, AF_INET, SOCK_STREAM, 0))
SIMPLE(attack_unix, syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0))
SIMPLE(attack_fork, syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0L))
SIMPLE(attack_exec, syscall(SYS_execve, "/proc/self/exe", NULL, NULL))
SIMPLE(attack_kill, syscall(SYS_kill, argument, SIGTERM))
SIMPLE(attack_ptrace, syscall(SYS_ptrace, PTRACE_ATTACH, argument, NULL, NULL))
SIMPLE(attack_mem, syscall(SYS_process_vm_readv, argument, NULL, 0L, NULL, 0L, 0L))
SIMPLE(attack_prctl, syscall(SYS_prctl, PR_SET_DUMPABLE, 1L, 0L, 0L, 0L))
SIMPLE(attack_bpf, syscall(SYS_bpf, 0L, NULL, 0L))
SIMPLE(attack_unshare, syscall(SYS_unshare, (long)CLONE_NEWUSER))
SIMPLE(attack_close, syscall(SYS_close, (long)STDOUT_FILENO))
SIMPLE(attack_sleep, syscall(SYS_pause))
SIMPLE(attack_signal, syscall(SYS_rt_sigaction, (long)SIGXCPU, NULL, NULL, 8L))
SIMPLE(attack_write_file, syscall(SYS_write, (long)STDIN_FILENO, "x", 1L))
SIMPLE(attack_exec_memory,
       syscall(SYS_mmap, NULL, CHUNK, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L))
SIMPLE(attack_make_executable, syscall(SYS_mprotect, NULL, 0L, PROT_EXEC))
SIMPLE(attack_map_file, syscall(SYS_mmap, NULL, CHUNK, PROT_READ, MAP_SHARED, 0L, 0L))
SIMPLE(attack_crash, *(volatile char *)(uintptr_t)argument = 1)
SIMPLE(attack_exit, syscall(SYS_exit_group, argument))

static bool attack_loop(struct view file, long argument)
{
	volatile long spins = argument;

	(void)file;
	while (spins >= 0)
		spins = 0;
	return false;
}

/* More than any answer: the parent must not wait for its end, nor keep it. */
static bool attack_flood(struct view file, long argument)
{
	static char bytes[FLOOD];
	ssize_t n = write(STDOUT_FILENO, bytes, sizeof(bytes));

	(void)file;
	(void)argument;
	(void)n;
	return false;
}

/* Its own memory, every page of it used. */
static bool attack_memory(struct view file, long argument)
{
	(void)file;
	(void)argument;
	for (size_t len = 0; len < TOO_MUCH; len += CHUNK) {
		void *chunk =
		    mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (chunk == MAP_FAILED)
			return true;
		memset(chunk, 1, CHUNK);
	}
	return false;
}

/* Address space without memory behind it. */
static bool attack_addresses(struct view file, long argument)
{
	(void)file;
	(void)argument;
	for (size_t len = 0; len < TOO_MUCH; len += CHUNK)
		if (mmap(NULL, CHUNK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			 0) == MAP_FAILED)
			return true;
	return false;
}

/* Reads until somebody cuts the file short. */
static bool attack_wait_for_cut(struct view file, long argument)
{
	const volatile uint8_t *page = file.data + OTHER_PAGE;

	(void)argument;
	while (page[0] != 'x')
		;
	return false;
}

static const struct {
	const char *name;
	attack *run;
} attacks[] = {
    {"open", attack_open},
    {"stat", attack_stat},
    {"reopen", attack_reopen},
    {"socket", attack_socket},
    {"unix", attack_unix},
    {"fork", attack_fork},
    {"exec", attack_exec},
    {"kill", attack_kill},
    {"ptrace", attack_ptrace},
    {"mem", attack_mem},
    {"prctl", attack_prctl},
    {"bpf", attack_bpf},
    {"unshare", attack_unshare},
    {"close", attack_close},
    {"sleep", attack_sleep},
    {"signal", attack_signal},
    {"write_file", attack_write_file},
    {"exec_memory", attack_exec_memory},
    {"make_executable", attack_make_executable},
    {"map_file", attack_map_file},
    {"crash", attack_crash},
    {"exit", attack_exit},
    {"loop", attack_loop},
    {"flood", attack_flood},
    {"memory", attack_memory},
    {"addresses", attack_addresses},
    {"cut", attack_wait_for_cut},
};

static void attack_as_told(struct view file, const char *told, struct facts *ret_facts)
{
	char name[32] = "";
	long argument = 0;

	sscanf(told, "%31s %ld", name, &argument);
	/* No such attack would be a mistake in the test, which never expects this. */
	facts_clear(PLAN_REASON_PACKED, ret_facts);
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++)
		if (strcmp(name, attacks[i].name) == 0)
			ret_facts->refusal = attacks[i].run(file, argument) ? PLAN_REASON_TOO_BIG
									    : PLAN_REASON_NOT_ELF;
}

/* ---- lies ---- */

/* Writes an answer that is changed at one place, or has another length, and ends. */
static void say(const struct facts *facts, size_t offset, uint64_t value, size_t size, size_t len)
{
	static struct {
		struct confine_answer answer;
		char more[64];
	} said = {.answer = {CONFINE_MAGIC, FACTS_VERSION, sizeof(struct confine_answer), {0}}};

	said.answer.facts = *facts;
	memcpy((char *)&said + offset, &value, size);
	syscall(SYS_exit_group, write(STDOUT_FILENO, &said, len) == (ssize_t)len ? 0L : 1L);
}

#define ANSWER sizeof(struct confine_answer)
#define OF(member) \
	offsetof(struct confine_answer, member), sizeof(((struct confine_answer *)0)->member)

static const struct lie {
	const char *name;
	size_t offset, size;
	uint64_t value;
	size_t len;
} lies[] = {
    {"none", 0, 0, 0, ANSWER},
    {"magic", OF(magic), 1, ANSWER},
    {"version", OF(version), FACTS_VERSION + 1, ANSWER},
    {"size", OF(size), ANSWER - 1, ANSWER},
    {"empty", 0, 0, 0, 0},
    {"short", 0, 0, 0, ANSWER - 1},
    {"long", 0, 0, 0, ANSWER + 1},
    {"longer", 0, 0, 0, ANSWER + 64},
    {"facts_version", OF(facts.version), FACTS_VERSION + 1, ANSWER},
    {"refusal", OF(facts.refusal), 200, ANSWER},
    {"text", OF(facts.path[0]), '\n', ANSWER},
    {"va", OF(facts.sites[0].va), UINT64_MAX, ANSWER},
    {"file_offset", OF(facts.sites[0].file_offset), UINT64_MAX, ANSWER},
    {"insn_len", OF(facts.sites[0].insn_len), 255, ANSWER},
    {"spdelta", OF(facts.sites[0].spdelta), 1ULL << 62, ANSWER},
    {"field", OF(facts.fields[9].offset), INT32_MAX, ANSWER},
    {"rodata", OF(facts.rodata_end), UINT64_MAX, ANSWER},
};

static void lie_as_told(struct view file, const char *told, struct facts *ret_facts)
{
	facts_from_view(file, ret_facts);
	for (size_t i = 0; i < ARRAY_LEN(lies); i++)
		if (strcmp(told, lies[i].name) == 0)
			say(ret_facts, lies[i].offset, lies[i].value, lies[i].size, lies[i].len);
}

void hostile_reader(struct view file, struct facts *ret_facts)
{
	char text[64] = "";
	size_t n = file.len < sizeof(text) ? file.len : sizeof(text) - 1;
	const uint8_t *line = memrchr(file.data + file.len - n, '\n', n);

	if (line)
		memcpy(text, line + 1, (size_t)(file.data + file.len - line - 1));
	if (strncmp(text, "attack:", 7) == 0)
		attack_as_told(file, text + 7, ret_facts);
	else if (strncmp(text, "lie:", 4) == 0)
		lie_as_told(file, text + 4, ret_facts);
	else
		facts_from_view(file, ret_facts);
}

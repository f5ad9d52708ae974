// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <string.h>

#include "doctor.h"
#include "target/node.h"

/* A host on which all is well. */
static const struct {
	const char *path, *text;
} healthy[] = {
    {"proc/1/stat", "1 (init) S\n"},
    {"proc/self/status",
     "Name:\tphiloscope\nCapInh:\t0000000000000000\nCapEff:\t000001ffffffffff\n"},
    {"proc/self/uid_map", "         0          0 4294967295\n"},
    {"proc/self/attr/current", "unconfined\n"},
    {"proc/sys/net/core/bpf_jit_enable", "1\n"},
    {"proc/sys/net/core/bpf_jit_harden", "0\n"},
    {"proc/sys/kernel/bpf_stats_enabled", "0\n"},
    {"sys/kernel/btf/vmlinux", "BTF"},
    {"sys/kernel/security/lockdown", "none [integrity] confidentiality\n"},
    {"sys/kernel/security/lsm", "lockdown,capability,yama,apparmor,bpf\n"},
};

static void write_text(const char *root, const char *path, const char *text)
{
	node_write(root, path, text, strlen(text));
}

static char *healthy_root(void)
{
	char *root = node_root_new();

	for (size_t i = 0; i < ARRAY_LEN(healthy); i++)
		write_text(root, healthy[i].path, healthy[i].text);
	node_link(root, "proc/self/ns/pid", "pid:[4026531836]");
	return root;
}

static struct doctor examine(const char *root)
{
	struct doctor doctor = {.root = root, .state_dir = "/nowhere"};

	doctor_run(&doctor, doctor_host_checks, doctor_nhost_checks);
	assert_int_equal(doctor.error, 0);
	return doctor;
}

/* The only finding that is not well. */
static const struct doctor_finding *complaint(const struct doctor *doctor)
{
	const struct doctor_finding *found = NULL;

	for (size_t i = 0; i < doctor->n; i++) {
		if (doctor->findings[i].verdict == DOCTOR_OK)
			continue;
		assert_null(found);
		found = &doctor->findings[i];
	}
	assert_non_null(found);
	return found;
}

static void test_a_healthy_host(void **state)
{
	_cleanup_root_ char *root = healthy_root();
	_cleanup_(doctor_done) struct doctor doctor = examine(root);

	(void)state;
	for (size_t i = 0; i < doctor.n; i++) {
		if (doctor.findings[i].verdict != DOCTOR_OK)
			fail_msg("%s: %s", doctor.findings[i].check, doctor.findings[i].text);
		assert_null(doctor.findings[i].fix);
	}
	assert_int_equal(doctor_verdict(&doctor), DOCTOR_OK);
	assert_true(doctor.n >= doctor_nhost_checks);
}

/* One thing is wrong: one finding says so, and what to do. */
static void test_each_fault_is_found(void **state)
{
	static const struct {
		const char *path, *text; /* text NULL: the file is missing */
		const char *check;
		enum doctor_verdict verdict;
		const char *said;
	} faults[] = {
	    {"proc/1/stat", NULL, "mounts", DOCTOR_FAIL, "process 1"},
	    {"proc/self/status", "CapEff:\t000001ff7fffffff\n", "capabilities", DOCTOR_OK, NULL},
	    {"proc/self/status", "CapEff:\t000001bfffdfffff\n", "capabilities", DOCTOR_FAIL,
	     "CAP_PERFMON"},
	    {"proc/self/status", "CapEff:\t0000017fffdfffff\n", "capabilities", DOCTOR_FAIL,
	     "CAP_BPF"},
	    {"proc/self/status", "CapEff:\t000001fffff7ffff\n", "capabilities", DOCTOR_WARN,
	     "CAP_SYS_PTRACE"},
	    {"proc/self/status", "CapEff:\t000001fffffffff9\n", "capabilities", DOCTOR_WARN,
	     "CAP_DAC_READ_SEARCH"},
	    {"proc/self/uid_map", "0 100000 65536\n", "namespaces", DOCTOR_FAIL, "user namespace"},
	    {"proc/self/attr/current", "docker-default (enforce)\n", "lsm", DOCTOR_WARN,
	     "AppArmor confines it: docker-default"},
	    {"proc/sys/net/core/bpf_jit_enable", "0\n", "sysctls", DOCTOR_WARN, "interpreted"},
	    {"proc/sys/net/core/bpf_jit_harden", "2\n", "sysctls", DOCTOR_WARN, "blinded"},
	    {"proc/sys/net/core/bpf_jit_harden", "1\n", "sysctls", DOCTOR_OK, NULL},
	    {"proc/sys/kernel/bpf_stats_enabled", "1\n", "sysctls", DOCTOR_WARN, "times"},
	    {"proc/sys/kernel/yama/ptrace_scope", "3\n", "sysctls", DOCTOR_WARN, "memory"},
	    {"proc/sys/kernel/yama/ptrace_scope", "2\n", "sysctls", DOCTOR_OK, NULL},
	    {"sys/kernel/btf/vmlinux", NULL, "btf", DOCTOR_FAIL, "/sys/kernel/btf/vmlinux"},
	    {"sys/kernel/security/lockdown", "none integrity [confidentiality]\n", "lockdown",
	     DOCTOR_FAIL, "may not read memory"},
	    {"sys/kernel/security/lockdown", NULL, "lockdown", DOCTOR_OK, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		_cleanup_root_ char *root = healthy_root();
		_cleanup_free_ char *path = NULL;
		_cleanup_(doctor_done) struct doctor doctor = {0};

		assert_true(asprintf(&path, "%s/%s", root, faults[i].path) > 0);
		unlink(path);
		if (faults[i].text)
			write_text(root, faults[i].path, faults[i].text);
		doctor = examine(root);
		if (doctor_verdict(&doctor) != faults[i].verdict)
			fail_msg("row %zu (%s): verdict %d", i, faults[i].path,
				 doctor_verdict(&doctor));
		if (faults[i].verdict == DOCTOR_OK)
			continue;
		assert_string_equal(complaint(&doctor)->check, faults[i].check);
		assert_non_null(strstr(complaint(&doctor)->text, faults[i].said));
		assert_non_null(complaint(&doctor)->fix);
	}
}

static void test_selinux(void **state)
{
	_cleanup_root_ char *root = healthy_root();
	_cleanup_(doctor_done) struct doctor confined = {0}, free_of_it = {0};

	(void)state;
	write_text(root, "sys/fs/selinux/enforce", "1");
	write_text(root, "proc/self/attr/current", "system_u:system_r:container_t:s0:c1,c2");
	confined = examine(root);
	assert_non_null(strstr(complaint(&confined)->text, "container_t"));
	write_text(root, "sys/fs/selinux/enforce", "0");
	free_of_it = examine(root);
	assert_int_equal(doctor_verdict(&free_of_it), DOCTOR_OK);
}

static void test_another_pid_namespace(void **state)
{
	_cleanup_root_ char *root = node_root_new();
	_cleanup_(doctor_done) struct doctor doctor = {0};
	bool found = false;

	(void)state;
	node_link(root, "proc/self/ns/pid", "pid:[4026532000]");
	doctor = examine(root);
	for (size_t i = 0; i < doctor.n; i++)
		found |= strstr(doctor.findings[i].text, "pid namespace") &&
			 doctor.findings[i].verdict == DOCTOR_FAIL;
	assert_true(found);
}

/* What a host says of itself may be anything. */
static void say_all(struct doctor *doctor)
{
	doctor->check = "first";
	doctor_say(doctor, DOCTOR_OK, NULL, "fine");
	doctor->check = "second";
	doctor_say_of(doctor, "a \"quoted\"\\ one", DOCTOR_WARN, "do this", "words %s end",
		      "that go on and on and on until the line is full, and over it "
		      "by far, so that there must be another one");
	doctor_say(doctor, DOCTOR_FAIL, "do that", "%0200d", 0);
}

static void test_text(void **state)
{
	_cleanup_(doctor_done) struct doctor doctor = {.root = ""};
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	say_all(&doctor);
	assert_int_equal(doctor_text(&doctor, &out), 0);
	for (char *rest = out.data, *line; (line = strsep(&rest, "\n"));)
		assert_true(strlen(line) <= 100);
}

static void test_text_of_few(void **state)
{
	_cleanup_(doctor_done) struct doctor doctor = {.root = "", .check = "this"};
	_cleanup_strbuf_ struct strbuf out = {0};

	(void)state;
	doctor_say(&doctor, DOCTOR_OK, NULL, "fine");
	doctor_say_of(&doctor, "one", DOCTOR_WARN, "do that", "odd");
	assert_int_equal(doctor_text(&doctor, &out), 0);
	assert_string_equal(out.data,
			    "this             ok    fine\n"
			    "this             warn  one: odd\n"
			    "                       -> do that\n"
			    "\n"
			    "philoscope can run here, not with everything: 0 to be fixed, 1 to "
			    "know of\n");
}

static void test_json(void **state)
{
	_cleanup_(doctor_done) struct doctor doctor = {.root = ""};
	_cleanup_strbuf_ struct strbuf out = {0};
	cJSON *root, *findings, *second;

	(void)state;
	say_all(&doctor);
	assert_int_equal(doctor_json(&doctor, &out), 0);
	root = cJSON_Parse(out.data);
	assert_non_null(root);
	assert_string_equal(cJSON_GetObjectItem(root, "verdict")->valuestring, "fail");
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(root, "can_run")));
	findings = cJSON_GetObjectItem(root, "findings");
	assert_int_equal(cJSON_GetArraySize(findings), 3);
	second = cJSON_GetArrayItem(findings, 1);
	assert_string_equal(cJSON_GetObjectItem(second, "subject")->valuestring,
			    "a \"quoted\"\\ one");
	assert_string_equal(cJSON_GetObjectItem(second, "fix")->valuestring, "do this");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetArrayItem(findings, 0), "fix")));
	cJSON_Delete(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_healthy_host), cmocka_unit_test(test_each_fault_is_found),
	    cmocka_unit_test(test_selinux),        cmocka_unit_test(test_another_pid_namespace),
	    cmocka_unit_test(test_text),           cmocka_unit_test(test_text_of_few),
	    cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

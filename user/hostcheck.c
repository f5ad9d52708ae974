// SPDX-License-Identifier: Apache-2.0
#include "hostcheck.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "util/log.h"

/* Number of the initial pid namespace (PROC_PID_INIT_INO): processes have the numbers that BPF sees
 * there. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU

static int check_namespace(void)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) < 0 || st.st_ino == INITIAL_PID_NAMESPACE)
		return 0;
	log_error("not in the host's pid namespace: run the container with hostPID (--pid=host)");
	return -EOPNOTSUPP;
}

static int check_kernel(struct kernel_features *ret_features)
{
	int r = kernel_features_probe(ret_features);

	if (r == -EPERM || r == -EACCES) {
		log_error(
		    "not allowed to load BPF programs: run philoscope as root, or with CAP_BPF, "
		    "CAP_PERFMON, CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH");
		return r;
	}
	if (r < 0) {
		log_error("the kernel refuses BPF programs (%s): philoscope needs Linux 5.10 or "
			  "later with "
			  "CONFIG_BPF_SYSCALL",
			  strerror(-r));
		return r;
	}
	if (!ret_features->btf) {
		log_error("no /sys/kernel/btf/vmlinux: philoscope needs a kernel built with "
			  "CONFIG_DEBUG_INFO_BTF");
		return -EOPNOTSUPP;
	}
	if (!ret_features->ringbuf) {
		log_error("no BPF ring buffers: philoscope needs Linux 5.10 or later");
		return -EOPNOTSUPP;
	}
	return 0;
}

int host_check(struct kernel_features *ret_features)
{
	int r = check_namespace();

	return r < 0 ? r : check_kernel(ret_features);
}

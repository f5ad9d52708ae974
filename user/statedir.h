/* SPDX-License-Identifier: Apache-2.0 */
/* Where state may be kept. */
#ifndef STATEDIR_H
#define STATEDIR_H

#define STATE_DIR_DEFAULT "/sys/fs/bpf/philoscope"

/*
 * Sees to it that dir (NULL: fine) lies on the host's bpffs. The one at its usual place is mounted
 * when it is missing, but only in the host's mount namespace: in a container it would end with the
 * container. 0; -EINVAL when it is no place for state, with what is wrong for the user in *ret_why;
 * another -errno, with the reason, when there is none here and now.
 */
int state_dir_prepare(const char *dir, const char **ret_why);

#endif

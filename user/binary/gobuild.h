/* SPDX-License-Identifier: Apache-2.0 */
/* Go's build info blob (format: the essay in gobuild.c): version, main package, module, settings.
 */
#ifndef BINARY_GOBUILD_H
#define BINARY_GOBUILD_H

#include "binary/elf.h"

struct gobuild {
	struct view version;     /* "go1.25.5", maybe with a suffix; into the file */
	unsigned int minor;      /* 25 */
	struct view path;        /* main package path; empty outside module mode */
	struct view module;      /* main module's path ("mod" line) */
	struct view mod_version; /* its version, "(devel)" for a local build */
	struct view revision;    /* vcs.revision, or empty */
	struct view build_mode;  /* -buildmode value, or empty = exe */
	struct view settings; /* the whole text these lines come from; empty outside module mode */
};

/* 0; -ENOENT no build info (not Go, or wiped); -EBADMSG; -EOPNOTSUPP a version we do not know how
 * to read (< 1.18 form). */
int gobuild_read(const struct elf *elf, struct gobuild *ret_build);
/*
 * A setting ("build" line) by key, e.g. "GOARCH", as it is written: a value with blanks stands in
 * double quotes. 0 or -ENOENT.
 */
int gobuild_setting(const struct gobuild *build, const char *key, struct view *ret_value);

#endif

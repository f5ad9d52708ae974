/* SPDX-License-Identifier: Apache-2.0 */
/* Ownership as syntax: what a variable owns is released when it leaves its scope. */
#ifndef UTIL_CLEANUP_H
#define UTIL_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines fn##_p(T *) for _cleanup_: calls fn(*p) (which accepts NULL). */
#define DEFINE_CLEANUP(type, fn)           \
	static inline void fn##_p(type *p) \
	{                                  \
		fn(*p);                    \
	}

static inline void free_p(void *p)
{
	free(*(void **)p);
}

static inline void close_p(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void fclose_p(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void closedir_p(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

#define _cleanup_free_   _cleanup_(free_p)
#define _cleanup_close_  _cleanup_(close_p)
#define _cleanup_fclose_ _cleanup_(fclose_p)

/* Hands the pointer (the descriptor) over to the caller and leaves NULL (-1) behind. */
#define TAKE_PTR(p)                         \
	({                                  \
		__typeof__(p) _taken = (p); \
		(p) = NULL;                 \
		_taken;                     \
	})
#define TAKE_FD(fd)                \
	({                         \
		int _taken = (fd); \
		(fd) = -1;         \
		_taken;            \
	})

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif

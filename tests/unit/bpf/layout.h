/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout that the bodies under test see, and texts as Go has them. Included behind the bodies,
 * by one target of each test.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#define BIAS   0x10000ULL
#define SECOND 1000000000ULL

/* The programs see a constant; here each test may change it. */
static struct ps_layout plan;
extern const volatile struct ps_layout layout __attribute__((alias("plan")));
const volatile bool clock_is_tai = true;
const volatile bool task_has_btf = true;

struct text {
	const char *ptr;
	__u64 len;
};

#define TEXT(s) ((struct text){(s), sizeof(s) - 1})

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the bodies under test have counted. Included behind them: the maps are theirs. */
#ifndef COUNTED_H
#define COUNTED_H

#include <stdio.h>
#include <string.h>

static inline __u64 dropped(enum ps_drop reason)
{
	return *(__u64 *)host_map_value(&drops, reason);
}

static inline __u64 dropped_in_all(void)
{
	__u64 sum = 0;

	for (int i = 0; i < PS_DROP_MAX; i++)
		sum += dropped((enum ps_drop)i);
	return sum;
}

/* Text of a label in a key; a number's as decimal. The labels lie one after the other. */
static inline const char *label(const struct ps_key *key, int which)
{
	static char text[PS_KEY_LABELS][256];
	size_t at = 0;
	__s64 number;

	for (int i = 0; i < which; i++)
		at += key->kind[i] == PS_LABEL_STATIC ? 8 : key->len[i];
	if (key->kind[which] == PS_LABEL_NUMBER) {
		memcpy(&number, key->bytes + at, sizeof(number));
		snprintf(text[which], sizeof(text[which]), "%lld", (long long)number);
		return text[which];
	}
	memcpy(text[which], key->bytes + at, key->len[which]);
	text[which][key->len[which]] = '\0';
	return text[which];
}

#endif

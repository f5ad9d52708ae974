// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as an environment: what is read is sound, makes rules that can be used, and nothing
 * outside is touched.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "target/peers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ps_peer_rule rules[PS_PEER_RULES];
	struct peers peers;
	bool ambiguous;

	peers_read((struct view){data, size}, &peers);
	if (!peers_are_sound(&peers))
		abort();
	peers_rules(&peers, rules, &ambiguous);
	for (size_t i = 0; i < PS_PEER_RULES; i++)
		if (rules[i].match != PS_MATCH_NEVER && !rules[i].port)
			abort();
	return 0;
}

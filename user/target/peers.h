/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a Philotes process talks to, by its own configuration. That stands in its environment,
 * beside its passwords: the parser looks at the names of variables first, and of all that are not
 * on its list it keeps nothing. It runs in a process of its own (peers_child.h), so that the others
 * never are in the observer's memory.
 */
#ifndef TARGET_PEERS_H
#define TARGET_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ps_peers.h"
#include "util/view.h"

/* Where a peer is, as far as its configuration says. */
enum peer_place {
	PEER_NOWHERE, /* not reached by TCP, or not understood */
	PEER_AT_ADDRESS,
	PEER_AT_LOOPBACK, /* localhost */
	PEER_AT_NAME,
	PEER_PLACE_MAX
};

#define PEER_NAME_BYTES 254 /* of a DNS name, NUL included */

struct peer {
	char name[PEER_NAME_BYTES]; /* in small letters, without the last dot; "" unless AT_NAME */
	uint8_t place;              /* enum peer_place */
	uint8_t role;               /* enum ps_role */
	uint16_t port;
	uint8_t address[PS_ADDRESS_BYTES]; /* of AT_ADDRESS; else 0 */
};

/* No pointers: this crosses the border between two processes as it is. */
#define PEERS_MAX 16
struct peers {
	uint32_t n;
	struct peer peers[PEERS_MAX];
};

/*
 * Reads the peers out of an environment: strings "NAME=value", each with a NUL behind it. What is
 * not set, or set to nothing, has Philotes' default; of a variable that is there twice the first
 * one holds, as in Go. Never fails, keeps nothing else.
 */
void peers_read(struct view environment, struct peers *ret_peers);
/* Whether peers that come from somewhere else are as peers_read makes them. */
bool peers_are_sound(const struct peers *peers);
/*
 * The rules that give connections their roles, exact ones first. An address that two roles share
 * gets PS_ROLE_OTHER, and *ret_ambiguous is set; a name can be any address with its port. Rules
 * behind the last one are PS_MATCH_NEVER.
 */
void peers_rules(const struct peers *peers, struct ps_peer_rule ret_rules[static PS_PEER_RULES],
		 bool *ret_ambiguous);

#endif

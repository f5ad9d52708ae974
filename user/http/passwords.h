/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords against hashes of bcrypt, which takes tens of milliseconds on purpose. What was right
 * is remembered, as a keyed digest, so that a scraper is not checked anew each time. Several
 * threads may ask at once.
 */
#ifndef HTTP_PASSWORDS_H
#define HTTP_PASSWORDS_H

#include <stdbool.h>

#include "util/cleanup.h"

struct passwords;

/* 0 with an owned *ret_passwords, -ENOMEM or -EIO. */
int passwords_new(struct passwords **ret_passwords);
void passwords_free(struct passwords *passwords);
DEFINE_CLEANUP(struct passwords *, passwords_free)

/* True for a text that can be the hash of a password. */
bool passwords_is_hash(const char *text);
/* Whether this password is known to be right for this hash. Quick. */
bool passwords_knows(struct passwords *passwords, const char *hash, const char *password);
/* Whether it is right; takes long. */
bool passwords_check(struct passwords *passwords, const char *hash, const char *password);

#endif

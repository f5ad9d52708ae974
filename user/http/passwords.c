// SPDX-License-Identifier: Apache-2.0
#include "http/passwords.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <string.h>

#include "util/strbuf.h"

/* Pairs of hash and password that are remembered; the oldest gives way. */
#define MAX_KNOWN    64
#define DIGEST_BYTES 32
#define HASH_LEN     60
#define PREFIX_LEN   7

struct passwords {
	pthread_mutex_t lock;
	unsigned char key[DIGEST_BYTES];
	unsigned char known[MAX_KNOWN][DIGEST_BYTES];
	unsigned int n; /* ever remembered */
};

int passwords_new(struct passwords **ret_passwords)
{
	struct passwords *passwords = calloc(1, sizeof(*passwords));

	if (!passwords)
		return -ENOMEM;
	if (gnutls_rnd(GNUTLS_RND_KEY, passwords->key, sizeof(passwords->key)) < 0) {
		free(passwords);
		return -EIO;
	}
	pthread_mutex_init(&passwords->lock, NULL);
	*ret_passwords = passwords;
	return 0;
}

void passwords_free(struct passwords *passwords)
{
	if (!passwords)
		return;
	pthread_mutex_destroy(&passwords->lock);
	explicit_bzero(passwords, sizeof(*passwords));
	free(passwords);
}

/* $2b$10$ and 53 digits: a letter for the variant, the cost as a power of two from 4 to 31. */
bool passwords_is_hash(const char *text)
{
	static const char digits[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz";
	unsigned int cost = 0;
	char variant[2];
	int prefix = 0;

	/* NOLINTNEXTLINE(cert-err34-c): two digits */
	if (sscanf(text, "$2%1[aby]$%2u$%n", variant, &cost, &prefix) != 2 || prefix != PREFIX_LEN)
		return false;
	return cost >= 4 && cost <= 31 && strlen(text) == HASH_LEN &&
	       strspn(text + prefix, digits) == HASH_LEN - PREFIX_LEN;
}

/* A hash has always the same length: no two pairs read the same. */
static bool digest(const struct passwords *passwords, const char *hash, const char *password,
		   unsigned char *ret_digest)
{
	_cleanup_strbuf_ struct strbuf pair = {0};
	bool done;

	strbuf_addstr(&pair, hash);
	strbuf_addstr(&pair, password);
	done = !pair.error &&
	       gnutls_hmac_fast(GNUTLS_MAC_SHA256, passwords->key, sizeof(passwords->key),
				pair.data, pair.len, ret_digest) == 0;
	if (pair.data)
		explicit_bzero(pair.data, pair.len);
	return done;
}

bool passwords_knows(struct passwords *passwords, const char *hash, const char *password)
{
	unsigned char wanted[DIGEST_BYTES];
	bool found = false;

	if (!digest(passwords, hash, password, wanted))
		return false;
	pthread_mutex_lock(&passwords->lock);
	for (unsigned int i = 0; i < MAX_KNOWN && i < passwords->n; i++)
		found |= gnutls_memcmp(passwords->known[i], wanted, sizeof(wanted)) == 0;
	pthread_mutex_unlock(&passwords->lock);
	return found;
}

static void remember(struct passwords *passwords, const char *hash, const char *password)
{
	unsigned char right[DIGEST_BYTES];

	if (!digest(passwords, hash, password, right))
		return;
	pthread_mutex_lock(&passwords->lock);
	memcpy(passwords->known[passwords->n++ % MAX_KNOWN], right, sizeof(right));
	pthread_mutex_unlock(&passwords->lock);
}

bool passwords_check(struct passwords *passwords, const char *hash, const char *password)
{
	/* Some 32 KiB: not for a stack. */
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *computed = data ? crypt_r(password, hash, data) : NULL;
	bool right = computed && strlen(computed) == HASH_LEN && strlen(hash) == HASH_LEN &&
		     gnutls_memcmp(computed, hash, HASH_LEN) == 0;

	if (right)
		remember(passwords, hash, password);
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
	return right;
}

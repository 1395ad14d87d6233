/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to boot: ranks that find each other by the variables of a launcher that starts processes and
 * offers no exchange, such as torchrun. Rank 0 is the middle of a star of TCP connections. */
#ifndef CT_BOOT_ENV_H
#define CT_BOOT_ENV_H

#include "boot.h"

enum { CT_ENV_HOST = 256, CT_ENV_TOKEN = 256, CT_ENV_NONCE = 32, CT_ENV_PROOF = 32 };

/* What the environment says. */
struct ct_env_place {
	uint32_t rank, nranks;
	char host[CT_ENV_HOST]; /* MASTER_ADDR */
	uint16_t port;
	char token[CT_ENV_TOKEN];
};

/* All words in network order. Who waits greets first, so that its number is part of the proof. */
struct ct_env_welcome {
	uint32_t magic, version;
	uint8_t nonce[CT_ENV_NONCE];
};

struct ct_env_hello {
	uint32_t magic, version, rank, nranks;
	uint8_t nonce[CT_ENV_NONCE], proof[CT_ENV_PROOF];
};

struct ct_env_answer {
	uint32_t magic, status; /* 0, or the caller is refused */
	uint8_t proof[CT_ENV_PROOF];
	char why[160];
};

enum { CT_ENV_VERSION = 1 };
#define CT_ENV_MAGIC 0x63744576u /* "ctEv" */

/* One rank's end of the star. */
struct ct_env_boot {
	struct ct_boot boot;
	int *fds;      /* rank 0: nranks, of each other rank; others: [0], of rank 0; -1 = none */
	uint64_t timeout_ns;
	uint32_t turn; /* exchanges so far */
	bool broken;
};

/* env.c */

/* Reads the variables through GET as for ct_launcher_detect(). CT_INVALID names the one that is missing
 * or wrong. */
ct_status ct_env_read(const char *(*get)(void *arg, const char *name), void *arg,
	struct ct_env_place *place);

/* As ct_env_boot_new() for PLACE. */
ct_status ct_env_open(const struct ct_env_place *place, uint64_t timeout_ns,
	const struct ct_boot **boot);

/* env_meet.c */

/* Connects this rank; fills B->fds. CT_IO, CT_INVALID, CT_PEER, CT_TIMEOUT, CT_NOMEM. */
ct_status ct_env_meet(struct ct_env_boot *b, const struct ct_env_place *place, struct ct_deadline by);

/* HMAC-SHA256 (RFC 2104) of at most 256 BYTES. Pure. */
void ct_env_hmac(const char *key, const uint8_t *text, size_t bytes, uint8_t out[CT_ENV_PROOF]);

/* HMAC-SHA256 with PLACE's token over both numbers, WORD ("rank": the caller proves itself,
 * "root": rank 0 does; so neither proof serves as the other), rank and number of ranks. */
void ct_env_proof(const struct ct_env_place *place, const char *word, const uint8_t *first,
	const uint8_t *second, uint8_t out[CT_ENV_PROOF]);

/* Equal? Takes the same time wherever they differ. */
bool ct_env_equal(const uint8_t *a, const uint8_t *b, size_t bytes);

#endif

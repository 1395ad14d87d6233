/* SPDX-License-Identifier: BSD-3-Clause */
/* Fitted constants of NCCL's cost model by name: "base_us.ALGO.PROTO", "hop_us.LINK.ALGO.PROTO",
 * "TABLE_GBps.GENERATION.NODES". */
#include <stddef.h>
#include <string.h>

#include "plugin.h"

static const char *const links[] = { "nvlink", "pci", "net", NULL };
static const char *const generations[] = { "volta", "ampere", "hopper", "blackwell", NULL };
static const char *const scales[] = { "1", "2", "4", NULL };

enum { WORDS_MOST = 3 };

struct table {
	const char *name;
	size_t offset;
	const char *const *words[WORDS_MOST]; /* of each index, slowest first; NULL = no more */
};

static const struct table tables[] = {
	{ "base_us", offsetof(struct ct_nccl_constants, base_us),
		{ ct_tuner_algos, ct_tuner_protos } },
	{ "hop_us", offsetof(struct ct_nccl_constants, hop_us),
		{ links, ct_tuner_algos, ct_tuner_protos } },
	{ "ll_max_GBps", offsetof(struct ct_nccl_constants, ll_max_GBps), { generations, scales } },
	{ "ring_ll128_GBps", offsetof(struct ct_nccl_constants, ring_ll128_GBps),
		{ generations, scales } },
	{ "tree_ll128_GBps", offsetof(struct ct_nccl_constants, tree_ll128_GBps),
		{ generations, scales } },
	{ "tree_GBps", offsetof(struct ct_nccl_constants, tree_GBps), { generations, scales } },
	{ "nvls_tree_GBps", offsetof(struct ct_nccl_constants, nvls_tree_GBps),
		{ generations, scales } },
};

/* Length of the word at TEXT if it is WORD and ends at a dot or the end, else 0. */
static size_t begins(const char *text, const char *word)
{
	size_t n = strlen(word);

	return strncmp(text, word, n) == 0 && (text[n] == '.' || text[n] == '\0') ? n : 0;
}

/* Where NAME stands in struct ct_nccl_constants, in bytes; SIZE_MAX = nowhere. */
static size_t place_of(const char *name)
{
	const size_t none = SIZE_MAX;

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
		const char *at = name;
		size_t n = begins(at, tables[t].name), index = 0;

		if (n == 0)
			continue;
		for (int w = 0; w < WORDS_MOST && tables[t].words[w] != NULL; w++) {
			const char *const *words = tables[t].words[w];
			size_t count = 0, found = none;

			at += n;
			if (*at++ != '.')
				return none;
			for (n = 0; words[count] != NULL; count++)
				if (begins(at, words[count]) > 0) {
					n = begins(at, words[count]);
					found = count;
				}
			if (found == none)
				return none;
			index = index * count + found;
		}
		return at[n] == '\0' ? tables[t].offset + index * sizeof(double) : none;
	}
	return none;
}

ct_status ct_tuner_fit(const struct ct_rules *rules, struct ct_nccl_constants *constants)
{
	size_t n;
	const struct ct_rules_constant *fitted = ct_rules_constants(rules, &n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(fitted[i].backend, "nccl") == 0 && place_of(fitted[i].name) == SIZE_MAX)
			return ct_fail(CT_INVALID, "/constants/nccl/%.60s: NCCL's model has no such "
				"constant", fitted[i].name);
	for (size_t i = 0; i < n; i++)
		if (strcmp(fitted[i].backend, "nccl") == 0)
			memcpy((char *)constants + place_of(fitted[i].name), &fitted[i].value,
				sizeof(fitted[i].value));
	return CT_OK;
}

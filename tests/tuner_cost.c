/* SPDX-License-Identifier: BSD-3-Clause */
/* tuner_cost PLUGIN SYMBOL CALLS: asks a tuner plugin (version 4 or 5 by SYMBOL's end) CALLS times
 * about all-reduces of many sizes, for counting its instructions. Prints how often it chose. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/nccl_tuner.h"

static void quiet(int level, unsigned long subsystems, const char *file, int line, const char *format,
	...)
{
	(void)level;
	(void)subsystems;
	(void)file;
	(void)line;
	(void)format;
}

int main(int argc, char **argv)
{
	void *library = argc == 4 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	const struct ct_nccl_tuner_v5 *v5 = library != NULL ? dlsym(library, argv[2]) : NULL;
	const struct ct_nccl_tuner_v4 *v4 = (const void *)v5;
	float table[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	long calls = argc == 4 ? atol(argv[3]) : 0, chosen = 0;
	uint32_t random = 1;
	void *context = NULL;

	if (v5 == NULL) {
		fprintf(stderr, "tuner_cost: %s\n", library == NULL ? dlerror() : "no such symbol");
		return 2;
	}
	if (strcmp(argv[2] + strlen(argv[2]) - 2, "v5") == 0)
		v5->init(&context, 1, 16, 2, quiet, NULL, NULL);
	else
		v4->init(16, 2, quiet, &context);
	for (long i = 0; i < calls; i++) {
		int channels = 0;

		/* cells 1.0 each, set where it counts: the rules of the test use ring/simple only */
		table[1][2] = 1;
		random = random * 1664525 + 1013904223; /* Numerical Recipes' generator */
		v5->choose(context, 4, random >> 8, 1, (float **)(void *)table, CT_NCCL_ALGOS,
			CT_NCCL_PROTOS, 0, &channels);
		chosen += table[1][2] == 0;
	}
	printf("%ld\n", chosen);
	return 0;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The training job in one process, each rank a thread; a launcher of one's own needs only this much:
 * train_threads 4 --data=iris.csv */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

enum { MOST_RANKS = 64 };

static struct job {
	pthread_barrier_t meet;
	const void *mine[MOST_RANKS];
	struct train_options options;
} job;

struct rank {
	struct ct_boot boot;
	pthread_t thread;
	int result;
};

/* The one function that colltune asks of a launcher. */
static ct_status allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	const struct rank *r = ctx;

	job.mine[r->boot.rank] = mine;
	pthread_barrier_wait(&job.meet);
	for (uint32_t i = 0; i < r->boot.nranks; i++)
		memcpy((char *)all + i * bytes, job.mine[i], bytes);
	pthread_barrier_wait(&job.meet);
	return CT_OK;
}

static void *rank_main(void *arg)
{
	struct rank *r = arg;

	r->result = train_rank(&r->boot, &job.options, NULL, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct rank ranks[MOST_RANKS];
	int n = argc > 1 ? atoi(argv[1]) : 0, result = 0;

	if (n < 1 || n > MOST_RANKS) {
		fprintf(stderr, "train_threads RANKS [--data=FILE …]: 1 to %d ranks\n", MOST_RANKS);
		return 2;
	}
	if (train_parse(argc - 1, argv + 1, NULL, &job.options) != 0)
		return 2;
	pthread_barrier_init(&job.meet, NULL, (unsigned)n);
	for (int i = 0; i < n; i++) {
		ranks[i].boot = (struct ct_boot){ sizeof(struct ct_boot), (uint32_t)i, (uint32_t)n, allgather,
			&ranks[i] };
		if (pthread_create(&ranks[i].thread, NULL, rank_main, &ranks[i]) != 0)
			abort();
	}
	for (int i = 0; i < n; i++) {
		pthread_join(ranks[i].thread, NULL);
		result |= ranks[i].result;
	}
	pthread_barrier_destroy(&job.meet);
	return result;
}

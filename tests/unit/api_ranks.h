/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranks for tests of the public library: forked processes that gather over socket pairs, and
 * threads that gather through memory. Nothing of colltune but colltune.h is used. */
#ifndef CT_TEST_API_RANKS_H
#define CT_TEST_API_RANKS_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "colltune.h"

enum { MOST_RANKS = 8 };

/* ---- processes: a star with rank 0 in the middle --------------------------------------------- */

struct star {
	uint32_t rank, nranks;
	int to[MOST_RANKS]; /* rank 0: everyone's; others: to[0] */
};

static int whole(int fd, void *data, size_t bytes, int writing)
{
	char *p = data;

	while (bytes > 0) {
		ssize_t n = writing ? send(fd, p, bytes, MSG_NOSIGNAL) : recv(fd, p, bytes, 0);

		if (n <= 0)
			return -1;
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

static ct_status star_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct star *s = ctx;
	char *to = all;

	memcpy(to + s->rank * bytes, mine, bytes);
	if (s->rank > 0) {
		if (whole(s->to[0], to + s->rank * bytes, bytes, 1) != 0 ||
			whole(s->to[0], to, s->nranks * bytes, 0) != 0)
			return CT_PEER;
		return CT_OK;
	}
	for (uint32_t r = 1; r < s->nranks; r++)
		if (whole(s->to[r], to + r * bytes, bytes, 0) != 0)
			return CT_PEER;
	for (uint32_t r = 1; r < s->nranks; r++)
		if (whole(s->to[r], to, s->nranks * bytes, 1) != 0)
			return CT_PEER;
	return CT_OK;
}

/* Forks NRANKS children that run MAIN and exit with its result; their pids go to PIDS. */
static inline void fork_ranks(uint32_t nranks, int (*main_of)(const struct ct_boot *), pid_t *pids)
{
	int ends[MOST_RANKS][2] = { { -1, -1 } };

	for (uint32_t r = 1; r < nranks; r++)
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends[r]) != 0)
			abort();
	for (uint32_t r = 0; r < nranks; r++) {
		struct star star = { .rank = r, .nranks = nranks };
		struct ct_boot boot = { sizeof(boot), r, nranks, star_allgather, &star };

		pids[r] = fork();
		if (pids[r] != 0)
			continue;
		for (uint32_t k = 1; k < nranks; k++) { /* [0] is rank 0's end, [1] rank k's */
			if (r == 0)
				star.to[k] = ends[k][0];
			else if (r == k)
				star.to[0] = ends[k][1];
			if (r != 0)
				close(ends[k][0]);
			if (r != k)
				close(ends[k][1]);
		}
		_exit(main_of(&boot));
	}
	for (uint32_t r = 1; r < nranks; r++) {
		close(ends[r][0]);
		close(ends[r][1]);
	}
}

/* Exit status of PID, or 128 + signal. */
static inline int exit_of(pid_t pid)
{
	int status = 0;

	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- threads --------------------------------------------------------------------------------- */

struct crowd {
	pthread_barrier_t meet;
	const void *mine[MOST_RANKS];
	uint32_t nranks;
};

struct member {
	struct crowd *crowd;
	struct ct_boot boot;
	int (*main_of)(const struct ct_boot *);
	int result;
	pthread_t thread;
};

static ct_status crowd_allgather(void *ctx, const void *mine, void *all, size_t bytes)
{
	struct member *m = ctx;

	m->crowd->mine[m->boot.rank] = mine;
	pthread_barrier_wait(&m->crowd->meet);
	for (uint32_t r = 0; r < m->crowd->nranks; r++)
		memcpy((char *)all + r * bytes, m->crowd->mine[r], bytes);
	pthread_barrier_wait(&m->crowd->meet);
	return CT_OK;
}

static void *member_main(void *arg)
{
	struct member *m = arg;

	m->result = m->main_of(&m->boot);
	return NULL;
}

/* The largest result of NRANKS threads that run MAIN. */
static inline int thread_ranks(uint32_t nranks, int (*main_of)(const struct ct_boot *))
{
	struct crowd crowd = { .nranks = nranks };
	struct member members[MOST_RANKS];
	int worst = 0;

	pthread_barrier_init(&crowd.meet, NULL, nranks);
	for (uint32_t r = 0; r < nranks; r++) {
		members[r] = (struct member){ &crowd, { sizeof(struct ct_boot), r, nranks,
			crowd_allgather, &members[r] }, main_of, 0, 0 };
		if (pthread_create(&members[r].thread, NULL, member_main, &members[r]) != 0)
			abort();
	}
	for (uint32_t r = 0; r < nranks; r++) {
		pthread_join(members[r].thread, NULL);
		worst = members[r].result > worst ? members[r].result : worst;
	}
	pthread_barrier_destroy(&crowd.meet);
	return worst;
}

#endif

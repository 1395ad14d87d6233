/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { BYTES = 32 << 20, PIECE = 1 << 18, EDGE = 48 };

struct ct_overlap {
	pthread_t thread;
	atomic_bool over;
	enum ct_overlap_kind kind;
	char *memory; /* two halves */
	uint64_t turns;
};

const char *const ct_overlap_choices[] = { "none", "memory", "compute", NULL };

static void multiply(double *c, const double *a, const double *b)
{
	for (int i = 0; i < EDGE; i++)
		for (int k = 0; k < EDGE; k++)
			for (int j = 0; j < EDGE; j++)
				c[i * EDGE + j] += a[i * EDGE + k] * b[k * EDGE + j];
}

static void *work(void *arg)
{
	struct ct_overlap *o = arg;
	double *m = (double *)(void *)o->memory;
	size_t at = 0;

	while (!atomic_load_explicit(&o->over, memory_order_relaxed)) {
		if (o->kind == CT_OVERLAP_MEMORY) {
			memcpy(o->memory + BYTES / 2 + at, o->memory + at, PIECE);
			at = (at + PIECE) % (BYTES / 2);
		} else {
			multiply(m, m + EDGE * EDGE, m + 2 * EDGE * EDGE);
		}
		o->turns++;
	}
	return NULL;
}

ct_status ct_overlap_start(enum ct_overlap_kind kind, struct ct_overlap **overlap)
{
	struct ct_overlap *o;

	*overlap = NULL;
	if (kind == CT_OVERLAP_NONE)
		return CT_OK;
	o = ct_alloc(1, sizeof(*o));
	if (o == NULL)
		return CT_NOMEM;
	o->kind = kind;
	o->memory = ct_alloc_pages(BYTES);
	if (o->memory == NULL) {
		ct_free(o);
		return CT_NOMEM;
	}
	memset(o->memory, 0, BYTES);
	if (pthread_create(&o->thread, NULL, work, o) != 0) {
		ct_free(o->memory);
		ct_free(o);
		return ct_fail(CT_IO, "--overlap: no thread");
	}
	*overlap = o;
	return CT_OK;
}

uint64_t ct_overlap_stop(struct ct_overlap *o)
{
	uint64_t turns;

	if (o == NULL)
		return 0;
	atomic_store(&o->over, true);
	pthread_join(o->thread, NULL);
	turns = o->turns;
	ct_free(o->memory);
	ct_free(o);
	return turns;
}

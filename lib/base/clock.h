/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CT_BASE_CLOCK_H
#define CT_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Monotonic nanoseconds since boot of this host (CLOCK_MONOTONIC): shared by the processes of a
 * host, not between hosts. Inline since it stands inside measured loops. */
static inline uint64_t ct_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A moment in ct_now_ns() time after which waiting ends; UINT64_MAX = never. */
struct ct_deadline {
	uint64_t at_ns;
};

static inline struct ct_deadline ct_deadline_in(uint64_t ns)
{
	uint64_t now = ct_now_ns();
	struct ct_deadline d = { ns > UINT64_MAX - now ? UINT64_MAX : now + ns };

	return d;
}

static inline bool ct_deadline_passed(struct ct_deadline d)
{
	return d.at_ns != UINT64_MAX && ct_now_ns() >= d.at_ns;
}

/* Smallest step seen between two readings and the median cost of one reading, both in ns, taken
 * over a thousand readings. On a clock so coarse that they all agree, the step is what
 * clock_getres() says. */
void ct_clock_quality(uint64_t *step_ns, uint64_t *cost_ns);

/* "2026-11-22T03:18:12Z" of now (UTC). */
void ct_clock_utc(char out[21]);

#endif

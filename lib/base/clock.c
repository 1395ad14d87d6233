/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"
#include "stats.h"

enum { CLOCK_READINGS = 1000 };

void ct_clock_quality(uint64_t *step_ns, uint64_t *cost_ns)
{
	uint64_t delta[CLOCK_READINGS], last = ct_now_ns(), step = 0;
	struct timespec resolution;

	for (int i = 0; i < CLOCK_READINGS; i++) {
		uint64_t now = ct_now_ns();

		delta[i] = now - last;
		last = now;
	}
	ct_sort_u64(delta, CLOCK_READINGS);
	for (int i = 0; i < CLOCK_READINGS && step == 0; i++)
		step = delta[i];
	/* A clock so coarse that a thousand readings agree: believe what the kernel says. */
	if (step == 0 && clock_getres(CLOCK_MONOTONIC, &resolution) == 0)
		step = (uint64_t)resolution.tv_sec * 1000000000u + (uint64_t)resolution.tv_nsec;
	*step_ns = step;
	*cost_ns = ct_median(delta, CLOCK_READINGS);
}

void ct_clock_utc(char out[21])
{
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc) == NULL ||
	    strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		out[0] = '\0'; /* a year of five digits */
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune tune --times: what the defaults take, a line for each size. What each launch of --launch
 * runs, since what is set for a whole launch cannot be told from anything but such times. */
#include "tune.h"

#include <stdio.h>
#include <string.h>

enum { SAMPLES = 15, WARM = 3 };

struct timing {
	struct ct_rank *rank;
	struct ct_trials *trials;
	const struct ct_tune_settings *settings;
	ct_type type;
	uint32_t candidate;
};

/* Collective; rank 0 prints. */
static ct_status time_size(struct timing *t, ct_coll coll, uint64_t bytes)
{
	struct ct_test test = { .coll = coll, .type = t->type, .op = CT_SUM, .bytes = bytes };
	struct ct_trial trial = { .test = &test, .which = &t->candidate, .n = 1, .samples = SAMPLES,
		.warmup = WARM };
	uint64_t ns[SAMPLES];
	ct_status each = CT_OK, status;
	struct ct_trial_out out = { ns, &each, 0 };

	ct_trials_forget(t->trials);
	status = ct_trials_take(t->trials, &trial, &out);
	if (status != CT_OK || t->rank->world.rank != 0)
		return status;
	ct_sort_u64(ns, SAMPLES);
	if (each == CT_OK)
		printf("# time coll=%s bytes=%llu ns=%llu\n", ct_coll_name(coll), (unsigned long long)bytes,
			(unsigned long long)ct_median(ns, SAMPLES));
	fflush(stdout);
	return CT_OK;
}

static ct_status time_coll(struct timing *t, ct_coll coll)
{
	const struct ct_tune_settings *s = t->settings;
	uint64_t before = 0;
	ct_status status = CT_OK;

	for (double bytes = (double)s->min_bytes; bytes <= (double)s->max_bytes * (1 + 1e-9) &&
		status == CT_OK; bytes *= s->factor) {
		uint64_t count = ct_coll_count(coll, t->rank->world.nranks, (uint64_t)bytes, t->type);
		uint64_t fits = ct_coll_bytes(coll, t->rank->world.nranks, count > 0 ? count : 1, t->type);

		if (fits > before)
			status = time_size(t, coll, fits);
		before = fits;
	}
	return status;
}

ct_status ct_tune_times(struct ct_rank *rank, const struct ct_tune_settings *s, const struct ct_tune_asked *a)
{
	struct timing t = { .rank = rank, .settings = s, .type = a->type };
	struct ct_candidate base = { .algo = "" };
	const char *why = "";
	ct_status status;

	snprintf(base.backend, sizeof(base.backend), "%.*s", (int)strcspn(a->backends, ","), a->backends);
	if (strcmp(base.backend, "native") == 0)
		snprintf(base.net, sizeof(base.net), "%s", s->job.net);
	status = ct_trials_open(rank->session, &base, 1, (uint64_t)s->job.seed, &t.trials);
	if (status == CT_OK && ct_trials_caps(t.trials, 0, &why) == NULL)
		status = ct_fail(CT_UNSUPPORTED, "%s: %s", base.backend, why);
	if (status == CT_OK)
		status = ct_session_agree(rank->session, ct_trials_add(t.trials, &base, &t.candidate));
	for (size_t i = 0; i < a->ncolls && status == CT_OK; i++)
		status = time_coll(&t, a->colls[i]);
	ct_trials_close(t.trials);
	return status;
}

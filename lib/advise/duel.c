/* SPDX-License-Identifier: BSD-3-Clause */
/* Two candidates at one point, by one median per round. */
#include "advise.h"

#define SAME_WITHIN 1.05
#define SIGNIFICANT 0.05

enum ct_compare ct_compare(uint32_t na, uint32_t nb, double p, struct ct_ratio ratio)
{
	if (na < CT_LEAST_ROUNDS || nb < CT_LEAST_ROUNDS)
		return CT_COMPARE_FEW;
	if (ratio.low >= 1 / SAME_WITHIN && ratio.high <= SAME_WITHIN)
		return CT_COMPARE_SAME;
	if (p < SIGNIFICANT && ratio.low > 1)
		return CT_COMPARE_FASTER;
	if (p < SIGNIFICANT && ratio.high < 1)
		return CT_COMPARE_SLOWER;
	return CT_COMPARE_UNRESOLVED;
}

static bool enough(const struct ct_duel *d)
{
	return d->a->rounds >= CT_LEAST_ROUNDS && d->b->rounds >= CT_LEAST_ROUNDS;
}

static void fight(struct ct_duel *d)
{
	struct ct_mwu mwu =
		ct_mann_whitney(d->a->round_ns, d->a->rounds, d->b->round_ns, d->b->rounds);

	d->p = mwu.p;
	d->effect = mwu.effect;
	d->gain =
		ct_ratio_interval(d->a->round_ns, d->a->rounds, d->b->round_ns, d->b->rounds, 0.95);
}

ct_status ct_duels_judge(struct ct_duel *duels, size_t n)
{
	double *p = ct_alloc(n > 0 ? n : 1, sizeof(*p));
	size_t family = 0;

	if (p == NULL)
		return CT_NOMEM;
	for (size_t i = 0; i < n; i++) {
		fight(&duels[i]);
		if (enough(&duels[i]))
			p[family++] = duels[i].p;
	}
	ct_holm(p, family);
	family = 0;
	for (size_t i = 0; i < n; i++) {
		struct ct_duel *d = &duels[i];

		d->p = enough(d) ? p[family++] : 1;
		d->result = ct_compare(d->a->rounds, d->b->rounds, d->p, d->gain);
	}
	ct_free(p);
	return CT_OK;
}

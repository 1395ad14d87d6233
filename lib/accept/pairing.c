/* SPDX-License-Identifier: BSD-3-Clause */
/* Rounds of disjoint pairs that respect the fabric; random within that. */
#include <stdlib.h>

#include "fit.h"

/* Nodes in random order, then grouped by leaf, the leaves in random order too. */
static ct_status by_leaf(const struct ct_fleet *fleet, struct ct_rng *rng, uint32_t *order)
{
	uint32_t leaves = 0, *count, *place, *mixed;
	ct_status s = CT_NOMEM;

	for (uint32_t i = 0; i < fleet->nodes; i++)
		if (fleet->leaf_of[i] >= leaves)
			leaves = fleet->leaf_of[i] + 1;
	count = ct_alloc((size_t)leaves + 1, sizeof(*count));
	place = ct_alloc(leaves, sizeof(*place));
	mixed = ct_alloc(fleet->nodes, sizeof(*mixed));
	if (count != NULL && place != NULL && mixed != NULL) {
		uint32_t at = 0;

		ct_rng_shuffle(rng, place, leaves);
		for (uint32_t i = 0; i < fleet->nodes; i++)
			count[fleet->leaf_of[i]]++;
		/* count[l] becomes where leaf l begins */
		for (uint32_t l = 0; l < leaves; l++) {
			uint32_t n = count[place[l]];

			count[place[l]] = at;
			at += n;
		}
		ct_rng_shuffle(rng, mixed, fleet->nodes);
		for (uint32_t i = 0; i < fleet->nodes; i++)
			order[count[fleet->leaf_of[mixed[i]]]++] = mixed[i];
		s = CT_OK;
	}
	ct_free(mixed);
	ct_free(place);
	ct_free(count);
	return s;
}

static void join(uint32_t *partner, uint32_t a, uint32_t b)
{
	partner[a] = b;
	partner[b] = a;
}

ct_status ct_round_make(const struct ct_fleet *fleet, bool between, struct ct_rng *rng,
	uint32_t *partner)
{
	uint32_t *order = ct_alloc(fleet->nodes, sizeof(*order)), half = fleet->nodes / 2;
	ct_status s = order != NULL ? by_leaf(fleet, rng, order) : CT_NOMEM;

	for (uint32_t i = 0; i < fleet->nodes; i++)
		partner[i] = i;
	if (s == CT_OK && between) {
		/* half the cluster further on is another leaf, unless one leaf holds more than half */
		for (uint32_t i = 0; i < half; i++)
			if (fleet->leaf_of[order[i]] != fleet->leaf_of[order[i + half]])
				join(partner, order[i], order[i + half]);
	} else if (s == CT_OK) {
		for (uint32_t i = 0; i + 1 < fleet->nodes;) {
			bool same = fleet->leaf_of[order[i]] == fleet->leaf_of[order[i + 1]];

			if (same)
				join(partner, order[i], order[i + 1]);
			i += same ? 2 : 1;
		}
	}
	ct_free(order);
	return s;
}

/* The nodes that have nothing to do go on between leaves. */
static ct_status join_idle(const struct ct_fleet *fleet, const bool *suspect, struct ct_rng *rng,
	uint32_t *partner)
{
	uint32_t *order = ct_alloc(fleet->nodes, sizeof(*order)), n = 0;
	ct_status s = order != NULL ? by_leaf(fleet, rng, order) : CT_NOMEM;

	for (uint32_t i = 0; s == CT_OK && i < fleet->nodes; i++)
		if (partner[order[i]] == order[i] && !suspect[order[i]])
			order[n++] = order[i];
	for (uint32_t i = 0; i < n / 2; i++)
		if (fleet->leaf_of[order[i]] != fleet->leaf_of[order[i + n / 2]])
			join(partner, order[i], order[i + n / 2]);
	ct_free(order);
	return s;
}

/* Messages to be measured again first, since only their own pairs will do; half of the nodes at most, so
 * that suspects find partners. */
static void join_again(const struct ct_fleet *fleet, const bool *suspect, struct ct_screen *screen,
	uint32_t *partner)
{
	uint32_t room = fleet->nodes / 2, joined = 0;

	for (uint32_t i = 0; i < fleet->nodes; i++)
		room = suspect[i] ? fleet->nodes / 4 : room;
	for (size_t i = 0; i < screen->npairs && joined < room; i++) {
		struct ct_again *p = &screen->pairs[i];

		if (p->done || suspect[p->a] || suspect[p->b] || partner[p->a] != p->a ||
			partner[p->b] != p->b)
			continue;
		join(partner, p->a, p->b);
		p->done = true;
		joined++;
	}
}

ct_status ct_round_confirm(const struct ct_fleet *fleet, const bool *suspect, struct ct_screen *screen,
	struct ct_rng *rng, uint32_t *partner)
{
	uint32_t *order = ct_alloc(fleet->nodes, sizeof(*order)), good = 0;

	if (order == NULL)
		return CT_NOMEM;
	ct_rng_shuffle(rng, order, fleet->nodes);
	for (uint32_t i = 0; i < fleet->nodes; i++)
		partner[i] = i;
	join_again(fleet, suspect, screen, partner);
	for (uint32_t i = 0; i < fleet->nodes; i++) {
		if (!suspect[order[i]])
			continue;
		while (good < fleet->nodes && (suspect[order[good]] || partner[order[good]] != order[good]))
			good++;
		if (good == fleet->nodes)
			break; /* more suspects than good ones: the rest has its turn in another round */
		join(partner, order[i], order[good++]);
	}
	ct_free(order);
	return join_idle(fleet, suspect, rng, partner);
}

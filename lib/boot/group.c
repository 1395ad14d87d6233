/* SPDX-License-Identifier: BSD-3-Clause */
/* Disjoint groups of the ranks of a job. */
#include <stdlib.h>
#include <string.h>

#include "boot.h"

enum how { BY_NODE, BY_RAIL, BY_NUMBER };

/* Which of its host's ranks RANK is. */
static uint32_t place_on_host(const struct ct_world *w, uint32_t rank)
{
	uint32_t place = 0;

	for (uint32_t r = 0; r < rank; r++)
		place += w->host_of[r] == w->host_of[rank];
	return place;
}

static uint32_t color_of(const struct ct_world *w, enum how how, uint32_t each, uint32_t rank)
{
	if (how == BY_NODE)
		return w->host_of[rank];
	return how == BY_RAIL ? place_on_host(w, rank) : rank / each;
}

static ct_status read_how(const char *text, enum how *how, uint32_t *each)
{
	char *end;
	unsigned long n;

	*each = 0;
	*how = strcmp(text, "rail") == 0 ? BY_RAIL : BY_NODE;
	if (strcmp(text, "node") == 0 || strcmp(text, "rail") == 0)
		return CT_OK;
	n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || n < 1 || n > UINT32_MAX)
		return ct_fail(CT_INVALID, "split by \"%.40s\"? By node, by rail, or into groups of N ranks",
			text);
	*how = BY_NUMBER;
	*each = (uint32_t)n;
	return CT_OK;
}

ct_status ct_world_group(const struct ct_world *w, const char *text, struct ct_group *group)
{
	struct ct_group g = { 0 };
	enum how how;
	uint32_t each;
	ct_status status = read_how(text, &how, &each);

	if (status != CT_OK)
		return status;
	g.color = color_of(w, how, each, w->rank);
	for (uint32_t r = 0; r < w->nranks; r++) {
		uint32_t color = color_of(w, how, each, r);

		g.ngroups = color + 1 > g.ngroups ? color + 1 : g.ngroups;
		g.nranks += color == g.color;
		g.rank += color == g.color && r < w->rank;
	}
	/* seen alike by every rank */
	for (uint32_t r = 0; r < w->nranks; r++) {
		uint32_t color = color_of(w, how, each, r), n = 0;

		for (uint32_t k = 0; k < w->nranks; k++)
			n += color_of(w, how, each, k) == color;
		if ((uint64_t)n * g.ngroups != w->nranks)
			return ct_fail(CT_UNSUPPORTED, "split by %s makes groups of different sizes from %u ranks",
				text, w->nranks);
	}
	*group = g;
	return CT_OK;
}

struct ct_group ct_world_whole(const struct ct_world *w)
{
	return (struct ct_group){ .color = 0, .rank = w->rank, .nranks = w->nranks, .ngroups = 1 };
}

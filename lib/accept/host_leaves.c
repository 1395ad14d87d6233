/* SPDX-License-Identifier: BSD-3-Clause */
/* Which leaf each host of a job hangs on, by a fabric that was read or declared. */
#include <stdio.h>
#include <string.h>

#include "accept.h"

/* The host of FABRIC that is called NAME, or NAME up to the dot; NULL = none. */
static const char *find_host(const struct ct_fabric *fabric, const char *name)
{
	size_t length = strcspn(name, ".");

	for (size_t i = 0; i < fabric->nhosts; i++) {
		const char *known = fabric->hosts[i].name;

		if (strcmp(known, name) == 0 || (strcspn(known, ".") == length && strncmp(known, name, length) == 0))
			return known;
	}
	return NULL;
}

/* The lowest rail of HOST that hangs on a switch from FIRST on, and its leaf; CT_FABRIC_NONE = none. */
static uint32_t next_leaf(const struct ct_fabric *f, const char *host, uint32_t first, uint32_t *rail)
{
	uint32_t best = UINT32_MAX, leaf = CT_FABRIC_NONE;

	for (uint32_t i = 0; i < f->nnodes; i++) {
		const struct ct_fabric_node *node = &f->nodes[i];

		if (node->type != CT_FABRIC_HCA || node->host == CT_FABRIC_NONE ||
		    strcmp(f->hosts[node->host].name, host) != 0)
			continue;
		for (uint32_t p = node->first; p < node->first + node->nports; p++) {
			uint32_t peer = f->ports[p].peer, order = node->rail * 8 + (p - node->first);

			if (peer == CT_FABRIC_NONE || order < first || order >= best)
				continue;
			best = order;
			leaf = f->ports[peer].node;
		}
	}
	*rail = best;
	return leaf;
}

/* The number of leaf NODE among those met; a new one is added. */
static uint32_t number_of(uint32_t *met, uint32_t *n, uint32_t node)
{
	uint32_t i = 0;

	while (i < *n && met[i] != node)
		i++;
	if (i == *n)
		met[(*n)++] = node;
	return i;
}

static ct_status name_leaves(const struct ct_fabric *fabric, const uint32_t *met, uint32_t n, struct ct_leaves *leaves)
{
	leaves->names = ct_alloc(n, sizeof(*leaves->names));
	if (leaves->names == NULL)
		return CT_NOMEM;
	leaves->n = n;
	for (uint32_t i = 0; i < n; i++) {
		struct ct_fabric_sides sides;

		if (met[i] == CT_FABRIC_NONE) {
			snprintf(leaves->names[i], sizeof(leaves->names[i]), "hosts that are not in the file");
			continue;
		}
		ct_text_clean(leaves->names[i], sizeof(leaves->names[i]), fabric->nodes[met[i]].name);
		ct_fabric_sides(fabric, met[i], &sides);
		if (sides.up > 0 && (leaves->uplinks == 0 || sides.up < leaves->uplinks))
			leaves->uplinks = sides.up;
	}
	return CT_OK;
}

ct_status ct_leaves_of(const struct ct_fabric *fabric, const struct ct_world *world, const char *source,
	struct ct_leaves *leaves, uint32_t *missing)
{
	struct ct_leaves made = { .n = 0 };
	uint32_t *met = ct_alloc((size_t)world->nhosts + 1, sizeof(*met)), n = 0;
	ct_status status = CT_NOMEM;

	*missing = 0;
	made.of = ct_alloc(world->nhosts, sizeof(*made.of));
	if (met == NULL || made.of == NULL)
		goto out;
	for (uint32_t h = 0; h < world->nhosts; h++) {
		const char *host = find_host(fabric, world->hosts[h].name);
		uint32_t rail = 0, leaf = CT_FABRIC_NONE, other;

		if (host != NULL)
			leaf = next_leaf(fabric, host, 0, &rail);
		*missing += leaf == CT_FABRIC_NONE;
		made.of[h] = number_of(met, &n, leaf);
		other = leaf != CT_FABRIC_NONE ? next_leaf(fabric, host, rail + 1, &rail) : CT_FABRIC_NONE;
		made.rail_leaves = made.rail_leaves || (other != CT_FABRIC_NONE && other != leaf);
	}
	status = *missing == world->nhosts ? ct_fail(CT_INVALID, "%s: none of the job's %u hosts is in it, not even %s; "
		"it has %s%s", source, world->nhosts, world->hosts[0].name, fabric->nhosts > 0 ? fabric->hosts[0].name :
		"no host", fabric->nhosts > 1 ? " and others" : "") : name_leaves(fabric, met, n, &made);
out:
	ct_free(met);
	if (status == CT_OK)
		*leaves = made;
	else
		ct_leaves_free(&made);
	return status;
}

void ct_leaves_free(struct ct_leaves *leaves)
{
	ct_free(leaves->of);
	ct_free(leaves->names);
	*leaves = (struct ct_leaves){ .n = 0 };
}

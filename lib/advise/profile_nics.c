/* SPDX-License-Identifier: BSD-3-Clause */
/* What a profile says that a node of such a cluster has, and what its nodes have. */
#include <stdio.h>
#include <string.h>

#include "rules.h"

enum { PERCENT = 98 /* of the rate that is told: 24.5 of 25 Gbit/s are no other link */ };

/* NICs of NODE that are up and as fast as is wanted; a rate that nobody tells is no shortfall. */
static uint32_t good_nics(const struct ct_advise_in *in, const struct ct_rails *node)
{
	uint32_t n = 0;

	for (size_t i = 0; i < node->n; i++)
		n += node->rails[i].up && (node->rails[i].Mbps == 0 ||
			node->rails[i].Mbps * 100 >= in->want_Mbps * PERCENT);
	return n;
}

/* One finding for all nodes: the one that has least is named. */
ct_status ct_rule_profile_nics(const struct ct_advice_rule *rule, const struct ct_advise_in *in,
			       struct ct_findings *out)
{
	uint32_t least = in->want_nics, few = 0;
	struct ct_finding *f;
	char rate[40] = "";
	size_t worst = 0;

	for (size_t i = 0; i < in->nrails; i++) {
		uint32_t n = good_nics(in, &in->rails[i]);

		few += n < in->want_nics;
		if (n < least) {
			least = n;
			worst = i;
		}
	}
	if (few == 0)
		return CT_OK;
	f = ct_finding_add(out, rule);
	if (f == NULL)
		return CT_NOMEM;
	if (in->want_Mbps > 0)
		snprintf(rate, sizeof(rate), " of %.4g Gbit/s", (double)in->want_Mbps / 1e3);
	snprintf(f->seen, sizeof(f->seen), "%u of %zu node%s %s fewer NICs that are up than the profile's %u%s: "
		"%.80s has %u", few, in->nrails, in->nrails == 1 ? "" : "s", few == 1 ? "has" : "have",
		in->want_nics, rate, in->rails[worst].host, least);
	snprintf(f->set, sizeof(f->set), "see what colltune topo says there: a port that is down, a link that "
		"trained to less, a card that is not seen; or take the profile of such nodes");
	return CT_OK;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Which floor bounds a result. */
#include <string.h>

#include "inside.h"

/* What the transport says of itself counts. A library that does not say (MPI) moves bytes through
 * memory when all ranks share a host, and its link is unknown otherwise. */
static enum ct_path path_of(const struct ct_world *world, const struct ct_net_caps *caps)
{
	if (strcmp(caps->expectation, "copy") == 0)
		return CT_PATH_COPY;
	if (strcmp(caps->expectation, "stream") == 0)
		return CT_PATH_STREAM;
	if (world->nhosts == 1)
		return CT_PATH_COPY;
	return caps->link_Bps > 0 ? CT_PATH_LINK : CT_PATH_NONE;
}

void ct_result_expect(struct ct_result *result, const struct ct_world *world,
	const struct ct_net_caps *caps, const struct ct_floors *floors)
{
	struct ct_expect_in in = {
		.coll = result->test.coll, .nranks = result->nranks, .pairs = result->pairs,
		.bytes = result->bytes, .path = path_of(world, caps), .link_Bps = caps->link_Bps,
		.mtu = caps->mtu, .floors = floors,
	};

	result->expected = (struct ct_expectation){ .known = false };
	if (result->status == CT_OK && in.path != CT_PATH_NONE)
		result->expected = ct_expect(&in);
}

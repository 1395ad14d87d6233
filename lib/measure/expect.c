/* SPDX-License-Identifier: BSD-3-Clause */
/* Which floor bounds a result. */
#include <string.h>

#include "inside.h"

static enum ct_wire wire_of(const struct ct_net_caps *caps)
{
	if (strncmp(caps->expectation, "roce", 4) == 0)
		return CT_WIRE_ROCE;
	return strcmp(caps->expectation, "infiniband") == 0 ? CT_WIRE_INFINIBAND : CT_WIRE_TCP;
}

/* Ranks of a host that press on one device in RESULT's test. */
static uint32_t sharers_of(const struct ct_result *r, const struct ct_net_caps *caps)
{
	bool p2p = r->test.coll >= CT_P2P_LATENCY && r->test.coll <= CT_P2P_DUPLEX;

	return p2p && r->pairs < caps->sharers ? r->pairs : caps->sharers;
}

/* Ranks of the fullest host; on one host each rank counts for itself. */
static uint32_t locals(const struct ct_world *world)
{
	uint32_t most = 1;

	for (uint32_t i = 0; world->nhosts > 1 && i < world->nhosts; i++)
		if (world->hosts[i].ranks > most)
			most = world->hosts[i].ranks;
	return most;
}

/* What the transport says of itself counts. A library that does not say (MPI) moves bytes through
 * memory when all ranks share a host, and its link is unknown otherwise. */
static enum ct_path path_of(const struct ct_world *world, const struct ct_net_caps *caps)
{
	if (strcmp(caps->expectation, "copy") == 0)
		return CT_PATH_COPY;
	if (strcmp(caps->expectation, "stream") == 0)
		return CT_PATH_STREAM;
	if (strcmp(caps->expectation, "gpu") == 0)
		return CT_PATH_NONE;
	/* RDMA devices of one host reach each other over the link too; one without a rate is
	 * software, whose bytes are copied. */
	if (world->nhosts == 1 && (wire_of(caps) == CT_WIRE_TCP || !(caps->link_Bps > 0)))
		return CT_PATH_COPY;
	return caps->link_Bps > 0 ? CT_PATH_LINK : CT_PATH_NONE;
}

void ct_result_expect(struct ct_result *result, const struct ct_world *world,
	const struct ct_net_caps *caps, const struct ct_floors *floors)
{
	struct ct_expect_in in = {
		.coll = result->test.coll, .nranks = result->nranks, .pairs = result->pairs,
		.bytes = result->bytes, .path = path_of(world, caps), .link_Bps = caps->link_Bps,
		.mtu = caps->mtu, .floors = floors, .wire = wire_of(caps),
		.ipv6 = strcmp(caps->expectation, "roce6") == 0,
		.sharers = sharers_of(result, caps), .local = locals(world),
	};

	result->expected = (struct ct_expectation){ .known = false };
	if (result->status == CT_OK && in.path != CT_PATH_NONE)
		result->expected = ct_expect(&in);
}

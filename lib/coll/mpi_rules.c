/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "mpi_rules.h"

/* ---- knobs ---------------------------------------------------------------------------------- */

/* The segmented ring has no unsegmented form: with segment 0 the library runs the plain ring. */
static const int64_t ring_segments[] = { 65536, 4096, 16384, 262144, 1048576 };
static const int64_t tree_segments[] = { 0, 1024, 4096, 16384, 65536, 262144, 1048576 };
static const int64_t chain_fanouts[] = { 4, 2, 8 };
static const int64_t sync_requests[] = { 0, 1, 2, 4, 8, 16, 32 };

#define VALUES(list) (list), sizeof(list) / sizeof((list)[0])

static const struct ct_knob ring_knobs[] = {
	{ "segsize", "bytes per segment", VALUES(ring_segments) },
};
static const struct ct_knob tree_knobs[] = {
	{ "segsize", "bytes per segment; 0 = whole message", VALUES(tree_segments) },
	{ "fanout", "chains that leave (reduce: reach) the root", VALUES(chain_fanouts) },
};
static const struct ct_knob sync_knobs[] = {
	{ "requests", "exchanges in flight; 0 = all", VALUES(sync_requests) },
};

static const char *const segment_cvars[] = { "segmentsize", "chain_fanout" };
static const char *const sync_cvars[] = { "max_requests" };

static const struct {
	ct_coll coll;
	const char *algo;
	struct ct_mpi_knobs knobs;
} knob_rows[] = {
	{ CT_ALLREDUCE, "segmented_ring", { ring_knobs, segment_cvars, 1 } },
	{ CT_ALLTOALL, "linear_sync", { sync_knobs, sync_cvars, 1 } },
	{ CT_BROADCAST, "chain", { tree_knobs, segment_cvars, 2 } },
	{ CT_BROADCAST, "pipeline", { tree_knobs, segment_cvars, 1 } },
	{ CT_BROADCAST, "split_binary_tree", { tree_knobs, segment_cvars, 1 } },
	{ CT_BROADCAST, "binary_tree", { tree_knobs, segment_cvars, 1 } },
	{ CT_BROADCAST, "binomial", { tree_knobs, segment_cvars, 1 } },
	{ CT_REDUCE, "chain", { tree_knobs, segment_cvars, 2 } },
	{ CT_REDUCE, "pipeline", { tree_knobs, segment_cvars, 1 } },
	{ CT_REDUCE, "binary", { tree_knobs, segment_cvars, 1 } },
	{ CT_REDUCE, "binomial", { tree_knobs, segment_cvars, 1 } },
	{ CT_REDUCE, "in-order_binary", { tree_knobs, segment_cvars, 1 } },
};

struct ct_mpi_knobs ct_mpi_knobs_of(ct_coll coll, const char *algo)
{
	struct ct_mpi_knobs none = { NULL, NULL, 0 };

	for (size_t i = 0; i < sizeof(knob_rows) / sizeof(knob_rows[0]); i++)
		if (knob_rows[i].coll == coll && strcmp(knob_rows[i].algo, algo) == 0)
			return knob_rows[i].knobs;
	return none;
}

ct_status ct_mpi_knob_value(const struct ct_knob *knob, int64_t value, int *out)
{
	char list[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < knob->nvalues; i++) {
		if (knob->values[i] == value) {
			*out = (int)value;
			return CT_OK;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, " %lld",
			(long long)knob->values[i]);
	}
	if (value == 0) {
		*out = (int)knob->values[0];
		return CT_OK;
	}
	return ct_fail(CT_INVALID, "backend mpi: knob %s is %lld; it may be one of%s", knob->name,
		(long long)value, list);
}

/* ---- silent substitutions ------------------------------------------------------------------- */

static uint32_t power_of_two_below(uint32_t n)
{
	uint32_t p = 1;

	while (p <= n / 2)
		p *= 2;
	return p;
}

static bool below_ranks(const struct ct_mpi_case *use)
{
	return use->count < use->nranks;
}

static bool below_power(const struct ct_mpi_case *use)
{
	return use->count < power_of_two_below(use->nranks);
}

/* The library's own segment count (COLL_BASE_COMPUTED_SEGCOUNT): a segment that is too small or
 * larger than the message counts as the whole message. */
static bool below_segments(const struct ct_mpi_case *use)
{
	uint64_t segment = (uint64_t)use->segment_bytes, per_segment = use->count;

	if (segment >= use->element_bytes && segment < use->element_bytes * use->count) {
		per_segment = segment / use->element_bytes;
		if (segment % use->element_bytes > use->element_bytes / 2)
			per_segment++;
	}
	return use->count < use->nranks * per_segment;
}

static bool halves_below_segment(const struct ct_mpi_case *use)
{
	return use->count < 2 ||
		(uint64_t)use->segment_bytes > use->count / 2 * use->element_bytes;
}

static bool not_power_of_two(const struct ct_mpi_case *use)
{
	return (use->nranks & (use->nranks - 1)) != 0;
}

static bool odd_ranks(const struct ct_mpi_case *use)
{
	return use->nranks % 2 != 0;
}

static bool not_two_ranks(const struct ct_mpi_case *use)
{
	return use->nranks != 2;
}

static const struct {
	ct_coll coll;
	const char *algo;
	bool (*applies)(const struct ct_mpi_case *use);
	const char *reason;
} substitutions[] = {
	{ CT_ALLREDUCE, "ring", below_ranks,
		"recursive_doubling runs instead: fewer elements than ranks" },
	{ CT_ALLREDUCE, "segmented_ring", below_segments,
		"ring runs instead: fewer elements than one segment per rank" },
	{ CT_ALLREDUCE, "rabenseifner", below_power,
		"basic_linear runs instead: fewer elements than the power of two below the ranks" },
	{ CT_REDUCE, "rabenseifner", below_power,
		"basic_linear runs instead: fewer elements than the power of two below the ranks" },
	{ CT_BROADCAST, "scatter_allgather", below_ranks,
		"basic_linear runs instead: fewer elements than ranks" },
	{ CT_BROADCAST, "scatter_allgather_ring", below_ranks,
		"basic_linear runs instead: fewer elements than ranks" },
	{ CT_BROADCAST, "split_binary_tree", halves_below_segment,
		"chain runs instead: half of the message is smaller than a segment" },
	{ CT_ALLGATHER, "recursive_doubling", not_power_of_two,
		"bruck runs instead: the number of ranks is no power of two" },
	{ CT_ALLGATHER, "neighbor", odd_ranks,
		"ring runs instead: the number of ranks is odd" },
	{ CT_ALLTOALL, "two_proc", not_two_ranks, "it is for two ranks only" },
	{ CT_ALLGATHER, "two_proc", not_two_ranks, "it is for two ranks only" },
	{ CT_BARRIER, "two_proc", not_two_ranks, "it is for two ranks only" },
};

const char *ct_mpi_not_run(const struct ct_mpi_case *use, const char *algo)
{
	for (size_t i = 0; i < sizeof(substitutions) / sizeof(substitutions[0]); i++)
		if (substitutions[i].coll == use->coll && strcmp(substitutions[i].algo, algo) == 0 &&
		    substitutions[i].applies(use))
			return substitutions[i].reason;
	return NULL;
}

/* ---- version -------------------------------------------------------------------------------- */

void ct_mpi_library_words(const char *text, char *out, size_t room)
{
	size_t used = 0;
	bool gap = false;

	for (; *text != '\0' && *text != ',' && *text != '\n' && used + 2 < room; text++) {
		bool blank = *text == ' ' || *text == '\t' || *text == '\r';

		if (!blank && gap && used > 0)
			out[used++] = ' ';
		if (!blank)
			out[used++] = *text;
		gap = blank;
	}
	out[used] = '\0';
}

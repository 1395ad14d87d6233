/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Gather to one rank and scatter from one, each the other the other way round. Blocks lie in the order of
 * the ranks at the root; at all others only the own block's window is used.
 */
#include "generate.h"

/* Of the ranks as a binomial tree whose root is 0 (the broadcast's, broadcast.c): the one at FAR stands
 * for those from FAR up to FAR + RUN, itself among them. */
struct branch {
	uint32_t far, low, run; /* low: the lowest set bit of far; at the root a power of two >= nranks */
};

static struct branch branch_at(const struct ct_shape *shape, uint32_t far)
{
	struct branch b = { .far = far, .low = 1 };

	while (b.low < shape->nranks && (far & b.low) == 0)
		b.low *= 2;
	b.run = shape->nranks - far < b.low ? shape->nranks - far : b.low;
	return b;
}

static uint32_t rank_at(const struct ct_shape *shape, uint32_t far)
{
	return (uint32_t)(((uint64_t)shape->root + far) % shape->nranks);
}

static uint32_t far_of(const struct ct_shape *shape)
{
	return (uint32_t)(((uint64_t)shape->rank + shape->nranks - shape->root) % shape->nranks);
}

/* Where the blocks from FAR on lie at the rank of ABOVE: in BUF by rank at the root, else in scratch. */
static struct ct_slice place(const struct ct_shape *shape, const struct branch *above, enum ct_buffer buf,
	uint32_t far)
{
	if (above->far == 0)
		return ct_at(buf, rank_at(shape, far) * shape->count);
	return ct_at(CT_TMP, (far - above->far) * shape->count);
}

/* Blocks of BELOW's run that go as the first message to or from ABOVE; the others, which at the root lie
 * before them since ranks begin again at 0, are a second. */
static uint32_t first_of(const struct ct_shape *shape, const struct branch *above, const struct branch *below)
{
	uint32_t left = shape->nranks - rank_at(shape, below->far);

	return above->far == 0 && left < below->run ? left : below->run;
}

/* ---- gather -------------------------------------------------------------------------------- */

ct_status ct_gather_linear(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint64_t own = shape->rank * shape->count;

	ct_schedule_begin(out, shape);
	if (shape->rank != shape->root) {
		if (shape->count > 0)
			ct_add_send(out, shape->root, ct_at(CT_IN, 0), shape->count, CT_NO_DEP);
		return ct_schedule_end(out);
	}
	for (uint32_t i = 1; i < shape->nranks && shape->count > 0; i++)
		ct_add_recv(out, rank_at(shape, i), ct_at(CT_OUT, rank_at(shape, i) * shape->count), shape->count,
			CT_NO_DEP);
	if (!shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, own), shape->count, CT_NO_DEP);
	return ct_schedule_end(out);
}

/* Binomial tree (Chan, Heimlich, Purkayastha and van de Geijn 2007, section 4): a rank takes in the runs
 * of its branches, the smallest first, and passes on its own block and theirs as one run. */
ct_status ct_gather_binomial(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct branch mine = branch_at(shape, far_of(shape));
	uint64_t count = shape->count;

	ct_schedule_begin(out, shape);
	if (count == 0)
		return ct_schedule_end(out);
	if (mine.far != 0 && mine.run > 1)
		out->tmp_count = mine.run * count;
	for (uint32_t mask = 1; mask < mine.low && mask < shape->nranks - mine.far; mask *= 2) {
		struct branch below = branch_at(shape, mine.far + mask);
		uint32_t n = first_of(shape, &mine, &below), peer = rank_at(shape, below.far);

		ct_add_recv(out, peer, place(shape, &mine, CT_OUT, below.far), n * count, CT_NO_DEP);
		if (n < below.run)
			ct_add_recv(out, peer, ct_at(CT_OUT, 0), (below.run - n) * count, CT_NO_DEP);
	}
	if (mine.far == 0 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_OUT, shape->rank * count), count, CT_NO_DEP);
	if (mine.far != 0) {
		struct branch above = branch_at(shape, mine.far - mine.low);
		uint32_t n = first_of(shape, &above, &mine), peer = rank_at(shape, above.far);
		struct ct_step send = { .kind = CT_STEP_SEND, .peer = peer, .count = n * count,
			.src = ct_at(mine.run > 1 ? CT_TMP : CT_IN, 0), .dep = { CT_NO_DEP, CT_NO_DEP },
			.fence = mine.run > 1 };

		if (mine.run > 1)
			ct_add_copy(out, ct_at(CT_IN, 0), ct_at(CT_TMP, 0), count, CT_NO_DEP);
		ct_add_step(out, &send);
		send.src.at = n * count;
		send.count = (mine.run - n) * count;
		if (send.count > 0)
			ct_add_step(out, &send);
	}
	return ct_schedule_end(out);
}

/* ---- scatter ------------------------------------------------------------------------------- */

ct_status ct_scatter_linear(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint64_t own = shape->rank * shape->count;

	ct_schedule_begin(out, shape);
	if (shape->rank != shape->root) {
		if (shape->count > 0)
			ct_add_recv(out, shape->root, ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
		return ct_schedule_end(out);
	}
	for (uint32_t i = 1; i < shape->nranks && shape->count > 0; i++)
		ct_add_send(out, rank_at(shape, i), ct_at(CT_IN, rank_at(shape, i) * shape->count), shape->count,
			CT_NO_DEP);
	if (!shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, own), ct_at(CT_OUT, 0), shape->count, CT_NO_DEP);
	return ct_schedule_end(out);
}

/* The same tree from the root down, the largest branch first. */
ct_status ct_scatter_binomial(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct branch mine = branch_at(shape, far_of(shape));
	uint64_t count = shape->count;
	uint32_t got[2] = { CT_NO_DEP, CT_NO_DEP };

	ct_schedule_begin(out, shape);
	if (count == 0)
		return ct_schedule_end(out);
	if (mine.far != 0) {
		struct branch above = branch_at(shape, mine.far - mine.low);
		uint32_t n = first_of(shape, &above, &mine), peer = rank_at(shape, above.far);
		enum ct_buffer to = mine.run > 1 ? CT_TMP : CT_OUT;

		out->tmp_count = mine.run > 1 ? mine.run * count : 0;
		got[0] = ct_add_recv(out, peer, ct_at(to, 0), n * count, CT_NO_DEP);
		if (n < mine.run)
			got[1] = ct_add_recv(out, peer, ct_at(to, n * count), (mine.run - n) * count, CT_NO_DEP);
	}
	for (uint32_t mask = mine.low / 2; mask > 0; mask /= 2) {
		struct branch below;
		struct ct_step send = { .kind = CT_STEP_SEND, .dep = { got[0], got[1] } };
		uint32_t n;

		if (mask >= shape->nranks - mine.far)
			continue;
		below = branch_at(shape, mine.far + mask);
		n = first_of(shape, &mine, &below);
		send.peer = rank_at(shape, below.far);
		send.src = place(shape, &mine, CT_IN, below.far);
		send.count = n * count;
		ct_add_step(out, &send);
		send.src = ct_at(CT_IN, 0);
		send.count = (below.run - n) * count;
		if (send.count > 0)
			ct_add_step(out, &send);
	}
	if (mine.far == 0 && !shape->in_place)
		ct_add_copy(out, ct_at(CT_IN, shape->rank * count), ct_at(CT_OUT, 0), count, CT_NO_DEP);
	else if (mine.run > 1 && mine.far != 0)
		ct_add_copy(out, ct_at(CT_TMP, 0), ct_at(CT_OUT, 0), count, got[0]);
	return ct_schedule_end(out);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* All-to-all: linear, pairwise, Bruck. Never in place. */
#include "generate.h"

static ct_status begin(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint64_t own = shape->rank * shape->count;
	ct_status status = ct_refuse_in_place(shape);

	if (status != CT_OK)
		return status;
	ct_schedule_begin(out, shape);
	ct_add_copy(out, ct_at(CT_IN, own), ct_at(CT_OUT, own), shape->count, CT_NO_DEP);
	return CT_OK;
}

/* Linear (the "scattered" algorithm of Thakur, Rabenseifner and Gropp 2005, section 4.2): all
 * messages at once, peers in an order that starts at ourselves so that no rank is everyone's
 * first. */
ct_status ct_alltoall_linear(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t i, r = shape->rank, n = shape->nranks;
	ct_status status = begin(shape, out);

	if (status != CT_OK)
		return status;
	for (i = 1; i < n && shape->count > 0; i++)
		ct_add_recv(out, (r + n - i) % n,
			ct_at(CT_OUT, (r + n - i) % n * shape->count), shape->count, CT_NO_DEP);
	for (i = 1; i < n && shape->count > 0; i++)
		ct_add_send(out, (r + i) % n, ct_at(CT_IN, (r + i) % n * shape->count),
			shape->count, CT_NO_DEP);
	return ct_schedule_end(out);
}

/* Pairwise exchange (Thakur, Rabenseifner and Gropp 2005, section 4.2, the form for any rank
 * count): in step i each rank sends to r+i and receives from r-i, one partner at a time. */
ct_status ct_alltoall_pairwise(const struct ct_shape *shape, struct ct_schedule *out)
{
	uint32_t i, r = shape->rank, n = shape->nranks;
	uint32_t last[2] = { CT_NO_DEP, CT_NO_DEP };
	ct_status status = begin(shape, out);

	if (status != CT_OK)
		return status;
	for (i = 1; i < n && shape->count > 0; i++) {
		uint32_t to = (r + i) % n, from = (r + n - i) % n;
		struct ct_step recv = {
			.kind = CT_STEP_RECV, .peer = from, .count = shape->count,
			.dst = ct_at(CT_OUT, from * shape->count), .dep = { last[0], last[1] },
		};
		struct ct_step send = {
			.kind = CT_STEP_SEND, .peer = to, .count = shape->count,
			.src = ct_at(CT_IN, to * shape->count), .dep = { last[0], last[1] },
		};

		last[0] = ct_add_step(out, &recv);
		last[1] = ct_add_step(out, &send);
	}
	return ct_schedule_end(out);
}

/* Where the block for distance I lies now, and the step that brought it there. */
struct place {
	struct ct_slice at;
	uint32_t step;
};

/* Copies block after block to consecutive places from TMP[TO] on; neighbours that came together
 * and lie together are copied together. */
struct packer {
	struct ct_schedule *s;
	uint64_t count; /* elements of a block */
	uint64_t to;
	struct place from;
	uint64_t held;  /* elements not copied yet */
	uint32_t after; /* the send that frees the scratch */
};

static void packer_flush(struct packer *p)
{
	struct ct_step copy = {
		.kind = CT_STEP_COPY, .src = p->from.at, .dst = ct_at(CT_TMP, p->to),
		.count = p->held, .dep = { p->from.step, p->after },
	};

	if (p->held > 0)
		ct_add_step(p->s, &copy);
	p->to += p->held;
	p->held = 0;
}

static void packer_add(struct packer *p, const struct place *block)
{
	if (p->held > 0 && (block->at.buf != p->from.at.buf || block->step != p->from.step ||
			    block->at.at != p->from.at.at + p->held))
		packer_flush(p);
	if (p->held == 0)
		p->from = *block;
	p->held += p->count;
}

/*
 * Bruck et al. 1997 (index operation, radix 2): log2 n messages of about half of all blocks, for
 * short blocks. The block for the rank at distance i travels 2^k ranks in round k when bit k of i
 * is set. Blocks stay where they arrived until they are packed again, so that each is copied once
 * a hop and once at the end.
 */
static void bruck(const struct ct_shape *shape, struct ct_schedule *s, struct place *place)
{
	uint32_t i, bit, r = shape->rank, n = shape->nranks;
	uint64_t count = shape->count, room = (n / 2 + 1) * count;
	struct packer pack = { .s = s, .count = count, .after = CT_NO_DEP };

	for (i = 1; i < n; i++)
		place[i] = (struct place){ ct_at(CT_IN, (r + i) % n * count), CT_NO_DEP };
	s->tmp_count = room;
	for (bit = 1; bit < n; bit *= 2) {
		/* The fence: all blocks are packed. */
		struct ct_step send = {
			.kind = CT_STEP_SEND, .peer = (r + bit) % n, .src = ct_at(CT_TMP, 0),
			.dep = { CT_NO_DEP, CT_NO_DEP }, .fence = true,
		};
		uint32_t got;

		pack.to = 0;
		for (i = bit; i < n; i++)
			if (i & bit)
				packer_add(&pack, &place[i]);
		packer_flush(&pack);
		send.count = pack.to;
		pack.after = ct_add_step(s, &send);
		got = ct_add_recv(s, (r + n - bit) % n, ct_at(CT_TMP, s->tmp_count), send.count,
			CT_NO_DEP);
		for (i = bit; i < n; i++)
			if (i & bit) {
				place[i] = (struct place){ ct_at(CT_TMP, s->tmp_count), got };
				s->tmp_count += count;
			}
	}
	for (i = 1; i < n; i++)
		ct_add_copy(s, place[i].at, ct_at(CT_OUT, (r + n - i) % n * count), count,
			place[i].step);
}

ct_status ct_alltoall_bruck(const struct ct_shape *shape, struct ct_schedule *out)
{
	struct place *place;
	ct_status status = begin(shape, out);

	if (status != CT_OK)
		return status;
	if (shape->nranks == 1 || shape->count == 0)
		return ct_schedule_end(out);
	place = ct_alloc(shape->nranks, sizeof(*place));
	if (place == NULL) {
		ct_schedule_free(out);
		return CT_NOMEM;
	}
	bruck(shape, out, place);
	ct_free(place);
	return ct_schedule_end(out);
}

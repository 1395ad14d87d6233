/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prepared operations are kept: a training job calls the same few operations on the same buffers for
 * days. Kept per communicator and bounded; nothing is kept where a transport has registered the
 * caller's memory, since that may be freed and given to something else at the same address.
 */
#include <stdio.h>
#include <string.h>

#include "comm.h"

enum { MOST_KEPT = 64 };

static const uint64_t most_kept_bytes = UINT64_C(256) << 20;

_Static_assert(sizeof(struct ct_call_key) == 2 * sizeof(void *) + 8 + 4 * 4, "no padding");

static struct ct_coll_buffers buffers(const struct ct_comm *c, const struct ct_call_key *key,
	bool in_place)
{
	return ct_coll_buffers((ct_coll)key->coll, c->world.rank, c->world.nranks, key->count,
		in_place);
}

uint64_t ct_key_bytes(const struct ct_comm *c, const struct ct_call_key *key)
{
	return ct_coll_bytes((ct_coll)key->coll, c->world.nranks, key->count, (ct_type)key->type);
}

bool ct_key_in_place(const struct ct_comm *c, const struct ct_call_key *key)
{
	struct ct_coll_buffers b = buffers(c, key, true);
	size_t each = ct_type_bytes((ct_type)key->type);

	if (key->coll == CT_BROADCAST)
		return true;
	if (key->coll == CT_BARRIER || key->coll == CT_ALLTOALL || key->count == 0)
		return false;
	return (const char *)key->send - b.send_at * each == (char *)key->recv - b.recv_at * each;
}

static uint32_t bucket_of(const struct ct_call_key *key)
{
	uint64_t h = (uintptr_t)key->send * UINT64_C(0x9e3779b97f4a7c15);

	h = (h ^ (uintptr_t)key->recv) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ key->count ^ (uint64_t)(uint32_t)key->coll << 40 ^ (uint64_t)(uint32_t)key->op << 48) *
		UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(h >> 57);
}

_Static_assert(CT_COMM_BUCKETS == 1 << 7, "bucket_of() gives 7 bits");

static void unlink_op(struct ct_comm *c, struct ct_prepared *op)
{
	struct ct_prepared **at = &c->bucket[bucket_of(&op->key)];

	while (*at != op)
		at = &(*at)->next;
	*at = op->next;
	c->nprepared--;
	c->prepared_bytes -= op->bytes;
}

static void free_op(struct ct_comm *c, struct ct_prepared *op)
{
	const struct ct_slot_of_comm *slot = &c->slots[op->setting.slot];

	slot->lib.ops->release(slot->lib.self, op->req);
	ct_free(op);
}

/* The one whose last use is longest ago and that nobody has now. */
static struct ct_prepared *oldest(const struct ct_comm *c)
{
	struct ct_prepared *found = NULL;

	for (size_t i = 0; i < CT_COMM_BUCKETS; i++)
		for (struct ct_prepared *op = c->bucket[i]; op != NULL; op = op->next)
			if (op->users == 0 && (found == NULL || op->used < found->used))
				found = op;
	return found;
}

static void make_room(struct ct_comm *c, uint64_t bytes)
{
	while (c->nprepared >= MOST_KEPT || (c->nprepared > 0 &&
		c->prepared_bytes + bytes > most_kept_bytes)) {
		struct ct_prepared *op = oldest(c);

		if (op == NULL)
			return; /* all are started: they go when they are done */
		unlink_op(c, op);
		free_op(c, op);
	}
}

static void describe(const struct ct_comm *c, const struct ct_call_key *key,
	const struct ct_comm_way *setting, struct ct_coll_desc *desc)
{
	*desc = (struct ct_coll_desc){
		.coll = (ct_coll)key->coll, .type = (ct_type)key->type, .op = (ct_op)key->op,
		.root = key->root, .count = key->count, .in_place = ct_key_in_place(c, key),
		.send = (void *)(uintptr_t)key->send, .recv = key->recv, .algo = setting->algo,
	};
	if (key->coll == CT_BROADCAST)
		desc->send = key->recv;
	memcpy(desc->knob, setting->knob, sizeof(desc->knob));
}

static ct_status prepare(struct ct_comm *c, struct ct_prepared *op)
{
	const struct ct_slot_of_comm *slot = &c->slots[op->setting.slot];
	struct ct_coll_desc desc;

	describe(c, &op->key, &op->setting, &desc);
	return slot->lib.ops->prepare(slot->lib.self, &desc, &op->req);
}

/* As the rules say; where that cannot be done with this operation (the same on every rank), as native
 * does it by default, which can do all. */
static ct_status prepare_some_way(struct ct_comm *c, struct ct_prepared *op)
{
	ct_status status = prepare(c, op);
	bool in_order = c->attr.deterministic && op->setting.algo != NULL &&
		ct_coll_in_order((ct_coll)op->key.coll, op->setting.algo);

	if ((status != CT_UNSUPPORTED && status != CT_INVALID) || in_order ||
		(op->setting.slot == c->native && op->setting.algo == NULL))
		return status;
	if (c->nleft++ == 0)
		ct_comm_note(c, "%s of %llu elements by %s: %s; the default is used",
			ct_coll_name((ct_coll)op->key.coll), (unsigned long long)op->key.count,
			c->slots[op->setting.slot].backend, ct_why());
	op->setting = (struct ct_comm_way){ .slot = c->native, .rule = -1 };
	return prepare(c, op);
}

ct_status ct_comm_prepare(struct ct_comm *c, const struct ct_call_key *key,
	struct ct_prepared **out)
{
	struct ct_prepared **bucket = &c->bucket[bucket_of(key)], *op;
	ct_status status;

	c->calls++;
	for (op = *bucket; op != NULL; op = op->next) {
		if (memcmp(&op->key, key, sizeof(*key)) != 0)
			continue;
		op->users++;
		op->used = c->calls;
		c->reused++;
		*out = op;
		return CT_OK;
	}
	op = ct_alloc(1, sizeof(*op));
	if (op == NULL)
		return CT_NOMEM;
	op->key = *key;
	op->bytes = ct_key_bytes(c, key);
	make_room(c, op->bytes);
	ct_comm_choose(c, key, &op->setting);
	status = prepare_some_way(c, op);
	if (status != CT_OK) {
		ct_free(op);
		return status;
	}
	op->users = 1;
	op->used = c->calls;
	op->next = *bucket;
	*bucket = op;
	c->nprepared++;
	c->prepared_bytes += op->bytes;
	c->prepared++;
	*out = op;
	return CT_OK;
}

void ct_comm_done(struct ct_comm *c, struct ct_prepared *op, bool keep)
{
	if (--op->users > 0 || (keep && !c->slots[op->setting.slot].registers))
		return;
	unlink_op(c, op);
	free_op(c, op);
}

void ct_comm_forget(struct ct_comm *c)
{
	for (size_t i = 0; i < CT_COMM_BUCKETS; i++) {
		while (c->bucket[i] != NULL) {
			struct ct_prepared *op = c->bucket[i];

			c->bucket[i] = op->next;
			free_op(c, op);
		}
	}
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrapper fault: makes chosen messages late, lost, failed or wrong, to see what notices. */
#include <stdio.h>
#include <string.h>

#include "wrap.h"

enum fault_kind { FAULT_DELAY, FAULT_DROP, FAULT_FAIL, FAULT_CORRUPT };

struct fault_rule {
	enum fault_kind kind;
	uint64_t nth, delay_ns;
	bool one_rank;
	uint32_t rank;
};

struct fault {
	struct ct_net below;
	struct ct_shadows list;
	struct fault_rule rule;
	uint64_t sends, recvs; /* messages with payload so far */
	bool dropping;         /* from the dropped message on */
	uint32_t drop_peer;
};

/* ---- the text ------------------------------------------------------------------------------ */

static const char *const kinds[] = { "delay", "drop", "fail", "corrupt", NULL };
static const char *const keys[] = { "nth", "rank", "ms", NULL };

static ct_status unknown(const char *what, const char *word, const char *const *names)
{
	const char *near = ct_nearest(word, names);

	if (near != NULL)
		return ct_fail(CT_INVALID, "--net-fault: unknown %s \"%s\"; did you mean %s?", what,
			word,
			near);
	return ct_fail(CT_INVALID,
		"--net-fault: unknown %s \"%s\"; KIND[:nth=N][:rank=R][:ms=T] with "
		"KIND delay, drop, fail or corrupt is expected", what, word);
}

static ct_status parse_pair(char *word, struct fault_rule *rule)
{
	char *value = strchr(word, '=');
	int64_t v;

	if (value != NULL)
		*value++ = '\0';
	if (strcmp(word, "nth") != 0 && strcmp(word, "rank") != 0 && strcmp(word, "ms") != 0)
		return unknown("key", word, keys);
	if (value == NULL || ct_int_parse(value, word[0] == 'n' ? 1 : 0, word[0] == 'm' ? 3600000 :
		UINT32_MAX, &v) != CT_OK)
		return ct_fail(CT_INVALID, "--net-fault: %s=%s: a whole number%s is needed", word,
			value == NULL ? "" : value, word[0] == 'n' ? " from 1 on" :
			word[0] == 'm' ? " up to 3600000" : "");
	if (word[0] == 'n') {
		rule->nth = (uint64_t)v;
	} else if (word[0] == 'r') {
		rule->one_rank = true;
		rule->rank = (uint32_t)v;
	} else if (rule->kind != FAULT_DELAY) {
		return ct_fail(CT_INVALID, "--net-fault: ms belongs to delay, not to %s",
			kinds[rule->kind]);
	} else {
		rule->delay_ns = (uint64_t)v * 1000000;
	}
	return CT_OK;
}

static ct_status parse(const char *text, struct fault_rule *rule)
{
	char copy[128], *rest = copy, *word;
	size_t k = 0;
	ct_status s = CT_OK;

	if (strlen(text) >= sizeof(copy))
		return ct_fail(CT_INVALID, "--net-fault: \"%.20s...\" is too long", text);
	strcpy(copy, text);
	word = strsep(&rest, ":");
	while (kinds[k] != NULL && strcmp(kinds[k], word) != 0)
		k++;
	if (kinds[k] == NULL)
		return unknown("kind", word, kinds);
	*rule = (struct fault_rule){ .kind = (enum fault_kind)k, .nth = 1, .delay_ns = 10000000 };
	while (s == CT_OK && (word = strsep(&rest, ":")) != NULL)
		s = parse_pair(word, rule);
	return s;
}

ct_status ct_net_fault_check(const char *fault)
{
	struct fault_rule rule;

	return parse(fault, &rule);
}

/* ---- the wrapper --------------------------------------------------------------------------- */

static void fault_close(void *self)
{
	struct fault *f = self;

	ct_net_close(&f->below);
	ct_shadows_free(&f->list);
	ct_free(f);
}

static void fault_query(void *self, struct ct_net_caps *caps)
{
	*caps = ((struct fault *)self)->below.caps;
}

static ct_status fault_reg(void *self, void *memory, uint64_t bytes, uint64_t *key)
{
	struct fault *f = self;

	return f->below.ops->reg(f->below.self, memory, bytes, key);
}

static void fault_dereg(void *self, uint64_t key)
{
	struct fault *f = self;

	f->below.ops->dereg(f->below.self, key);
}

/* The byte to spoil among the first BYTES: the last of the first 16, which is the high byte of an
 * element of every type, so that no rounding can hide it. */
static uint64_t victim(uint64_t bytes)
{
	return bytes < 16 ? bytes - 1 : 15;
}

/* Stands between the transport and the caller's sink, for a message that is to be spoilt. */
static void spoiling_sink(void *arg, const void *data, uint64_t offset, uint64_t bytes)
{
	struct ct_shadow *s = arg;
	struct ct_net_req *outer = s->outer;
	unsigned char first[16];
	uint64_t n = bytes < 16 ? bytes : 16;

	if (offset > 0) {
		outer->sink(outer->sink_arg, data, offset, bytes);
		return;
	}
	memcpy(first, data, n);
	first[victim(n)] ^= 0xff;
	outer->sink(outer->sink_arg, first, 0, n);
	if (bytes > n)
		outer->sink(outer->sink_arg, (const char *)data + n, n, bytes - n);
}

static bool ended(struct ct_shadow *s)
{
	if (s->hold_until_ns != 0 && ct_now_ns() < s->hold_until_ns && s->inner.status == CT_OK)
		return false;
	if (s->corrupt && s->inner.sink == NULL && s->inner.status == CT_OK)
		((unsigned char *)s->inner.data)[victim(s->inner.bytes)] ^= 0xff;
	return true;
}

/* Does the rule hit the next message of this direction? */
static bool hits(struct fault *f, const struct ct_net_req *req)
{
	const struct fault_rule *r = &f->rule;
	bool sending = req->kind == CT_NET_SEND, once = r->kind == FAULT_DROP ||
		r->kind == FAULT_FAIL;
	uint64_t *count = sending ? &f->sends : &f->recvs;

	if (req->bytes == 0 || (r->one_rank && r->rank != f->below.world->rank))
		return false;
	++*count;
	return sending == once && (once ? *count == r->nth : *count % r->nth == 0);
}

/* Drop and fail end a send here, and the transport below never sees it. */
static bool ends_here(struct fault *f, struct ct_net_req *req, bool hit)
{
	if (f->rule.kind == FAULT_FAIL && hit) {
		req->status = ct_fail(CT_IO,
			"fault: send %llu to rank %u failed as asked by --net-fault",
			(unsigned long long)f->sends, req->peer);
		return true;
	}
	if (f->rule.kind == FAULT_DROP && hit) {
		f->dropping = true;
		f->drop_peer = req->peer;
	}
	if (f->dropping && req->kind == CT_NET_SEND && req->peer == f->drop_peer) {
		req->status = CT_OK;
		return true;
	}
	return false;
}

static ct_status fault_post(void *self, struct ct_net_req *req)
{
	struct fault *f = self;
	bool hit = hits(f, req);
	struct ct_shadow *s;

	if (ends_here(f, req, hit))
		return CT_OK;
	s = ct_shadow_take(&f->list, req);
	if (s == NULL)
		return CT_NOMEM;
	if (hit && f->rule.kind == FAULT_DELAY)
		s->hold_until_ns = 1; /* the clock starts when the message has come */
	if (hit && f->rule.kind == FAULT_CORRUPT) {
		s->corrupt = true;
		if (req->sink != NULL) {
			s->inner.sink = spoiling_sink;
			s->inner.sink_arg = s;
		}
	}
	s->owner = f;
	return ct_shadow_post(&f->list, &f->below, s);
}

static ct_status fault_poll(void *self)
{
	struct fault *f = self;
	ct_status s = ct_net_poll(&f->below);

	for (struct ct_shadow *b = f->list.busy; b != NULL; b = b->next)
		if (b->hold_until_ns == 1 && b->inner.status == CT_OK)
			b->hold_until_ns = ct_now_ns() + f->rule.delay_ns;
	ct_shadows_sweep(&f->list, ended);
	return s;
}

static const struct ct_net_ops fault_ops = {
	.abi = CT_NET_ABI,
	.name = "fault",
	.summary = "makes chosen messages late, lost, failed or wrong",
	.close = fault_close,
	.query = fault_query,
	.reg = fault_reg,
	.dereg = fault_dereg,
	.post = fault_post,
	.poll = fault_poll,
};

ct_status ct_net_wrap_fault(struct ct_net *net, const char *text)
{
	struct fault_rule rule;
	struct fault *f;
	ct_status s = parse(text, &rule);

	if (s != CT_OK)
		return s;
	if (rule.one_rank && rule.rank >= net->world->nranks)
		return ct_fail(CT_INVALID, "--net-fault: no rank %u: this job has %u ranks",
			rule.rank,
			net->world->nranks);
	f = ct_alloc(1, sizeof(*f));
	if (f == NULL)
		return CT_NOMEM;
	f->rule = rule;
	ct_shadows_make(&f->list);
	s = ct_net_put_around(net, &fault_ops, f, &f->below);
	if (s != CT_OK)
		ct_free(f);
	return s;
}

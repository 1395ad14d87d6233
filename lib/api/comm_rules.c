/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules in a job: read, compared over the ranks, checked against this job, bound to what is open.
 * Whatever is wrong with them costs the job nothing but the rules.
 */
#include <stdio.h>
#include <string.h>

#include "comm.h"
#include "topo/topo.h"

enum { WHY = 240, SHORT_HASH = 19 /* "sha256:" and 12 digits */ };

/* What each rank tells about its file. */
struct told {
	int32_t state; /* 0: none asked for, 1: read, 2: cannot be used */
	char hash[CT_SHA256_TEXT];
	char why[WHY];
};

enum { NONE, READ, WRONG };

/* ---- where the rules hold ------------------------------------------------------------------------ */

static ct_status check_size(const struct ct_rules_scope *s, const struct ct_world *w)
{
	if (w->nhosts < s->nodes_low || w->nhosts > s->nodes_high)
		return ct_fail(CT_INVALID, "they are for %llu to %llu nodes, this job has %u",
			(unsigned long long)s->nodes_low, (unsigned long long)s->nodes_high, w->nhosts);
	for (uint32_t h = 0; h < w->nhosts; h++)
		if (w->hosts[h].ranks < s->ranks_low || w->hosts[h].ranks > s->ranks_high)
			return ct_fail(CT_INVALID, "they are for %llu to %llu ranks per node, %s has %u",
				(unsigned long long)s->ranks_low, (unsigned long long)s->ranks_high,
				w->hosts[h].name, w->hosts[h].ranks);
	return CT_OK;
}

/* Asked of one rank per host: hwloc takes its time. The fingerprint is a few files. */
static ct_status check_machine(const struct ct_rules_scope *s, const struct ct_world *w)
{
	char mine[CT_SHA256_TEXT > CT_MACHINE_HASH_ROOM ? CT_SHA256_TEXT : CT_MACHINE_HASH_ROOM];
	const char *wanted = s->fingerprint != NULL ? s->fingerprint : s->machine;
	struct ct_machine *machine = NULL;
	ct_status status;

	if (w->local_rank != 0)
		return CT_OK;
	if (s->fingerprint != NULL) {
		status = ct_rules_fingerprint("", mine);
	} else {
		status = ct_machine_read(NULL, &machine);
		if (status == CT_OK)
			status = ct_machine_hash(machine, mine);
		ct_machine_free(machine);
	}
	if (status == CT_OK && strcmp(mine, wanted) != 0)
		status = ct_fail(CT_INVALID, "they are for another machine: %.*s, this one is %.*s",
			SHORT_HASH, wanted, SHORT_HASH, mine);
	return status;
}

/* "4.1" is in "Open MPI v4.1.4": MAJOR.MINOR are the words after the first digit. */
static bool same_version(const char *wanted, const char *library)
{
	const char *digits = library + strcspn(library, "0123456789");
	size_t n = strcspn(wanted, "."), m;

	if (wanted[n] != '.')
		return false;
	m = n + 1 + strspn(wanted + n + 1, "0123456789");
	return strncmp(wanted, digits, m) == 0 && strspn(digits + m, "0123456789") == 0;
}

static ct_status check_own_version(const struct ct_rules_scope *s)
{
	for (size_t i = 0; i < s->nlibs; i++)
		if (strcmp(s->libs[i].name, "colltune") == 0 &&
			!same_version(s->libs[i].version, ct_version()))
			return ct_fail(CT_INVALID, "they are for colltune %s, this is %s",
				s->libs[i].version, ct_version());
	return CT_OK;
}

/* The backend's library; one that the file does not name is taken as it is. */
static ct_status check_library(const struct ct_rules_scope *s, const struct ct_slot_of_comm *slot)
{
	for (size_t i = 0; i < s->nlibs; i++)
		if (strcmp(slot->backend, "mpi") == 0 && strcmp(s->libs[i].name, "openmpi") == 0 &&
			(strncmp(slot->caps->library, "Open MPI", 8) != 0 ||
			!same_version(s->libs[i].version, slot->caps->library)))
			return ct_fail(CT_INVALID, "they are for Open MPI %s, this is %s",
				s->libs[i].version, slot->caps->library);
	return CT_OK;
}

/* ---- the same on every rank ----------------------------------------------------------------------- */

static void read_mine(struct ct_comm *c, struct told *mine)
{
	ct_status status;

	if (c->attr.rules == NULL && c->attr.advice == NULL)
		return;
	if (c->attr.rules != NULL && c->attr.advice != NULL)
		status = ct_fail(CT_INVALID, "rules and advice are both given");
	else if (c->attr.rules != NULL)
		status = ct_rules_load(c->attr.rules, &c->rules);
	else
		status = ct_rules_parse(ct_advice_text(c->attr.advice),
			strlen(ct_advice_text(c->attr.advice)), "advice", &c->rules);
	if (status == CT_OK)
		snprintf(mine->hash, sizeof(mine->hash), "%s", ct_rules_hash(c->rules));
	if (status == CT_OK)
		status = check_size(ct_rules_scope(c->rules), &c->world);
	if (status == CT_OK)
		status = check_own_version(ct_rules_scope(c->rules));
	if (status == CT_OK)
		status = check_machine(ct_rules_scope(c->rules), &c->world);
	mine->state = status == CT_OK ? READ : WRONG;
	if (status != CT_OK)
		snprintf(mine->why, sizeof(mine->why), "%s", ct_why());
}

static const char *host_of(const struct ct_comm *c, uint32_t rank)
{
	return c->world.hosts[c->world.host_of[rank]].name;
}

/* How many ranks have the file of rank R. */
static uint32_t like(const struct told *all, uint32_t nranks, uint32_t r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < nranks; i++)
		n += strcmp(all[i].hash, all[r].hash) == 0;
	return n;
}

static const char *short_hash(const struct told *t, char out[SHORT_HASH + 1])
{
	snprintf(out, SHORT_HASH + 1, "%.*s", SHORT_HASH, t->hash[0] != '\0' ? t->hash : "no file");
	return out;
}

/* Names the ranks whose file is not what most ranks have (of equals: what the lowest rank has). */
static ct_status compare(const struct ct_comm *c, const struct told *all)
{
	uint32_t n = c->world.nranks, usual = 0, differ = 0, first = 0;
	char a[SHORT_HASH + 1], b[SHORT_HASH + 1];
	struct ct_buf others = ct_buf_make(1 << 12);

	for (uint32_t r = 1; r < n; r++)
		if (like(all, n, r) > like(all, n, usual))
			usual = r;
	for (uint32_t r = 0; r < n; r++) {
		if (strcmp(all[r].hash, all[usual].hash) == 0)
			continue;
		if (differ++ == 0)
			first = r;
		else if (differ <= 8)
			ct_buf_add(&others, ", %u", r);
	}
	if (differ == 0)
		return CT_OK;
	(void)ct_fail(CT_INVALID, "the rules file differs on rank %u%s%s (host %s): %s, %u other%s: %s", first,
		others.text != NULL ? others.text : "", differ > 8 ? ", …" : "", host_of(c, first),
		short_hash(&all[first], a), n - differ, n - differ == 1 ? "" : "s",
		short_hash(&all[usual], b));
	ct_buf_free(&others);
	return CT_INVALID;
}

static ct_status judge(const struct ct_comm *c, struct told *all)
{
	uint32_t n = c->world.nranks, asked = 0;
	ct_status status;

	for (uint32_t r = 0; r < n; r++) {
		all[r].hash[sizeof(all[r].hash) - 1] = all[r].why[sizeof(all[r].why) - 1] = '\0';
		asked += all[r].state != NONE;
	}
	if (asked == 0)
		return CT_OK;
	/* a file that could not be read has no hash: its reason tells more than that it differs */
	for (uint32_t r = 0; r < n; r++)
		if (all[r].state == WRONG && all[r].hash[0] == '\0')
			return ct_fail(CT_INVALID, "rank %u (host %s): %s", r, host_of(c, r), all[r].why);
	status = compare(c, all);
	for (uint32_t r = 0; status == CT_OK && r < n; r++)
		if (all[r].state == WRONG)
			status = ct_fail(CT_INVALID, "rank %u (host %s): %s", r, host_of(c, r),
				all[r].why);
	return status;
}

static bool searched(const struct ct_rules_scope *s, uint32_t ranks)
{
	for (size_t i = 0; i < s->nsearched; i++)
		if (s->searched[i] == ranks)
			return true;
	return s->nsearched == 0;
}

/* What a job should know of rules that it takes. */
static void remark(struct ct_comm *c)
{
	const struct ct_rules_scope *s = c->rules != NULL ? ct_rules_scope(c->rules) : NULL;

	if (s == NULL)
		return;
	if (s->overlap != NULL)
		ct_comm_note(c, "these rules were found while a thread of each rank worked beside (%s)", s->overlap);
	for (uint32_t h = 0; h < c->world.nhosts; h++)
		if (!searched(s, c->world.hosts[h].ranks)) {
			ct_comm_note(c, "these rules were found with other numbers of ranks per node than %u, and "
				"taken for it since it lies between them", c->world.hosts[h].ranks);
			return;
		}
}

ct_status ct_comm_rules_load(struct ct_comm *c)
{
	struct told mine = { .state = NONE }, *all;
	ct_status status, verdict = CT_OK;

	all = ct_alloc(c->world.nranks, sizeof(*all));
	status = ct_boot_agree(c->world.boot, all != NULL ? CT_OK : CT_NOMEM);
	if (status == CT_OK) {
		read_mine(c, &mine);
		if (c->world.nranks == 1)
			*all = mine;
		else
			status = c->world.boot->allgather(c->world.boot->ctx, &mine, all, sizeof(mine));
	}
	if (status == CT_OK)
		verdict = judge(c, all);
	ct_free(all);
	if (status != CT_OK)
		return status;
	if (verdict == CT_OK) {
		remark(c);
		return CT_OK;
	}
	ct_rules_free(c->rules);
	c->rules = NULL;
	if (c->attr.strict)
		return ct_fail(CT_INVALID, "rules: %s", ct_why());
	ct_comm_note(c, "rules are not used: %s", ct_why());
	return CT_OK;
}

/* ---- bound to what is open -------------------------------------------------------------------------- */

static bool wanted(const struct ct_comm *c, const char *backend)
{
	for (size_t i = 0; i < c->nbackends; i++)
		if (strcmp(c->backends[i], backend) == 0)
			return true;
	return false;
}

static const struct ct_coll_algo *algo_of(const struct ct_slot_of_comm *slot, ct_coll coll,
	const char *name)
{
	for (size_t i = 0; i < slot->caps->nalgos; i++)
		if (slot->caps->algos[i].coll == coll && strcmp(slot->caps->algos[i].name, name) == 0)
			return &slot->caps->algos[i];
	return NULL;
}

static bool legal(const struct ct_knob *knob, int64_t value)
{
	for (size_t i = 0; i < knob->nvalues; i++)
		if (knob->values[i] == value)
			return true;
	return false;
}

/* Every word of RULE must be known: half a setting is another setting. */
static ct_status bind_words(const struct ct_slot_of_comm *slot, const struct ct_rule *rule,
	struct ct_comm_way *setting)
{
	const struct ct_rule_set *name = ct_rule_setting(rule, "algo");
	const struct ct_coll_algo *algo;

	if (name == NULL || name->text == NULL)
		return ct_fail(CT_INVALID, "it names no algorithm");
	algo = algo_of(slot, rule->coll, name->text);
	if (algo == NULL)
		return ct_fail(CT_INVALID, "%s has no algorithm %s for %s%s%s", slot->backend, name->text,
			ct_coll_name(rule->coll), slot->caps->fixed[0] != '\0' ? ": " : "", slot->caps->fixed);
	setting->algo = algo->name;
	for (size_t k = 0; k < algo->nknobs; k++)
		setting->knob[k] = algo->knobs[k].values[0];
	for (uint32_t i = 0; i < rule->nset; i++) {
		const struct ct_rule_set *set = &rule->set[i];
		size_t k = 0;

		if (strcmp(set->name, "algo") == 0 || strcmp(set->name, "net") == 0)
			continue;
		while (k < algo->nknobs && strcmp(algo->knobs[k].name, set->name) != 0)
			k++;
		if (k == algo->nknobs || set->text != NULL || !legal(&algo->knobs[k], set->number))
			return ct_fail(CT_INVALID, "algorithm %s has no knob %s, or not with this value",
				algo->name, set->name);
		setting->knob[k] = set->number;
	}
	return CT_OK;
}

/* The slot that RULE runs in, opened if need be; collective. */
static ct_status slot_of_rule(struct ct_comm *c, const struct ct_rule *rule, uint32_t *slot)
{
	const struct ct_rule_set *net = ct_rule_setting(rule, "net");
	const char *name = strcmp(rule->backend, "native") == 0 ? c->attr.net : "";

	if (net != NULL && net->text != NULL && name[0] != '\0')
		name = net->text;
	return ct_comm_slot(c, rule->backend, name, slot);
}

static ct_status bind_rule(struct ct_comm *c, const struct ct_rule *rule)
{
	struct ct_comm_way setting = { .rule = (int64_t)rule->index };
	ct_status status = slot_of_rule(c, rule, &setting.slot);

	if (status == CT_OK)
		status = check_library(ct_rules_scope(c->rules), &c->slots[setting.slot]);
	if (status == CT_OK)
		status = bind_words(&c->slots[setting.slot], rule, &setting);
	if (status == CT_NOMEM || status == CT_PEER || status == CT_TIMEOUT)
		return status;
	if (status == CT_OK) {
		c->bound[rule->index] = setting;
		c->nbound++;
		return CT_OK;
	}
	if (c->nleft++ == 0)
		ct_comm_note(c, "rule %u is not used: %s", rule->index, ct_why());
	return CT_OK;
}

ct_status ct_comm_rules_bind(struct ct_comm *c)
{
	size_t n;
	ct_status status;

	if (c->rules == NULL)
		return CT_OK; /* the same on every rank */
	n = ct_rules_count(c->rules);
	c->bound = ct_alloc(n, sizeof(*c->bound));
	status = ct_boot_agree(c->world.boot, c->bound != NULL ? CT_OK : CT_NOMEM);
	for (size_t i = 0; status == CT_OK && i < n; i++)
		c->bound[i].slot = UINT32_MAX;
	for (size_t i = 0; status == CT_OK && i < n; i++) {
		const struct ct_rule *rule = ct_rules_at(c->rules, i);

		if (wanted(c, rule->backend))
			status = bind_rule(c, rule);
	}
	return status;
}

/* ---- choosing ------------------------------------------------------------------------------------------ */

static bool reduces(ct_coll coll)
{
	return coll == CT_ALLREDUCE || coll == CT_REDUCE_SCATTER;
}

void ct_comm_choose(const struct ct_comm *c, const struct ct_call_key *key,
	struct ct_comm_way *setting)
{
	bool in_order = c->attr.deterministic && reduces((ct_coll)key->coll);
	uint64_t bytes = ct_key_bytes(c, key);

	for (size_t i = 0; c->rules != NULL && i < c->nbackends; i++) {
		const struct ct_rule *rule = ct_rules_pick(c->rules, (ct_coll)key->coll, c->backends[i],
			(ct_type)key->type, bytes);
		const struct ct_comm_way *s = rule != NULL ? &c->bound[rule->index] : NULL;

		if (s == NULL || s->slot == UINT32_MAX)
			continue;
		if (in_order && (strcmp(c->slots[s->slot].backend, "native") != 0 ||
			!ct_coll_in_order((ct_coll)key->coll, s->algo)))
			continue;
		*setting = *s;
		return;
	}
	*setting = (struct ct_comm_way){ .slot = in_order ? c->native : 0, .rule = -1 };
	if (in_order)
		setting->algo = ct_coll_pick_in_order((ct_coll)key->coll, c->world.nranks, bytes);
}

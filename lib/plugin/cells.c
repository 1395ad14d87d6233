/* SPDX-License-Identifier: BSD-3-Clause */
/* From a rules file to a table of cells that is found by bisection. */
#include <stdio.h>
#include <string.h>

#include "plugin.h"

const char *const ct_tuner_algos[CT_NCCL_ALGOS + 1] = { "tree", "ring", "collnet_direct",
	"collnet_chain", "nvls", "nvls_tree", "pat", NULL };
const char *const ct_tuner_protos[CT_NCCL_PROTOS + 1] = { "ll", "ll128", "simple", NULL };

/* Our operations in the order of NCCL's functions. */
static const char *const funcs[CT_NCCL_FUNCS] = { "broadcast", "reduce", "allgather",
	"reduce_scatter", "allreduce" };

enum { CHANNELS_MOST = 64 };

static int index_of(const char *word, const char *const *words, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

int ct_tuner_algo(const char *word)
{
	return index_of(word, ct_tuner_algos, CT_NCCL_ALGOS);
}

int ct_tuner_proto(const char *word)
{
	return index_of(word, ct_tuner_protos, CT_NCCL_PROTOS);
}

static int func_of(const struct ct_rule *rule)
{
	return index_of(ct_coll_name(rule->coll), funcs, CT_NCCL_FUNCS);
}

/* NCCL tells a tuner no element type, so only rules for any type can be meant. */
static bool for_us(const struct ct_rule *rule)
{
	return strcmp(rule->backend, "nccl") == 0 && rule->type == CT_RULES_ANY_TYPE;
}

static ct_status unknown(const struct ct_rule *rule, const char *key, const char *word,
	const char *const *known)
{
	char hint[256];

	return ct_fail(CT_INVALID, "/rules/%u/set/%s: \"%.40s\" is none of NCCL's%s", rule->index, key,
		word, ct_name_hint(word, known, hint));
}

static ct_status take_word(const struct ct_rule *rule, const char *key, const char *const *known,
	int n, int16_t *out)
{
	const struct ct_rule_set *set = ct_rule_setting(rule, key);
	int at;

	if (set == NULL)
		return ct_fail(CT_INVALID, "/rules/%u/set/%s: missing", rule->index, key);
	if (set->text == NULL)
		return ct_fail(CT_INVALID, "/rules/%u/set/%s: not a word", rule->index, key);
	at = index_of(set->text, known, n);
	if (at < 0)
		return unknown(rule, key, set->text, known);
	*out = (int16_t)at;
	return CT_OK;
}

static ct_status take_rule(const struct ct_rule *rule, struct ct_tuner_cell *cell)
{
	static const char *const known[] = { "algo", "proto", "channels", NULL };
	const struct ct_rule_set *channels = ct_rule_setting(rule, "channels");
	ct_status s;

	for (uint32_t i = 0; i < rule->nset; i++)
		if (index_of(rule->set[i].name, known, 3) < 0)
			return unknown(rule, "", rule->set[i].name, known);
	if (func_of(rule) < 0)
		return ct_fail(CT_INVALID, "/rules/%u/coll: NCCL's tuner is not asked for %s",
			rule->index, ct_coll_name(rule->coll));
	s = take_word(rule, "algo", ct_tuner_algos, CT_NCCL_ALGOS, &cell->algo);
	if (s == CT_OK)
		s = take_word(rule, "proto", ct_tuner_protos, CT_NCCL_PROTOS, &cell->proto);
	if (s != CT_OK || channels == NULL)
		return s;
	if (channels->text != NULL || channels->number < 1 || channels->number > CHANNELS_MOST)
		return ct_fail(CT_INVALID, "/rules/%u/set/channels: not a number from 1 to %d",
			rule->index, CHANNELS_MOST);
	cell->channels = (int32_t)channels->number;
	return CT_OK;
}

/* Adds rule by rule; they come in order of operation, type and size. */
static ct_status fill(const struct ct_rules *rules, struct ct_tuner_table *table)
{
	for (size_t i = 0; i < ct_rules_count(rules); i++) {
		const struct ct_rule *rule = ct_rules_at(rules, i);
		struct ct_tuner_cell cell = { .low = rule->low, .high = rule->high };
		int func = func_of(rule);
		ct_status s;

		if (!for_us(rule))
			continue;
		s = take_rule(rule, &cell);
		if (s != CT_OK)
			return s;
		table->lows[func][table->ncells[func]] = cell.low;
		table->cells[func][table->ncells[func]++] = cell;
	}
	return CT_OK;
}

ct_status ct_tuner_table_make(const struct ct_rules *rules, struct ct_tuner_table **table)
{
	struct ct_tuner_table *made = ct_alloc(1, sizeof(*made));
	ct_status s = made != NULL ? CT_OK : CT_NOMEM;

	for (int f = 0; s == CT_OK && f < CT_NCCL_FUNCS; f++) {
		made->cells[f] = ct_alloc(ct_rules_count(rules), sizeof(*made->cells[f]));
		made->lows[f] = ct_alloc(ct_rules_count(rules), sizeof(*made->lows[f]));
		if (made->cells[f] == NULL || made->lows[f] == NULL)
			s = CT_NOMEM;
	}
	if (s == CT_OK)
		s = fill(rules, made);
	if (s != CT_OK) {
		ct_tuner_table_free(made);
		return s;
	}
	*table = made;
	return CT_OK;
}

void ct_tuner_table_free(struct ct_tuner_table *table)
{
	if (table == NULL)
		return;
	for (int f = 0; f < CT_NCCL_FUNCS; f++) {
		ct_free(table->cells[f]);
		ct_free(table->lows[f]);
	}
	ct_free(table);
}

const struct ct_tuner_cell *ct_tuner_find(const struct ct_tuner_table *table, int func,
	uint64_t bytes)
{
	const uint64_t *lows = table->lows[func], *at = lows;
	const struct ct_tuner_cell *cell;

	/* The last cell that begins at or below BYTES, without a branch that is hard to foresee. */
	for (size_t n = table->ncells[func]; n > 1; n -= n / 2)
		at = at[n / 2] <= bytes ? at + n / 2 : at;
	cell = table->cells[func] + (at - lows);
	return table->ncells[func] > 0 && *at <= bytes && bytes <= cell->high ? cell : NULL;
}

/* "2.28" against ncclGetVersion()'s 22809 (2.9 and later: 10000 * major + 100 * minor + patch). */
static bool same_version(const char *version, int nccl)
{
	int major = 0, minor = 0;

	return sscanf(version, "%5d.%5d", &major, &minor) == 2 && nccl / 10000 == major &&
		nccl / 100 % 100 == minor;
}

static ct_status fits_machine(const struct ct_rules_scope *scope, const char *machine)
{
	char here[CT_SHA256_TEXT];
	ct_status s;

	if (scope->fingerprint != NULL) {
		s = ct_rules_fingerprint("", here);
		if (s != CT_OK)
			return s;
		return strcmp(here, scope->fingerprint) == 0 ? CT_OK : ct_fail(CT_UNSUPPORTED,
			"made for another machine (fingerprint %.19s, here %.19s)", scope->fingerprint,
			here);
	}
	if (machine == NULL)
		return ct_fail(CT_UNSUPPORTED, "cannot tell whether it is for this machine: it has no "
			"/scope/fingerprint and COLLTUNE_MACHINE is not set");
	return strcmp(machine, scope->machine) == 0 ? CT_OK : ct_fail(CT_UNSUPPORTED,
		"made for another machine (%.19s, COLLTUNE_MACHINE is %.19s)", scope->machine, machine);
}

ct_status ct_tuner_fits(const struct ct_rules *rules, const struct ct_tuner_comm *comm)
{
	const struct ct_rules_scope *scope = ct_rules_scope(rules);
	size_t per_node = comm->nodes > 0 ? comm->ranks / comm->nodes : 0;

	if (per_node == 0 || comm->ranks % comm->nodes != 0)
		return ct_fail(CT_UNSUPPORTED, "%zu ranks on %zu nodes are not the same number on each",
			comm->ranks, comm->nodes);
	if (comm->nodes < scope->nodes_low || comm->nodes > scope->nodes_high ||
		per_node < scope->ranks_low || per_node > scope->ranks_high)
		return ct_fail(CT_UNSUPPORTED, "made for %llu to %llu nodes with %llu to %llu ranks each, "
			"here are %zu with %zu", (unsigned long long)scope->nodes_low,
			(unsigned long long)scope->nodes_high, (unsigned long long)scope->ranks_low,
			(unsigned long long)scope->ranks_high, comm->nodes, per_node);
	for (size_t i = 0; i < scope->nlibs; i++)
		if (strcmp(scope->libs[i].name, "nccl") == 0 && comm->nccl != 0 &&
			!same_version(scope->libs[i].version, comm->nccl))
			return ct_fail(CT_UNSUPPORTED, "made for NCCL %s, here is %d.%d",
				scope->libs[i].version, comm->nccl / 10000, comm->nccl / 100 % 100);
	return fits_machine(scope, comm->machine);
}

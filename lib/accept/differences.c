/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage environment: the machine file of each host against the first one's, host by host, so that rank 0
 * needs room for two; what differs is put together by path and value, and the value that fewer hosts have
 * is the odd one.
 */
#include <stdio.h>
#include <string.h>

#include "run.h"

enum { FILE_MOST = 4 << 20, ROWS_MOST = 1024 };

struct comparing {
	struct ct_accept *run;
	struct ct_accept_report *report;
	const struct ct_world *world;
	struct ct_machine *first;
	uint32_t first_host, compared;
	size_t room;
};

/* One more host with this value. */
static ct_status add_row(struct comparing *c, uint32_t host, const struct ct_difference *d)
{
	struct ct_accept_report *r = c->report;
	struct ct_env_difference *row;

	for (size_t i = 0; i < r->ndifferences; i++) {
		row = &r->differences[i];
		if (strcmp(row->path, d->path) == 0 && strcmp(row->value, d->b) == 0) {
			row->hosts++;
			return CT_OK;
		}
	}
	if (r->ndifferences == ROWS_MOST)
		return CT_OK; /* nobody reads more of them */
	if (r->ndifferences == c->room) {
		struct ct_env_difference *more = ct_realloc(r->differences, c->room + 64, sizeof(*more));

		if (more == NULL)
			return CT_NOMEM;
		r->differences = more;
		c->room += 64;
	}
	row = &r->differences[r->ndifferences++];
	*row = (struct ct_env_difference){ .hosts = 1, .setting = d->kind == CT_DIFF_SETTING };
	snprintf(row->path, sizeof(row->path), "%s", d->path);
	snprintf(row->usual, sizeof(row->usual), "%s", d->a);
	snprintf(row->value, sizeof(row->value), "%s", d->b);
	snprintf(row->host, sizeof(row->host), "%s", c->world->hosts[host].name);
	return CT_OK;
}

static ct_status compare(struct comparing *c, uint32_t host, const struct ct_machine *machine)
{
	struct ct_diff diff;
	ct_status s = ct_machine_diff(c->first, machine, &diff);

	if (s != CT_OK)
		return s;
	for (size_t i = 0; i < diff.nrows && s == CT_OK; i++)
		if (diff.rows[i].kind == CT_DIFF_CLASS || diff.rows[i].kind == CT_DIFF_SETTING)
			s = add_row(c, host, &diff.rows[i]);
	ct_diff_free(&diff);
	return s;
}

/* For the stage rails, since nobody holds all machine files. A host whose devices cannot be had has none. */
static ct_status keep_rails(struct ct_accept *run, uint32_t host, const struct ct_machine *machine)
{
	struct ct_rails *rails = &run->rails[run->nrails];
	ct_status s = ct_machine_rails(machine, rails);

	if (s != CT_OK)
		return s == CT_NOMEM ? s : CT_OK;
	snprintf(rails->host, sizeof(rails->host), "%s", run->world->hosts[host].name);
	run->nrails++;
	return CT_OK;
}

/* Of one host there is nothing to compare but with a profile. */
static ct_status keep_own_rails(struct ct_accept *run)
{
	bool has = run->world->rank == 0 && run->plan.machine != NULL;
	ct_status s = CT_OK;

	run->rails = ct_alloc(1, sizeof(*run->rails));
	if (run->rails == NULL)
		s = CT_NOMEM;
	else if (has)
		s = keep_rails(run, 0, run->plan.machine);
	return ct_session_agree(run->session, s);
}

/* A host whose file cannot be had or read is not compared, which the report says by its number. */
static ct_status take(void *arg, uint32_t host, const char *text, size_t bytes)
{
	struct comparing *c = arg;
	struct ct_machine *machine = NULL;
	ct_status s;

	if (text == NULL || ct_machine_parse(text, bytes, c->world->hosts[host].name, &machine) != CT_OK)
		return CT_OK;
	s = keep_rails(c->run, host, machine);
	if (c->first == NULL) {
		c->first = machine;
		c->first_host = host;
		c->compared = 1;
		return s;
	}
	if (s == CT_OK)
		s = compare(c, host, machine);
	c->compared += s == CT_OK;
	ct_machine_free(machine);
	return s == CT_NOMEM ? s : CT_OK;
}

/* Where more hosts have another value than the first host's, the first is an odd one: the usual of PATH
 * changes, and the row of that value becomes the first host's. */
static void find_usual(struct comparing *c, const char *path)
{
	struct ct_accept_report *r = c->report;
	struct ct_env_difference *most = NULL;
	char usual[sizeof(most->usual)];
	uint32_t others = 0, like_first;

	for (size_t i = 0; i < r->ndifferences; i++) {
		struct ct_env_difference *row = &r->differences[i];

		if (strcmp(row->path, path) != 0)
			continue;
		others += row->hosts;
		if (most == NULL || row->hosts > most->hosts)
			most = row;
	}
	like_first = c->compared > others ? c->compared - others : 0;
	if (most == NULL || like_first == 0 || most->hosts <= like_first)
		return;
	memcpy(usual, most->value, sizeof(usual));
	memcpy(most->value, most->usual, sizeof(usual));
	most->hosts = like_first;
	snprintf(most->host, sizeof(most->host), "%s", c->world->hosts[c->first_host].name);
	for (size_t i = 0; i < r->ndifferences; i++)
		if (strcmp(r->differences[i].path, path) == 0)
			memcpy(r->differences[i].usual, usual, sizeof(usual));
}

static void find_odd(struct comparing *c)
{
	const struct ct_accept_report *r = c->report;

	for (size_t i = 0; i < r->ndifferences; i++) {
		bool seen = false;

		for (size_t k = 0; k < i; k++)
			seen = seen || strcmp(r->differences[k].path, r->differences[i].path) == 0;
		if (!seen)
			find_usual(c, r->differences[i].path);
	}
}

ct_status ct_accept_differences(struct ct_accept *run)
{
	struct comparing c = { .run = run, .report = run->report, .world = run->world };
	struct ct_gather gather = { .what = "machine file", .limit = FILE_MOST, .take = take, .arg = &c };
	int64_t counts[3] = { 0 };
	char *text = NULL;
	ct_status s;

	if (run->world->nhosts < 2)
		return keep_own_rails(run);
	if (run->plan.machine == NULL || ct_machine_text(run->plan.machine, false, &text, &gather.bytes) != CT_OK)
		gather.bytes = 0;
	gather.text = text;
	run->rails = ct_alloc(run->world->nhosts, sizeof(*run->rails));
	s = ct_session_agree(run->session, run->rails != NULL ? CT_OK : CT_NOMEM);
	if (s == CT_OK)
		s = ct_session_gather(run->session, &gather);
	if (s == CT_OK && run->world->rank == 0)
		find_odd(&c);
	for (size_t i = 0; run->world->rank == 0 && i < run->report->ndifferences; i++)
		counts[run->report->differences[i].setting ? 0 : 1]++;
	counts[2] = c.compared;
	if (s == CT_OK)
		s = ct_session_max(run->session, counts, 3);
	run->report->nsettings = (uint32_t)counts[0];
	run->report->nfacts = (uint32_t)counts[1];
	run->report->ncompared = (uint32_t)counts[2];
	ct_machine_free(c.first);
	ct_free(text);
	return s;
}

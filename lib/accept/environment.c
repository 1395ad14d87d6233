/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stage environment: what can run here, what must be equal and is not, where each rank may run, and
 * the floors that expectations stand on. Stage map: the node's tree.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "run.h"

/* What each rank tells all others; texts are cleaned by the reader. */
struct told {
	char text[CT_NMUST][96];
	char cpus[96];
	int32_t count, only; /* processors this rank may use; the one if it is one, else -1 */
};

/* Open only to ask: the loop opens its own for each round. */
static ct_status ask(struct ct_accept *run, const struct ct_candidate *c)
{
	struct ct_coll_env env = { .world = run->world,
				   .settings = run->plan.coll_settings,
				   .net = c->net[0] != '\0' ? c->net : "auto",
				   .net_settings = run->plan.net_settings,
				   .open_by = ct_deadline_in(UINT64_C(10000000000)) };
	struct ct_coll_lib lib = { NULL, NULL };
	ct_status s = ct_session_agree(run->session,
				       ct_coll_open(c->backend, run->plan.modules, &env, &lib));

	if (s == CT_OK) {
		struct ct_entrant *e = &run->entrant[run->nentrants++];
		const struct ct_coll_caps *caps = lib.ops->query(lib.self);

		e->candidate = *c;
		e->net = caps->net;
		e->colls = caps->colls;
		snprintf(e->library, sizeof(e->library), "%s", caps->library);
	}
	if (lib.ops != NULL)
		ct_coll_close(&lib);
	return s;
}

/* Without a list: native over each transport that reaches all, the fastest first, since pairs are probed by
 * the first one's; RDMA's own operations where there is a way between hosts; and the libraries. By names, not
 * by the modules that are there: what one host lacks has to be asked for on all. */
static size_t default_candidates(const struct ct_accept *run, struct ct_candidate *out)
{
	bool alone = run->world->nhosts == 1;
	size_t n = 0;

	if (alone)
		out[n++] = (struct ct_candidate){ .backend = "native", .net = "shm" };
	else
		out[n++] = (struct ct_candidate){ .backend = "native", .net = "verbs" };
	out[n++] = (struct ct_candidate){ .backend = "native", .net = "tcp" };
	out[n++] = (struct ct_candidate){ .backend = "mpi" };
	if (!alone)
		out[n++] = (struct ct_candidate){ .backend = "verbs" };
	out[n++] = (struct ct_candidate){ .backend = "nccl" };
	return n;
}

/* What nobody asked for by name is left out for whatever reason this machine has: no device, no permission. */
static bool left_out(const struct ct_accept *run, ct_status s)
{
	bool asked = run->plan.candidates != NULL && run->plan.ncandidates > 0;

	return s == CT_UNSUPPORTED || (!asked && (s == CT_NOTFOUND || s == CT_IO || s == CT_INVALID));
}

static ct_status find_entrants(struct ct_accept *run)
{
	struct ct_candidate list[CT_ACCEPT_CANDIDATES] = { 0 };
	size_t n = run->plan.ncandidates;
	char text[96];

	if (run->plan.candidates == NULL || n == 0)
		n = default_candidates(run, list);
	else if (n > CT_ACCEPT_CANDIDATES)
		return ct_fail(CT_INVALID, "accept compares at most %d candidates, not %zu",
			       CT_ACCEPT_CANDIDATES, n);
	else
		memcpy(list, run->plan.candidates, n * sizeof(list[0]));
	for (size_t i = 0; i < n; i++) {
		ct_status s = ask(run, &list[i]);

		ct_candidate_text(&list[i], text);
		if (left_out(run, s))
			ct_accept_line(run, "environment: %s left out: %.150s", text, ct_why());
		else if (s != CT_OK)
			return s;
		else
			ct_accept_line(run, "environment: %s: %s%s%.100s", text,
				       run->entrant[run->nentrants - 1].library,
				       run->entrant[run->nentrants - 1].net.path[0] != '\0' ? ", "
											    : "",
				       run->entrant[run->nentrants - 1].net.path);
	}
	return CT_OK;
}

static void tell(const struct ct_accept *run, struct told *t)
{
	const struct ct_facts *facts = NULL;
	char hash[CT_MACHINE_HASH_ROOM];
	cpu_set_t set;

	memset(t, 0, sizeof(*t));
	snprintf(t->text[CT_MUST_VERSION], sizeof(t->text[0]), "colltune %s", ct_version());
	snprintf(t->text[CT_MUST_MPI], sizeof(t->text[0]), "none");
	for (size_t i = 0; i < run->nentrants; i++)
		if (strcmp(run->entrant[i].candidate.backend, "mpi") == 0)
			snprintf(t->text[CT_MUST_MPI], sizeof(t->text[0]), "%s",
				 run->entrant[i].library);
	if (run->plan.machine != NULL)
		facts = ct_machine_facts(run->plan.machine);
	if (facts != NULL && facts->setting[CT_SET_KERNEL].known)
		snprintf(t->text[CT_MUST_KERNEL], sizeof(t->text[0]), "%.90s",
			 facts->setting[CT_SET_KERNEL].text);
	if (facts != NULL && ct_machine_hash(run->plan.machine, hash) == CT_OK)
		snprintf(t->text[CT_MUST_MACHINE], sizeof(t->text[0]), "%s", hash);
	if (ct_binding_self(t->cpus, sizeof(t->cpus)) != CT_OK)
		t->cpus[0] = '\0';
	t->only = -1;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	t->count = CPU_COUNT(&set);
	for (int i = 0; i < CPU_SETSIZE && t->count == 1; i++)
		if (CPU_ISSET(i, &set))
			t->only = i;
}

/* Rows that differ from the text that most hosts have (the first of equals). */
static void mark_differing(struct ct_env_row *rows, size_t n, int must)
{
	size_t best = 0, most = 0;

	for (size_t i = 0; i < n; i++) {
		size_t same = 0;

		if (rows[i].text[must][0] == '\0') /* not known is not different */
			continue;

		for (size_t j = 0; j < n; j++)
			same += strcmp(rows[i].text[must], rows[j].text[must]) == 0;
		if (same > most) {
			most = same;
			best = i;
		}
	}
	for (size_t i = 0; i < n; i++)
		rows[i].differs[must] |= rows[i].text[must][0] != '\0' &&
					 strcmp(rows[i].text[must], rows[best].text[must]) != 0;
}

/* TEXT of rank R into its host's row: the first known one stays; another makes the row differ. */
static void merge(struct ct_env_row *row, int must, char text[96], uint32_t r)
{
	char clean[96];

	text[95] = '\0';
	ct_text_clean(clean, sizeof(clean), text);
	if (row->text[must][0] == '\0')
		memcpy(row->text[must], clean, sizeof(clean));
	else if (clean[0] != '\0' && !row->differs[must] && strcmp(row->text[must], clean) != 0)
		row->differs[must] = snprintf(row->text[must], sizeof(row->text[must]),
					      "not the same on ranks %u and %u", row->rank, r) > 0;
}

/* One row per host. */
static ct_status fill_rows(struct ct_accept *run, struct told *all)
{
	const struct ct_world *w = run->world;
	struct ct_env_row *rows = ct_alloc(w->nhosts, sizeof(*rows));

	if (rows == NULL)
		return CT_NOMEM;
	for (uint32_t r = 0; r < w->nranks; r++) {
		struct ct_env_row *row = &rows[w->host_of[r]];

		if (row->host[0] == '\0') {
			snprintf(row->host, sizeof(row->host), "%s", w->hosts[w->host_of[r]].name);
			row->rank = r;
		}
		for (int i = 0; i < CT_NMUST; i++)
			merge(row, i, all[r].text[i], r);
	}
	for (int i = 0; i < CT_NMUST; i++)
		mark_differing(rows, w->nhosts, i);
	run->report->env = rows;
	run->report->nenv = w->nhosts;
	return CT_OK;
}

static void count_bindings(struct ct_accept *run, const struct told *all)
{
	const struct ct_world *w = run->world;

	for (uint32_t r = 0; r < w->nranks; r++) {
		uint32_t cpus = w->hosts[w->host_of[r]].cpus, with = 0;

		if (cpus > 1 && (uint32_t)all[r].count >= cpus)
			run->report->unbound_ranks++;
		for (uint32_t i = 0; i < w->nranks && all[r].only >= 0; i++)
			with += i != r && w->host_of[i] == w->host_of[r] &&
				all[i].only == all[r].only;
		run->report->shared_ranks += with > 0;
	}
}

/* The tree of rank 0's host with the ranks that run there, line by line. */
static ct_status draw_map(struct ct_accept *run, const struct told *all, struct ct_buf *buf)
{
	const struct ct_world *w = run->world;
	struct ct_binding *b = ct_alloc(w->nranks, sizeof(*b));
	ct_status s = CT_NOMEM;
	size_t n = 0;

	for (uint32_t r = 0; b != NULL && r < w->nranks; r++)
		if (w->host_of[r] == w->host_of[0] && all[r].cpus[0] != '\0')
			b[n++] = (struct ct_binding){ .rank = r, .cpus = all[r].cpus };
	if (b != NULL)
		s = ct_machine_tree(run->plan.machine, b, n, buf);
	ct_free(b);
	return s;
}

static ct_status keep_lines(struct ct_accept *run, char *text)
{
	struct ct_accept_report *report = run->report;
	size_t lines = 0;
	char *rest = text;

	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	report->map = ct_alloc(lines + 1, sizeof(*report->map));
	if (report->map == NULL)
		return CT_NOMEM;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && rest != NULL;) {
		report->map[report->nmap] = ct_strdup(line);
		if (report->map[report->nmap] == NULL)
			return CT_NOMEM;
		report->nmap++;
		ct_accept_line(run, "%s", line);
	}
	return CT_OK;
}

static ct_status exchange(struct ct_accept *run, struct told *all)
{
	struct told mine;
	ct_status s;

	tell(run, &mine);
	if (run->world->nranks == 1) {
		*all = mine;
		return CT_OK;
	}
	s = run->world->boot->allgather(run->world->boot->ctx, &mine, all, sizeof(mine));
	for (uint32_t r = 0; s == CT_OK && r < run->world->nranks; r++)
		all[r].cpus[sizeof(all[r].cpus) - 1] = '\0';
	return s;
}

/* Gathers what the ranks tell; *ALL (one per rank) is freed with ct_free(). */
static ct_status gather(struct ct_accept *run, struct told **all)
{
	struct told *list = ct_alloc(run->world->nranks, sizeof(*list));
	ct_status s = ct_session_agree(run->session, list != NULL ? CT_OK : CT_NOMEM);

	if (s == CT_OK)
		s = exchange(run, list);
	if (s == CT_OK)
		*all = list;
	else
		ct_free(list);
	return s;
}

ct_status ct_accept_environment(struct ct_accept *run)
{
	struct told *all = NULL;
	ct_status s = find_entrants(run);

	if (s == CT_OK)
		s = gather(run, &all);
	if (s != CT_OK)
		return s;
	s = ct_session_agree(run->session, fill_rows(run, all));
	if (s == CT_OK)
		count_bindings(run, all);
	ct_free(all);
	if (s == CT_OK)
		s = ct_accept_differences(run);
	for (size_t i = 0; i < run->nentrants; i++) {
		const struct ct_entrant *e = &run->entrant[i];

		if (!ct_net_is(e->candidate.net, "tcp"))
			continue;
		snprintf(run->report->net, sizeof(run->report->net), "%s", e->candidate.net);
		snprintf(run->report->device, sizeof(run->report->device), "%s", e->net.device);
	}
	return s == CT_OK ? ct_floors_measure(run->session, &run->report->floors) : s;
}

ct_status ct_accept_map(struct ct_accept *run)
{
	struct ct_buf buf = ct_buf_make((size_t)1 << 20);
	struct told *all = NULL;
	ct_status s = gather(run, &all), mine = CT_OK;

	if (s != CT_OK)
		return s;
	if (run->plan.machine == NULL)
		snprintf(run->report->skipped[CT_STAGE_MAP], sizeof(run->report->skipped[0]),
			 "no map of this machine was given");
	else if (run->world->rank == 0)
		mine = draw_map(run, all, &buf);
	if (mine == CT_OK && buf.text != NULL)
		mine = keep_lines(run, buf.text);
	ct_buf_free(&buf);
	ct_free(all);
	return ct_session_agree(run->session, mine);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which way each library's flows leave. Evidence, in this order: packets that pass the kernel (soft RoCE), the
 * interface's bytes by priority (adapters), the device's own count of packets. What was told: UCX's class where
 * Open MPI has loaded its pml ucx, NCCL's, our --ib-tc.
 */
#include "roce_rides.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ladder.h"
#include "plan.h"
#include "roce.h"
#include "roce_tap.h"
#include "told_class.h"

enum { PORTS = 16, NONE = 4, WHY = 240, WINDOW = 4 };

struct port {
	size_t at; /* in ports */
	struct ct_tap *tap;
	char why[WHY]; /* there is no tap */
	struct ct_port_sample before;
	struct ct_netstats stats;
	uint64_t packets[CT_DSCPS];
	struct ct_end_ride rides[CT_END_RIDES];
	size_t nrides;
};

struct ct_rides {
	struct ct_ports *ports;
	struct port list[PORTS];
	size_t n;
	struct {
		char who[24], why[WHY];
	} none[NONE];
	size_t nnone;
};

/* ---- the ports of this host ------------------------------------------------------------------- */

static void add_port(struct ct_rides *r, const struct ct_port *port, size_t at)
{
	struct port *p = &r->list[r->n++];

	p->at = at;
	if (ct_tap_open(port->netdev, &p->tap) != CT_OK)
		ct_text_clean(p->why, sizeof(p->why), ct_why());
}

ct_status ct_rides_open(struct ct_rides **rides)
{
	struct ct_rides *r = ct_alloc(1, sizeof(*r));
	const struct ct_port *list;
	size_t n = 0;
	ct_status status = r != NULL ? ct_ports_open(NULL, &r->ports) :
		ct_fail(CT_NOMEM, "no memory to look at ports");

	if (status != CT_OK) {
		ct_free(r);
		return status;
	}
	list = ct_ports_list(r->ports, &n);
	for (size_t i = 0; i < n && r->n < PORTS; i++)
		if (list[i].active && strcmp(list[i].link_layer, "Ethernet") == 0 && list[i].netdev[0] != '\0')
			add_port(r, &list[i], i);
	*rides = r;
	return CT_OK;
}

void ct_rides_close(struct ct_rides *rides)
{
	if (rides == NULL)
		return;
	for (size_t i = 0; i < rides->n; i++)
		ct_tap_close(rides->list[i].tap);
	ct_ports_close(rides->ports);
	ct_free(rides);
}

static const struct ct_port *port_of(const struct ct_rides *r, const struct port *p)
{
	size_t n;

	return &ct_ports_list(r->ports, &n)[p->at];
}

void ct_rides_begin(struct ct_rides *r)
{
	for (size_t i = 0; r != NULL && i < r->n; i++) {
		struct port *p = &r->list[i];

		ct_ports_read(r->ports, p->at, &p->before);
		if (!ct_netstats_read(NULL, port_of(r, p)->netdev, &p->stats))
			p->stats.exposed = 0;
		if (p->tap != NULL)
			ct_tap_read(p->tap, p->packets);
	}
}

/* ---- what was told ---------------------------------------------------------------------------- */

/* Has this process loaded Open MPI's component for UCX? It unloads those that it did not choose. */
static bool has_ucx(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool found = false;

	while (maps != NULL && !found && fgets(line, sizeof(line), maps) != NULL)
		found = strstr(line, "mca_pml_ucx") != NULL;
	if (maps != NULL)
		fclose(maps);
	return found;
}

static void told_as(struct ct_end_ride *ride, const struct ct_told_class *told)
{
	ride->told = told->value == CT_TOLD_UNKNOWN ? CT_END_UNKNOWN : (uint64_t)told->value;
	snprintf(ride->told_by, sizeof(ride->told_by), "%s", told->by);
}

static void set_told(struct ct_end_ride *ride, const char *who, const struct ct_job_settings *job)
{
	struct ct_told_class told;

	if (strcmp(who, "native") == 0 && ct_net_is(job->net, "verbs")) {
		ride->told = (uint64_t)job->net_rows.verbs.tc;
		snprintf(ride->told_by, sizeof(ride->told_by), "--ib-tc");
	} else if (strcmp(who, "mpi") == 0 && has_ucx()) {
		size_t used = strlen(ride->library);

		ct_told_ucx(&told);
		told_as(ride, &told);
		snprintf(ride->library + used, sizeof(ride->library) - used, ", pml ucx");
	} else if (strcmp(who, "nccl") == 0) {
		ct_told_nccl(&told);
		told_as(ride, &told);
	}
}

/* ---- what left -------------------------------------------------------------------------------- */

static uint64_t counted(const struct ct_counts *c, enum ct_count_id id)
{
	return (c->exposed & ct_count_bit(id)) != 0 ? c->value[id] : CT_END_UNKNOWN;
}

static void set_left(struct ct_rides *r, struct port *p, struct ct_end_ride *ride)
{
	const struct ct_port *port = port_of(r, p);
	struct ct_port_sample after;
	struct ct_netstats now, delta;
	struct ct_counts counts;

	ct_ports_read(r->ports, p->at, &after);
	ct_port_delta(port, &p->before, &after, &counts);
	ride->sent = counted(&counts, CT_COUNT_TX_PACKETS);
	ride->sent_bytes = counted(&counts, CT_COUNT_TX_BYTES);
	if (p->tap != NULL) {
		ct_tap_read(p->tap, ride->packets);
		for (int i = 0; i < CT_DSCPS; i++) {
			ride->packets[i] -= p->packets[i];
			ride->dscp_known = ride->dscp_known || ride->packets[i] > 0;
		}
	}
	if ((p->stats.exposed >> CT_NETSTAT_PRIO_TX_BYTES & 1) == 0 ||
		!ct_netstats_read(NULL, port->netdev, &now))
		return;
	ct_netstats_delta(&p->stats, &now, &delta);
	ride->priority_known = true;
	memcpy(ride->bytes, delta.value[CT_NETSTAT_PRIO_TX_BYTES], sizeof(ride->bytes));
}

/* What the kernel repeats for a port's lifespan is let grow old, so that the last flows are counted. */
static void wait_for_counters(const struct ct_rides *r)
{
	uint64_t most = 0;
	struct timespec rest;

	for (size_t i = 0; i < r->n; i++) {
		uint64_t stale = ct_ports_stale_ns(r->ports, r->list[i].at, ct_now_ns());

		most = stale > most ? stale : most;
	}
	rest = (struct timespec){ (time_t)(most / 1000000000u), (long)(most % 1000000000u) };
	while (nanosleep(&rest, &rest) == -1 && errno == EINTR)
		continue;
}

void ct_rides_none(struct ct_rides *r, const char *who, const char *why)
{
	if (r == NULL || r->nnone == NONE)
		return;
	snprintf(r->none[r->nnone].who, sizeof(r->none[0].who), "%.23s", who);
	ct_text_clean(r->none[r->nnone++].why, WHY, why);
}

void ct_rides_end(struct ct_rides *r, const char *who, const char *library,
	const struct ct_job_settings *job)
{
	if (r == NULL)
		return;
	if (r->n == 0)
		ct_rides_none(r, who, "its flows ran, but this host has no active RoCE port to look at");
	wait_for_counters(r);
	for (size_t i = 0; i < r->n; i++) {
		struct port *p = &r->list[i];
		struct ct_end_ride *ride = &p->rides[p->nrides];

		if (p->nrides == CT_END_RIDES)
			continue;
		p->nrides++;
		*ride = (struct ct_end_ride){ .told = CT_END_UNKNOWN };
		snprintf(ride->who, sizeof(ride->who), "%.23s", who);
		ct_text_clean(ride->library, sizeof(ride->library), library);
		set_told(ride, who, job);
		set_left(r, p, ride);
	}
}

void ct_rides_give(const struct ct_rides *r, struct ct_ends *ends)
{
	for (size_t i = 0; r != NULL && i < r->n; i++) {
		const struct port *p = &r->list[i];
		const struct ct_port *port = port_of(r, p);

		for (size_t k = 0; k < ends->n; k++) {
			struct ct_end *e = &ends->list[k];

			if (strcmp(e->device, port->device) != 0 || e->port != port->port)
				continue;
			memcpy(e->rides, p->rides, sizeof(e->rides));
			e->nrides = p->nrides;
		}
	}
}

json_t *ct_rides_missing(const struct ct_rides *r)
{
	json_t *a = json_array();

	for (size_t i = 0; r != NULL && i < r->nnone; i++)
		json_array_append_new(a, json_pack("{s:s, s:s}", "who", r->none[i].who, "why", r->none[i].why));
	for (size_t i = 0; r != NULL && i < r->n; i++)
		if (r->list[i].why[0] != '\0')
			json_array_append_new(a, json_pack("{s:s, s:s}", "who", port_of(r, &r->list[i])->device, "why",
				r->list[i].why));
	return a;
}

/* ---- flows ------------------------------------------------------------------------------------ */

/* What became of one library's flows, the same on every rank. */
struct outcome {
	ct_status status;
	char library[96], why[WHY];
};

static ct_status keep(void *arg, struct ct_result *result)
{
	struct outcome *o = arg;

	o->status = result->status;
	snprintf(o->library, sizeof(o->library), "%s", result->library);
	snprintf(o->why, sizeof(o->why), "%s", result->why);
	return CT_OK;
}

/* The hosts in pairs; the last of an odd number in a second ROUND with the first. */
static ct_status pair(const struct ct_world *w, int round, uint32_t *partner)
{
	uint32_t last = w->nranks;

	if (w->nhosts < 2)
		return ct_pairs_parse("all", w->nranks, partner);
	if (round == 0) {
		ct_ladder_pairs(w, partner);
		return CT_OK;
	}
	for (uint32_t r = 0; r < w->nranks; r++) {
		partner[r] = r;
		if (w->host_of[r] == w->nhosts - 1 && last == w->nranks)
			last = r;
	}
	partner[0] = last;
	partner[last] = 0;
	return CT_OK;
}

static ct_status flows(struct ct_rank *rank, const char *who, uint64_t bytes, uint64_t span_ns,
	struct outcome *o)
{
	const struct ct_world *w = &rank->world;
	uint32_t *partner = ct_alloc(w->nranks, sizeof(*partner));
	struct ct_candidate c = { .backend = "" };
	struct ct_test test = { .coll = CT_P2P_DUPLEX, .type = CT_FLOAT, .op = CT_SUM, .bytes = bytes,
		.window = WINDOW, .partner = partner };
	struct ct_measure_plan plan = { .candidates = &c, .ncandidates = 1, .tests = &test, .ntests = 1,
		.stop = { .min_samples = 3, .budget_ns = span_ns }, .rounds = 1, .on_result = keep, .arg = o };
	int rounds = w->nhosts > 1 && w->nhosts % 2 != 0 ? 2 : 1;
	ct_status status = ct_session_agree(rank->session, partner != NULL ? CT_OK : CT_NOMEM);

	snprintf(c.backend, sizeof(c.backend), "%s", who);
	for (int i = 0; i < rounds && status == CT_OK && o->status == CT_OK; i++) {
		status = pair(w, i, partner);
		if (status == CT_OK)
			status = ct_measure_run(rank->session, &plan);
	}
	ct_free(partner);
	return status;
}

/* A library that a rank cannot use is no error of the check: it is noted. */
static ct_status ride(struct ct_rank *rank, struct ct_rides *rides, const char *who, uint64_t bytes,
	uint64_t span_ns)
{
	struct outcome o = { .status = CT_OK };
	ct_status status;

	ct_session_phase(rank->session, "traffic of %s", who);
	ct_rides_begin(rides);
	status = ct_session_barrier(rank->session);
	if (status == CT_OK)
		status = flows(rank, who, bytes, span_ns, &o);
	if (status == CT_OK) {
		ct_session_phase(rank->session, "traffic of %s: counters", who);
		status = ct_session_barrier(rank->session);
	}
	if (status == CT_OK && o.status == CT_OK)
		ct_rides_end(rides, who, o.library, rank->settings);
	else if (status == CT_OK)
		ct_rides_none(rides, who, o.why);
	return status;
}

ct_status ct_rides_run(struct ct_rank *rank, struct ct_rides *rides, uint64_t bytes, uint64_t span_ns)
{
	static const char *const libraries[] = { "mpi", "nccl" };
	ct_status status = CT_OK;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]) && status == CT_OK; i++)
		status = ride(rank, rides, libraries[i], bytes, span_ns);
	return status;
}

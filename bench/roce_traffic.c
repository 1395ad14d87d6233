/* SPDX-License-Identifier: BSD-3-Clause */
/* Flows for colltune roce check --traffic. */
#include <stdio.h>
#include <string.h>

#include "congest.h"
#include "roce_rides.h"

/* Collective: bytes per second of all flows of P. */
static ct_status run(struct ct_traffic *t, struct ct_net *net, const char *what,
	const struct ct_congest_pattern *p, double *Bps)
{
	struct ct_congest_run r = { .load = { .net = net, .pattern = p, .bytes = t->bytes }, .window = 8,
		.span_ns = t->span_ns };
	int64_t sum = 0;
	ct_status status;

	r.load.came = ct_alloc(p->n, sizeof(*r.load.came));
	r.ping_ns = ct_alloc(CT_CONGEST_PINGS, sizeof(*r.ping_ns));
	status = ct_session_agree(t->rank->session, r.load.came != NULL && r.ping_ns != NULL ? CT_OK : CT_NOMEM);
	ct_session_phase(t->rank->session, "traffic %s", what);
	if (status == CT_OK)
		status = ct_congest_run(&r);
	for (size_t i = 0; status == CT_OK && i < p->n; i++)
		sum += (int64_t)r.load.came[i];
	if (status == CT_OK)
		status = ct_session_sum(t->rank->session, &sum, 1);
	if (status == CT_OK)
		*Bps = (double)sum * 1e9 / (double)t->span_ns;
	ct_free(r.load.came);
	ct_free(r.ping_ns);
	return status;
}

static ct_status run_all(struct ct_traffic *t, struct ct_net *net)
{
	struct ct_congest_flow there = { 0, 1 }, back = { 1, 0 };
	struct ct_congest_pattern one = { .name = "there", .flows = &there, .n = 1 }, all;
	ct_status status = ct_congest_make(CT_CONGEST_INCAST, t->rank->world.nranks, 0, &all);

	status = ct_session_agree(t->rank->session, status);
	if (status != CT_OK)
		return status;
	all.victim = false;
	status = run(t, net, "from rank 0 to rank 1", &one, &t->forward_Bps);
	one.flows = &back;
	if (status == CT_OK)
		status = run(t, net, "from rank 1 to rank 0", &one, &t->backward_Bps);
	if (status == CT_OK)
		status = run(t, net, "from all to rank 0", &all, &t->incast_Bps);
	ct_free(all.flows);
	return status;
}

/* Our own flows over --net. */
static ct_status run_native(struct ct_traffic *t)
{
	struct ct_rank *rank = t->rank;
	const struct ct_job_settings *job = rank->settings;
	struct ct_net net;
	ct_status status;

	ct_session_phase(rank->session, "connecting for traffic");
	status = ct_net_open(t->net, &rank->world, &job->net_rows, NULL, ct_deadline_in(job->timeout), &net);
	if (status != CT_OK)
		return status;
	t->link_Bps = net.caps.link_Bps;
	/* only now: until here the ranks found each other, maybe by the library that is tried next */
	ct_rides_begin(t->rides);
	status = run_all(t, &net);
	if (status == CT_OK)
		status = ct_session_barrier(rank->session);
	if (status == CT_OK) /* else the transport may still write into what a message named */
		ct_net_close(&net);
	return status;
}

ct_status ct_traffic_run(struct ct_traffic *t)
{
	char library[64];
	ct_status status;

	t->ran = true;
	snprintf(library, sizeof(library), "colltune %s, net %.32s", ct_version(), t->net);
	status = run_native(t);
	if (status != CT_OK)
		return status;
	ct_rides_end(t->rides, "native", library, t->rank->settings);
	return ct_rides_run(t->rank, t->rides, t->bytes, t->span_ns);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each port counted, beside the sum over all: an error at one end of a cable belongs to that
 * end. Ports of all hosts have numbers, in the order of hosts; of more than CT_MOST_ENDS those
 * are kept that have the most to tell: losses, retransmissions, errors, marks, then traffic.
 */
#include <string.h>

#include "inside.h"

enum { NAME_WORDS = 4 };

/* A port as numbers, for sums over ranks of which one alone is not zero. */
struct row {
	int64_t host, port, active, exposed, reset, saturated;
	int64_t name[NAME_WORDS];
	int64_t value[CT_NCOUNTS];
};

enum { WORDS = sizeof(struct row) / sizeof(int64_t) };
_Static_assert(sizeof(((struct ct_port_end *)NULL)->device) == NAME_WORDS * sizeof(int64_t),
	"a device's name fills its words");
_Static_assert(CT_NCOUNTS < 63, "a mask is a positive number");

ct_status ct_port_ends_number(struct ct_session *session)
{
	const struct ct_world *w = session->attr.world;
	struct ct_port_watch *watch = &session->ports;
	int64_t *n = ct_alloc(w->nhosts, sizeof(*n));
	ct_status status = ct_session_agree(session, n != NULL ? CT_OK : CT_NOMEM);

	if (status == CT_OK) {
		if (w->local_rank == 0)
			n[w->host_of[w->rank]] = (int64_t)watch->n;
		status = ct_session_sum(session, n, w->nhosts);
	}
	watch->first = watch->total = 0;
	for (uint32_t h = 0; status == CT_OK && h < w->nhosts; h++) {
		if (h == w->host_of[w->rank])
			watch->first = watch->total;
		watch->total += (uint32_t)(n[h] < CT_MOST_PORTS ? n[h] : CT_MOST_PORTS);
	}
	ct_free(n);
	return status;
}

static int64_t limited(uint64_t value)
{
	return value > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)value;
}

/* How much a port has to tell beyond traffic. */
static int64_t trouble(const struct ct_counts *c)
{
	uint64_t all = 0, sum;

	for (int class = 0; class < CT_COUNT_CLASSES; class++)
		if (class != CT_COUNT_TRAFFIC && class != CT_COUNT_PAUSE &&
			ct_counts_of_class(c, (enum ct_count_class)class, &sum))
			all += sum > INT64_MAX / 64 ? INT64_MAX / 64 : sum;
	return limited(all);
}

/* Collective: the numbers of the ports to keep, ascending, in PICK; all ranks choose the same. */
static ct_status choose(struct ct_session *session, const struct ct_lane *lane,
	uint32_t pick[CT_MOST_ENDS], uint32_t *n)
{
	const struct ct_port_watch *w = &session->ports;
	int64_t *told = ct_alloc(w->total, 2 * sizeof(*told));
	ct_status status = ct_session_agree(session, told != NULL ? CT_OK : CT_NOMEM);

	for (uint32_t i = 0; status == CT_OK && i < w->n && i < CT_MOST_PORTS; i++) {
		told[2 * (w->first + i)] = trouble(&lane->port_counts[i]) + 1;
		told[2 * (w->first + i) + 1] = limited(lane->port_load[i]);
	}
	if (status == CT_OK)
		status = ct_session_sum(session, told, 2 * (size_t)w->total);
	for (*n = 0; status == CT_OK && *n < CT_MOST_ENDS; ++*n) {
		uint32_t best = 0;

		for (uint32_t i = 1; i < w->total; i++)
			if (told[2 * i] > told[2 * best] || (told[2 * i] == told[2 * best] &&
				told[2 * i + 1] > told[2 * best + 1]))
				best = i;
		told[2 * best] = -1;
		pick[*n] = best;
	}
	ct_free(told);
	return status;
}

static void fill(const struct ct_session *session, const struct ct_lane *lane, uint32_t i,
	struct row *row)
{
	const struct ct_world *w = session->attr.world;
	const struct ct_port *port = &session->ports.list[i];
	const struct ct_counts *c = &lane->port_counts[i];

	*row = (struct row){ w->host_of[w->rank], (int64_t)port->port, port->active,
		(int64_t)c->exposed, (int64_t)c->reset, (int64_t)c->saturated, { 0 }, { 0 } };
	memcpy(row->name, port->device, strnlen(port->device, sizeof(row->name) - 1));
	for (size_t k = 0; k < sizeof(row->name); k++) /* words stay positive */
		((char *)row->name)[k] &= 0x7f;
	for (unsigned int k = 0; k < CT_NCOUNTS; k++)
		row->value[k] = limited(c->value[k]);
}

static void take(const struct ct_world *w, const struct row *row, struct ct_port_end *end)
{
	uint32_t host = row->host >= 0 && row->host < w->nhosts ? (uint32_t)row->host : 0;

	*end = (struct ct_port_end){ .port = (uint32_t)row->port, .active = row->active != 0 };
	memcpy(end->host, w->hosts[host].name, sizeof(end->host));
	memcpy(end->device, row->name, sizeof(end->device));
	end->device[sizeof(end->device) - 1] = '\0';
	end->counts.exposed = (uint64_t)row->exposed;
	end->counts.reset = (uint64_t)row->reset;
	end->counts.saturated = (uint64_t)row->saturated;
	for (unsigned int k = 0; k < CT_NCOUNTS; k++)
		end->counts.value[k] = (uint64_t)row->value[k];
}

ct_status ct_port_ends_gather(struct ct_session *session, struct ct_lane *lane)
{
	const struct ct_port_watch *w = &session->ports;
	struct ct_port_counts *out = &lane->ports;
	uint32_t pick[CT_MOST_ENDS], n = w->total < CT_MOST_ENDS ? w->total : CT_MOST_ENDS;
	struct row *rows = ct_alloc(n, sizeof(*rows));
	struct ct_port_end *ends = ct_alloc(n, sizeof(*ends));
	ct_status status =
		ct_session_agree(session, rows != NULL && ends != NULL ? CT_OK : CT_NOMEM);

	for (uint32_t i = 0; i < n; i++)
		pick[i] = i;
	if (status == CT_OK && w->total > CT_MOST_ENDS)
		status = choose(session, lane, pick, &n);
	for (uint32_t i = 0; status == CT_OK && i < n; i++)
		if (pick[i] >= w->first && pick[i] - w->first < w->n)
			fill(session, lane, pick[i] - w->first, &rows[i]);
	if (status == CT_OK)
		status = ct_session_sum(session, (int64_t *)rows, (size_t)n * WORDS);
	for (uint32_t i = 0; status == CT_OK && i < n; i++)
		take(session->attr.world, &rows[i], &ends[i]);
	ct_free(rows);
	if (status != CT_OK) {
		ct_free(ends);
		return status;
	}
	out->ends = ends;
	out->nends = n;
	out->nports = w->total;
	return CT_OK;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks at the ports again and again, never more often than the kernel has something new to say. */
#include <string.h>

#include "counters.h"

struct ct_port_poll {
	struct ct_ports *ports;
	uint64_t interval_ns;
	size_t n;
	struct ct_port_sample *last;
	struct ct_port_look *looks;
	bool *seen; /* LAST is there */
};

void ct_port_poll_close(struct ct_port_poll *poll)
{
	if (poll == NULL)
		return;
	ct_ports_close(poll->ports);
	ct_free(poll->last);
	ct_free(poll->looks);
	ct_free(poll->seen);
	ct_free(poll);
}

ct_status ct_port_poll_open(const char *sysroot, uint64_t interval_ns, struct ct_port_poll **poll)
{
	struct ct_port_poll *p = ct_alloc(1, sizeof(*p));
	ct_status status = p == NULL ? CT_NOMEM : ct_ports_open(sysroot, &p->ports);
	const struct ct_port *list;

	if (status != CT_OK) {
		ct_free(p);
		return status;
	}
	list = ct_ports_list(p->ports, &p->n);
	p->interval_ns = interval_ns;
	p->last = ct_alloc(p->n, sizeof(*p->last));
	p->looks = ct_alloc(p->n, sizeof(*p->looks));
	p->seen = ct_alloc(p->n, sizeof(*p->seen));
	if (p->last == NULL || p->looks == NULL || p->seen == NULL) {
		ct_port_poll_close(p);
		return CT_NOMEM;
	}
	for (size_t i = 0; i < p->n; i++)
		p->looks[i].port = &list[i];
	*poll = p;
	return CT_OK;
}

static uint64_t due_in(const struct ct_port_poll *p, size_t i, uint64_t now_ns)
{
	uint64_t stale = ct_ports_stale_ns(p->ports, i, now_ns), next;

	if (!p->seen[i])
		return 0;
	next = p->last[i].at_ns + p->interval_ns;
	next = next > now_ns ? next - now_ns : 0;
	return next > stale ? next : stale;
}

uint64_t ct_port_poll_wait_ns(const struct ct_port_poll *poll, uint64_t now_ns)
{
	uint64_t least = poll->n == 0 ? poll->interval_ns : UINT64_MAX;

	for (size_t i = 0; i < poll->n; i++) {
		uint64_t wait = due_in(poll, i, now_ns);

		least = wait < least ? wait : least;
	}
	return least;
}

const struct ct_port_look *ct_port_poll_look(struct ct_port_poll *poll, uint64_t now_ns, size_t *n)
{
	for (size_t i = 0; i < poll->n; i++) {
		struct ct_port_look *look = &poll->looks[i];
		struct ct_port_sample sample;

		look->fresh = false;
		look->elapsed_ns = 0;
		memset(&look->counts, 0, sizeof(look->counts));
		if (due_in(poll, i, now_ns) > 0)
			continue;
		ct_ports_read(poll->ports, i, &sample);
		if (poll->seen[i]) {
			ct_port_delta(look->port, &poll->last[i], &sample, &look->counts);
			look->elapsed_ns = sample.at_ns - poll->last[i].at_ns;
			look->fresh = look->elapsed_ns > 0;
			ct_counts_add(&look->total, &look->counts);
		}
		poll->last[i] = sample;
		poll->seen[i] = true;
	}
	*n = poll->n;
	return poll->looks;
}

double ct_port_look_rate(const struct ct_port_look *look, enum ct_count_id id)
{
	if (!look->fresh || (look->counts.exposed & ct_count_bit(id)) == 0)
		return -1;
	return (double)look->counts.value[id] * 1e9 / (double)look->elapsed_ns;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What fakeib-ctl makes happen. */
#include <stdio.h>

#include "fake.h"

static void change_state(struct fake_fabric *f, const struct fake_happening *h)
{
	struct fake_port *port = &f->devices[h->device].ports[h->port - 1];
	uint32_t was = port->state;

	ct_fake_set_state(port, h->value);
	if (was != h->value && h->value == IBV_PORT_ACTIVE)
		ct_fake_event_all(f, h->device, IBV_EVENT_PORT_ACTIVE, h->port);
	else if (was == IBV_PORT_ACTIVE && was != h->value)
		ct_fake_event_all(f, h->device, IBV_EVENT_PORT_ERR, h->port);
}

static void end_qps(struct fake_fabric *f, const struct fake_happening *h, bool tell)
{
	for (uint32_t i = 0; i < f->top_qp; i++) {
		struct fake_qp *qp = &f->qps[i];

		if (!qp->live || qp->device != h->device || qp->state == IBV_QPS_RESET ||
			(tell && h->value != 0 && h->value != qp->qpn))
			continue;
		if (tell)
			ct_fake_event(f, qp->context, IBV_EVENT_QP_FATAL, i);
		ct_fake_to_error(f, qp);
	}
}

void ct_fake_happen(struct fake_fabric *f, const struct fake_happening *h)
{
	switch (h->act) {
	case FAKE_STATE:
		change_state(f, h);
		break;
	case FAKE_LID:
		f->devices[h->device].ports[h->port - 1].lid = h->value;
		ct_fake_event_all(f, h->device, IBV_EVENT_LID_CHANGE, h->port);
		break;
	case FAKE_QP_FATAL:
		end_qps(f, h, true);
		break;
	case FAKE_DEVICE_FATAL:
		f->devices[h->device].dead = 1;
		ct_fake_event_all(f, h->device, IBV_EVENT_DEVICE_FATAL, h->port);
		end_qps(f, h, false);
		break;
	case FAKE_EVENT:
		ct_fake_event_all(f, h->device, h->value, h->port);
		break;
	}
}

bool ct_fake_hit(struct fake_fabric *f, const struct fake_qp *qp, enum fake_side side,
	uint32_t *status, uint32_t *vendor)
{
	for (uint32_t i = 0; i < FAKE_FAULTS && f->nfaults > 0; i++) {
		struct fake_fault *x = &f->faults[i];

		if (!x->live || x->side != side ||
			(x->what.device != FAKE_DEVICES && x->what.device != qp->device) ||
			(x->pid != 0 && x->pid != f->contexts[qp->context].pid) || --x->countdown > 0)
			continue;
		x->live = 0;
		f->nfaults--;
		if (x->what.act != FAKE_STATUS) {
			ct_fake_happen(f, &x->what);
			continue;
		}
		*status = x->what.value;
		*vendor = x->vendor != 0 ? x->vendor : ct_fake_vendor(x->what.value);
		return true;
	}
	return false;
}

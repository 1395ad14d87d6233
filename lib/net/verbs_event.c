/* SPDX-License-Identifier: BSD-3-Clause */
/* Asynchronous events of the devices: what they mean for the messages under way. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "verbs.h"

/* Asking costs a system call, so polls that found nothing and those that found something count
 * against a patience, and then the clock decides. */
enum { PATIENCE = 1024, LOOK_NS = 20000000 };

ct_status ct_verbs_hear(struct ct_verbs_rail *rail)
{
	int fd = rail->dev.context->async_fd;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return ct_fail(CT_IO, "verbs: %s: asynchronous events cannot be asked for: %s",
			rail->dev.name, strerror(errno));
	return CT_OK;
}

/* RAIL connects to nobody any more. */
static void lose_all(struct ct_verbs *v, uint32_t rail, ct_status s)
{
	char why[400];

	strncpy(why, ct_why(), sizeof(why) - 1);
	why[sizeof(why) - 1] = '\0';
	for (uint32_t i = 1; i < v->world->nranks; i++)
		ct_verbs_lose(v, (v->world->rank + i) % v->world->nranks, rail,
			ct_fail(s, "%s", why));
}

static void port_event(
	struct ct_verbs *v, uint32_t rail, enum ibv_event_type type, const char *what)
{
	struct ct_rdma_device *dev = &v->rail[rail].dev;

	lose_all(v, rail, ct_fail(CT_IO, "verbs: %s port %u: %s (%s)", dev->name, dev->port, what,
		ibv_event_type_str(type)));
}

/* The address that peers know may have gone. */
static void address_event(struct ct_verbs *v, uint32_t rail, enum ibv_event_type type)
{
	struct ct_rdma_device *dev = &v->rail[rail].dev;
	struct ibv_port_attr now;
	union ibv_gid gid;

	if (dev->gid_index < 0 && ibv_query_port(dev->context, dev->port, &now) == 0 &&
		now.lid != dev->port_attr.lid) {
		lose_all(v, rail,
			ct_fail(CT_IO,
				"verbs: %s port %u: its LID changed from %u to %u (%s): "
				"the subnet manager gave it another one, connections to the old "
				"one are dead",
				dev->name, dev->port, dev->port_attr.lid, now.lid,
				ibv_event_type_str(type)));
		return;
	}
	if (dev->gid_index >= 0 &&
		ibv_query_gid(dev->context, dev->port, dev->gid_index, &gid) == 0 &&
		memcmp(&gid, &dev->gid, sizeof(gid)) != 0)
		port_event(
			v, rail, type, "its GID is gone: the address of its interface has changed");
}

/* One queue pair, in *PEER and *LANE; false: none of ours. */
static bool find(const struct ct_verbs *v, const struct ibv_qp *qp, uint32_t *peer, uint32_t *lane)
{
	for (*peer = 0; *peer < v->world->nranks; ++*peer)
		for (*lane = 0; *lane < v->nlanes; ++*lane)
			if (qp != NULL && v->peers[*peer].lane[*lane].qp == qp)
				return true;
	return false;
}

static void pair_event(struct ct_verbs *v, uint32_t rail, const struct ibv_async_event *event)
{
	const struct ct_rdma_device *dev = &v->rail[rail].dev;
	const char *what = event->event_type == IBV_EVENT_QP_FATAL ? "the device failed" :
		"the peer sent a request that the device refuses";
	uint32_t peer, lane;

	if (!find(v, event->element.qp, &peer, &lane) || v->peers[peer].broken != CT_OK ||
		v->peers[peer].lane[lane].dead)
		return;
	ct_verbs_lose(v, peer, rail,
		ct_fail(CT_IO,
			"verbs: %s port %u, to rank %u (QP %u, its %u): %s: %s",
			dev->name, dev->port, peer, v->peers[peer].lane[lane].qp->qp_num,
			v->peers[peer].lane[lane].qpn, ibv_event_type_str(event->event_type),
			what));
}

static void handle(struct ct_verbs *v, uint32_t rail, const struct ibv_async_event *event)
{
	const struct ct_rdma_device *dev = &v->rail[rail].dev;

	switch (event->event_type) {
	case IBV_EVENT_PORT_ERR:
		if (event->element.port_num == dev->port)
			port_event(v, rail, event->event_type,
				"the port went down: cable, switch port, or "
				"its interface was taken down");
		break;
	case IBV_EVENT_DEVICE_FATAL:
		port_event(v, rail, event->event_type,
			"the device failed: its driver's messages are in dmesg");
		break;
	case IBV_EVENT_CQ_ERR:
		port_event(v, rail, event->event_type, "the completion queue overran or failed");
		break;
	case IBV_EVENT_LID_CHANGE:
	case IBV_EVENT_GID_CHANGE:
		address_event(v, rail, event->event_type);
		break;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
	case IBV_EVENT_PATH_MIG_ERR:
		pair_event(v, rail, event);
		break;
	default:
		ct_log(CT_LOG_INFO, CT_AREA_NET, "verbs: %s: %s", dev->name,
			ibv_event_type_str(event->event_type));
	}
}

bool ct_verbs_events(struct ct_verbs *v, bool at_once)
{
	struct ibv_async_event event;
	uint64_t now = ct_now_ns();
	bool any = false;

	v->patience = PATIENCE;
	if (!at_once && now - v->looked_ns < LOOK_NS)
		return false;
	v->looked_ns = now;
	for (uint32_t rail = 0; rail < v->nrails; rail++)
		while (ibv_get_async_event(v->rail[rail].dev.context, &event) == 0) {
			handle(v, rail, &event);
			ibv_ack_async_event(&event);
			any = true;
		}
	return any;
}

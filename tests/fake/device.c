/* SPDX-License-Identifier: BSD-3-Clause */
/* Devices: listing, opening, asking. */
#include <endian.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

struct ibv_device **ibv_get_device_list(int *n)
{
	struct fake_fabric *f = ct_fake_fabric();
	uint32_t count = f != NULL ? f->ndevices : 0;
	struct ibv_device **list = calloc(count + 1, sizeof(*list));

	for (uint32_t i = 0; list != NULL && i < count; i++) {
		struct fake_handle *h = calloc(1, sizeof(*h));

		if (h == NULL)
			break;
		h->index = i;
		h->device.node_type = IBV_NODE_CA;
		h->device.transport_type = IBV_TRANSPORT_IB;
		snprintf(h->device.name, sizeof(h->device.name), "%s", f->devices[i].name);
		snprintf(h->device.dev_name, sizeof(h->device.dev_name), "simulated%u", i);
		snprintf(h->device.dev_path, sizeof(h->device.dev_path), "%s/simulated%u", ct_fake_dir(), i);
		snprintf(h->device.ibdev_path, sizeof(h->device.ibdev_path), "%s/sys/class/infiniband/%s",
			ct_fake_dir(), f->devices[i].name);
		list[i] = &h->device;
	}
	if (n != NULL)
		*n = list != NULL ? (int)count : 0;
	return list;
}

void ibv_free_device_list(struct ibv_device **list)
{
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

const char *ibv_get_device_name(struct ibv_device *device)
{
	return device->name;
}

int ibv_get_device_index(struct ibv_device *device)
{
	return (int)((struct fake_handle *)device)->index;
}

__be64 ibv_get_device_guid(struct ibv_device *device)
{
	struct fake_fabric *f = ct_fake_fabric();

	return f == NULL ? 0 : htobe64(f->devices[((struct fake_handle *)device)->index].guid);
}

static void device_attr(struct fake_fabric *f, struct ibv_context *context, struct ibv_device_attr *a)
{
	const struct fake_device *d = ct_fake_device(f, context);
	const struct fake_limits *l = &d->limits;

	memset(a, 0, sizeof(*a));
	snprintf(a->fw_ver, sizeof(a->fw_ver), "%s", FAKE_FW);
	a->node_guid = a->sys_image_guid = htobe64(d->guid);
	a->max_mr_size = 1ull << 40;
	a->page_size_cap = FAKE_PAGE;
	a->vendor_id = (uint32_t)l->vendor;
	a->vendor_part_id = (uint32_t)l->part;
	a->max_qp = (int)l->max_qp;
	a->max_qp_wr = (int)l->max_qp_wr;
	a->device_cap_flags = IBV_DEVICE_PORT_ACTIVE_EVENT | IBV_DEVICE_SYS_IMAGE_GUID |
		IBV_DEVICE_RC_RNR_NAK_GEN | IBV_DEVICE_SRQ_RESIZE | IBV_DEVICE_CURR_QP_STATE_MOD;
	a->max_sge = a->max_sge_rd = (int)l->max_sge;
	a->max_cq = (int)l->max_cq;
	a->max_cqe = (int)l->max_cqe;
	a->max_mr = (int)l->max_mr;
	a->max_pd = (int)l->max_pd;
	a->max_qp_rd_atom = a->max_qp_init_rd_atom = (int)l->max_rd;
	a->max_res_rd_atom = (int)(l->max_rd * l->max_qp);
	a->atomic_cap = l->atomics ? IBV_ATOMIC_HCA : IBV_ATOMIC_NONE;
	a->max_ah = 1 << 16;
	a->max_srq = (int)l->max_srq;
	a->max_srq_wr = (int)l->max_srq_wr;
	a->max_srq_sge = (int)l->max_sge;
	a->max_pkeys = 1;
	a->phys_port_cnt = (uint8_t)d->nports;
}

int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	device_attr(ct_fake_fabric(), context, attr);
	return 0;
}

static int query_device_ex(struct ibv_context *context, const struct ibv_query_device_ex_input *input,
	struct ibv_device_attr_ex *attr, size_t size)
{
	(void)input;
	if (size < sizeof(attr->orig_attr))
		return EINVAL;
	memset(attr, 0, size);
	device_attr(ct_fake_fabric(), context, &attr->orig_attr);
	return 0;
}

static int query_port(struct ibv_context *context, uint8_t number, struct ibv_port_attr *attr,
	size_t size)
{
	struct fake_fabric *f = ct_fake_fabric();
	const struct fake_device *d = ct_fake_device(f, context);
	struct ibv_port_attr a = { 0 };
	const struct fake_port *p;

	if (number < 1 || number > d->nports)
		return EINVAL;
	p = &d->ports[number - 1];
	a.state = p->state;
	a.phys_state = (uint8_t)p->phys_state;
	a.max_mtu = p->max_mtu;
	a.active_mtu = p->mtu;
	a.gid_tbl_len = (int)p->gids;
	a.max_msg_sz = FAKE_MSG;
	a.pkey_tbl_len = 1;
	a.lid = (uint16_t)p->lid;
	a.lmc = (uint8_t)p->lmc;
	a.sm_lid = (uint16_t)p->sm_lid;
	a.max_vl_num = 1;
	a.active_width = (uint8_t)p->width;
	a.active_speed = (uint8_t)p->speed;
	a.link_layer = (uint8_t)p->link;
	a.flags = p->grh_required ? IBV_QPF_GRH_REQUIRED : 0;
	memset(attr, 0, size);
	memcpy(attr, &a, size < sizeof(a) ? size : sizeof(a));
	return 0;
}

/* Only programs of old call it; its struct ends before link_layer's last neighbours. */
int ibv_query_port(struct ibv_context *context, uint8_t port, struct _compat_ibv_port_attr *attr)
{
	return query_port(context, port, (struct ibv_port_attr *)attr,
		offsetof(struct ibv_port_attr, flags));
}

int _ibv_query_gid_ex(struct ibv_context *context, uint32_t port, uint32_t index,
	struct ibv_gid_entry *entry, uint32_t flags, size_t size)
{
	const struct fake_device *d = ct_fake_device(ct_fake_fabric(), context);
	struct ibv_gid_entry e = { .gid_index = index, .port_num = port, .gid_type = IBV_GID_TYPE_IB };
	const struct fake_port *p;

	if (flags != 0 || port < 1 || port > d->nports || index >= d->ports[port - 1].gids)
		return EINVAL;
	p = &d->ports[port - 1];
	e.gid = ct_fake_gid(p, index);
	if (p->link == IBV_LINK_LAYER_ETHERNET) { /* on the one interface that every machine has */
		e.gid_type = IBV_GID_TYPE_ROCE_V2;
		e.ndev_ifindex = if_nametoindex("lo");
	}
	memcpy(entry, &e, size < sizeof(e) ? size : sizeof(e));
	return 0;
}

ssize_t _ibv_query_gid_table(struct ibv_context *context, struct ibv_gid_entry *entries, size_t most,
	uint32_t flags, size_t size)
{
	const struct fake_device *d = ct_fake_device(ct_fake_fabric(), context);
	size_t n = 0;

	if (flags != 0)
		return -EINVAL;
	for (uint32_t p = 1; p <= d->nports; p++)
		for (uint32_t i = 0; i < d->ports[p - 1].gids && n < most; i++, n++)
			(void)_ibv_query_gid_ex(context, p, i,
				(struct ibv_gid_entry *)((char *)entries + n * size), 0, size);
	return (ssize_t)n;
}

int ibv_query_gid(struct ibv_context *context, uint8_t port, int index, union ibv_gid *gid)
{
	struct ibv_gid_entry entry;

	if (index < 0 || _ibv_query_gid_ex(context, port, (uint32_t)index, &entry, 0, sizeof(entry)) != 0)
		return -1;
	*gid = entry.gid;
	return 0;
}

int ibv_query_pkey(struct ibv_context *context, uint8_t port, int index, __be16 *pkey)
{
	if (port < 1 || port > ct_fake_device(ct_fake_fabric(), context)->nports || index != 0)
		return -1;
	*pkey = htobe16(0xffff);
	return 0;
}

int ibv_get_pkey_index(struct ibv_context *context, uint8_t port, __be16 pkey)
{
	(void)context;
	(void)port;
	return pkey == htobe16(0xffff) ? 0 : -1;
}

/* ---- opening ------------------------------------------------------------------------------- */

static bool join(struct fake_fabric *f, struct fake_open *o)
{
	ct_fake_lock(f);
	ct_fake_sweep(f);
	for (uint32_t i = 0; i < FAKE_CONTEXTS; i++) {
		struct fake_context *c = &f->contexts[i];

		if (c->live)
			continue;
		*c = (struct fake_context){ 1, o->handle.index, f->next_fifo++, ct_fake_pid(),
			ct_fake_started(ct_fake_pid()) };
		o->index = i;
		ct_fake_unlock(f);
		return true;
	}
	ct_fake_unlock(f);
	return false;
}

static void fill(struct verbs_context *v)
{
	v->sz = sizeof(*v);
	v->query_port = query_port;
	v->query_device_ex = query_device_ex;
	v->create_qp_ex = ct_fake_create_qp_ex;
	v->get_srq_num = ct_fake_get_srq_num;
	v->context.ops.post_send = fakeib_post_send;
	v->context.ops.post_recv = fakeib_post_recv;
	v->context.ops.post_srq_recv = fakeib_post_srq_recv;
	v->context.ops.poll_cq = fakeib_poll_cq;
	v->context.ops.req_notify_cq = fakeib_req_notify_cq;
	v->context.num_comp_vectors = 1;
	v->context.cmd_fd = -1;
	v->context.abi_compat = __VERBS_ABI_IS_EXTENDED;
	pthread_mutex_init(&v->context.mutex, NULL);
}

struct ibv_context *ibv_open_device(struct ibv_device *device)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_open *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->handle = *(struct fake_handle *)device;
	if (!join(f, o)) {
		free(o);
		errno = EMFILE;
		return NULL;
	}
	fill(&o->verbs);
	o->verbs.context.device = &o->handle.device;
	o->verbs.context.async_fd = ct_fake_fifo_make(f->contexts[o->index].number);
	if (o->verbs.context.async_fd < 0) {
		f->contexts[o->index].live = 0;
		free(o);
		return NULL;
	}
	return &o->verbs.context;
}

int ibv_close_device(struct ibv_context *context)
{
	struct fake_fabric *f = ct_fake_fabric();
	struct fake_open *o = ct_fake_of(context);

	ct_fake_lock(f);
	ct_fake_free_context(f, o->index);
	ct_fake_unlock(f);
	close(context->async_fd);
	free(o);
	return 0;
}

int ibv_fork_init(void)
{
	return 0;
}

struct ibv_context *ibv_import_device(int fd)
{
	(void)fd;
	errno = EOPNOTSUPP;
	return NULL;
}

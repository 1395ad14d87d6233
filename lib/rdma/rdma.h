/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Door of rdma: what everything over libibverbs shares: which device, port and GID, and what a
 * failed completion means. Part of the module verbs, never of the library; only files of that
 * module may include it.
 */
#ifndef CT_RDMA_H
#define CT_RDMA_H

#include <infiniband/verbs.h>
#include <net/if.h>
#include <stdbool.h>

#include "base/base.h"

/* What narrows the choice; all zero = by what the ports are. */
struct ct_rdma_choice {
	const char *dev; /* device name; NULL = any. Of ct_rdma_rails() a list "DEV,DEV:PORT" */
	int64_t port;    /* 0 = any */
	const char *gid; /* index or address; NULL = a routable RoCE v2 one, on InfiniBand none */
};

/* The chosen device, open. */
struct ct_rdma_device {
	struct ibv_context *context;
	struct ibv_device_attr attr;
	struct ibv_port_attr port_attr;
	char name[64], netdev[IF_NAMESIZE];
	uint8_t port, family; /* family of the GID: 4, 6, or 0 when addressed by LID */
	int gid_index;        /* -1: addressed by LID alone */
	union ibv_gid gid;
	char why[120];        /* how it was chosen, for people */
};

/* Chooses among all devices, ports and GIDs by what they are; CHOICE narrows. Several that fit are
 * dealt out by NUMBER (the rank's on its host). CT_IO names what was found and needed; CT_NOMEM.
 * DEV->context is closed by the caller, with ibv_close_device(). */
ct_status ct_rdma_open(const struct ct_rdma_choice *choice, uint32_t number,
	struct ct_rdma_device *dev);

/* As ct_rdma_open(), for each device that CHOICE->dev lists (one, if it lists none): up to ROOM
 * devices into DEVS, their number into *N. Besides: CT_INVALID for a list that is none. */
ct_status ct_rdma_rails(const struct ct_rdma_choice *choice, uint32_t number, uint32_t room,
	struct ct_rdma_device *devs, uint32_t *n);

/* Gets every device's ports and GIDs, a line of text each: state, and whether it fits CHOICE (not a
 * list) or why not. A port comes first, what is said of it is
 * indented below. As ct_rdma_open() if none fits. */
typedef void ct_rdma_line(void *arg, const char *text);
ct_status ct_rdma_table(const struct ct_rdma_choice *choice, ct_rdma_line *line, void *arg);

/* The path MTU to use on DEV when WANTED bytes are asked for (0 = all that the port has): the
 * smaller of both. CT_INVALID: WANTED is none of 256, 512, 1024, 2048, 4096. */
ct_status ct_rdma_mtu(const struct ct_rdma_device *dev, int64_t wanted, enum ibv_mtu *mtu);

static inline uint32_t ct_rdma_mtu_bytes(enum ibv_mtu mtu)
{
	return 128u << mtu;
}

/* "::ffff:10.0.0.1"; OUT holds 48 bytes. */
void ct_rdma_gid_text(const union ibv_gid *gid, char out[48]);

/* Raw bytes per second of the port (IBTA speed and width codes); 0 = unknown, and for software
 * devices, which name a rate that they lack. */
double ct_rdma_link_Bps(const struct ct_rdma_device *dev);

/* "SIMULATED device, " or "": what is measured on a stand-in must not pass for a device's figures.
 */
const char *ct_rdma_nature(const struct ct_rdma_device *dev);

/* The flow label (20 bits, not 0) of packets from rank FROM to rank TO over queue pair LANE of theirs, the same
 * for the same four; 0, the driver's own choice, if SEED is 0. Drivers turn a label into RoCE's source port
 * by the kernel's rdma_flow_label_to_udp_sport(); soft RoCE takes no notice. Pure. */
uint32_t ct_rdma_flow_label(uint64_t seed, uint32_t from, uint32_t to, uint32_t lane);

/* The likely cause of completion status STATUS in words, and in *AS (may be NULL) whether the peer
 * or this device is to blame: CT_PEER, CT_IO. Constant text. */
const char *ct_rdma_cause(enum ibv_wc_status status, ct_status *as);

/* Registers BYTES at AT on DEV: memory of the host (FD -1, *FD_WHY NULL), or another device's as a
 * dma-buf, OFFSET in FD; FD -1 and FD_WHY: it has none for that reason, so that a driver for peer
 * memory is the only hope. CT_IO, CT_NOMEM as ct_rdma_reg_failed(), CT_UNSUPPORTED. */
struct ct_rdma_memory {
	void *at;
	uint64_t bytes, offset;
	int fd;
	const char *fd_why;
};
ct_status ct_rdma_reg(const struct ct_rdma_device *dev, struct ibv_pd *pd,
	const struct ct_rdma_memory *memory, int access, struct ibv_mr **mr);

/* Why registering BYTES on DEV failed with ERROR (errno): CT_IO names the limit of locked memory,
 * CT_NOMEM. */
ct_status ct_rdma_reg_failed(const struct ct_rdma_device *dev, uint64_t bytes, int error);

#endif

/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside tcp: what its files share. tcp.c moves messages, tcp_link.c connects and authenticates,
 * tcp_iface.c chooses the address. */
#ifndef CT_NET_TCP_H
#define CT_NET_TCP_H

#include <net/if.h>
#include <sys/socket.h>

#include "queue.h"

enum {
	CT_TCP_TOKEN = 32,          /* secret of the job, bytes */
	CT_TCP_CONNECTIONS = 16,    /* most per peer */
	CT_TCP_CHUNK = 256 << 10,   /* a large message changes the connection after so many bytes */
	CT_TCP_FRAME = 16           /* header of a message */
};

struct ct_tcp_peer {
	struct sockaddr_storage to;
	int fd[CT_TCP_CONNECTIONS]; /* -1 = not connected */
	struct ct_fifo sends, recvs;
	uint32_t send_number, recv_number; /* messages so far: picks the first connection */
	unsigned char head[CT_TCP_FRAME];  /* of the message that arrives */
	unsigned char rest[16];            /* bytes that wait for the next piece to a sink */
	uint32_t nrest;
	bool active;
	ct_status broken;
	char why[160];
};

struct ct_tcp_linker;

struct ct_tcp {
	const struct ct_world *world;
	struct ct_deadline connect_by;
	uint32_t connections;
	int buffer;              /* SO_SNDBUF and SO_RCVBUF, 0 = leave */
	int listener;            /* -1 once everybody is connected */
	struct sockaddr_storage me;
	char device[IF_NAMESIZE];
	unsigned char token[CT_TCP_TOKEN];
	struct ct_tcp_peer *peers;
	uint32_t *active;
	uint32_t nactive;
	unsigned char *bounce;
	struct ct_loop loop;
	struct ct_tcp_linker *linker; /* until everybody is connected */
};

/* Bytes of an IPv4 or IPv6 address. */
socklen_t ct_tcp_length(const struct sockaddr_storage *a);

/* The address to listen on, port 0, and its interface, for WANTED (a name, an address, or NULL) and
 * LOCAL (all ranks share one host). CT_INVALID (no such interface, the nearest is named; not an
 * address of this host), CT_UNSUPPORTED (no address at all), CT_IO. */
ct_status ct_tcp_choose(const char *wanted, bool local, struct sockaddr_storage *address,
	char device[IF_NAMESIZE]);

/* MTU in bytes and raw rate in bytes per second of DEVICE; 0 where the kernel does not tell. */
void ct_tcp_device(const char *device, uint32_t *mtu, double *Bps);

/* Opens the listener on t->me, whose port is then known. CT_IO. */
ct_status ct_tcp_listen(struct ct_tcp *t);

/* What connecting needs, so that a rank without memory fails before the others wait for it; freed
 * also where making it failed half way. CT_NOMEM. */
ct_status ct_tcp_linker_make(struct ct_tcp *t);
void ct_tcp_linker_free(struct ct_tcp *t);

/* Connects to all lower ranks and lets all higher ones in; the listener is closed at the end.
 * Nothing blocks but one poll(2) over all sockets, so no order of ranks can deadlock. CT_TIMEOUT
 * (names a missing rank), CT_PEER, CT_IO. */
ct_status ct_tcp_link(struct ct_tcp *t);

#endif

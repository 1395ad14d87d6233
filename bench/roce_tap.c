/* SPDX-License-Identifier: BSD-3-Clause */
/* Packet sockets (packet(7)) that see what leaves; no packet is kept. */
#include "roce_tap.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADERS = 96, UDP = 17, IPV4_LEAST = 20, IPV6_BYTES = 40, UDP_BYTES = 8, AT_ONCE = 512, LOOK_MS = 20,
	ROOM = 4 << 20 };

struct ct_tap {
	int fd;
	pthread_t thread;
	atomic_bool over;
	pthread_mutex_t lock; /* held while packets are taken in */
	uint64_t packets[CT_DSCPS];
};

static bool to_roce(const unsigned char *udp)
{
	return ((unsigned int)udp[2] << 8 | udp[3]) == CT_ROCE_UDP_PORT;
}

int ct_tap_dscp(const unsigned char *p, size_t bytes)
{
	size_t head;

	if (bytes >= IPV4_LEAST && p[0] >> 4 == 4) {
		head = (size_t)(p[0] & 15) * 4;
		if (head < IPV4_LEAST || bytes < head + UDP_BYTES || p[9] != UDP || (p[6] & 0x1f) != 0 || p[7] != 0 ||
			!to_roce(p + head))
			return -1;
		return p[1] >> 2;
	}
	if (bytes >= IPV6_BYTES + UDP_BYTES && p[0] >> 4 == 6 && p[6] == UDP && to_roce(p + IPV6_BYTES))
		return (p[0] & 15) << 2 | p[1] >> 6;
	return -1;
}

/* All that waits, at most AT_ONCE packets. */
static void take(struct ct_tap *tap)
{
	unsigned char packet[HEADERS];

	pthread_mutex_lock(&tap->lock);
	for (int i = 0; i < AT_ONCE; i++) {
		ssize_t n = recv(tap->fd, packet, sizeof(packet), MSG_DONTWAIT);
		int dscp;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		dscp = ct_tap_dscp(packet, (size_t)n);
		if (dscp >= 0)
			tap->packets[dscp]++;
	}
	pthread_mutex_unlock(&tap->lock);
}

static void *look(void *arg)
{
	struct ct_tap *tap = arg;
	struct pollfd fd = { .fd = tap->fd, .events = POLLIN };

	while (!atomic_load(&tap->over)) {
		if (poll(&fd, 1, LOOK_MS) > 0)
			take(tap);
	}
	return NULL;
}

/* Only what leaves, and of it the headers: the kernel leaves the rest out. */
static bool only_leaving(int fd)
{
	struct sock_filter code[] = {
		{ BPF_LD | BPF_B | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE) },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 1, PACKET_OUTGOING },
		{ BPF_RET | BPF_K, 0, 0, HEADERS },
		{ BPF_RET | BPF_K, 0, 0, 0 },
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

static ct_status attach(struct ct_tap *tap, const char *netdev)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(netdev) };
	int room = ROOM;

	if (where.sll_ifindex == 0)
		return ct_fail(CT_NOTFOUND, "%s: no such network interface", netdev);
	/* without a protocol nothing comes before the filter and the interface are set */
	tap->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tap->fd < 0)
		return ct_fail(CT_UNSUPPORTED, "%s: packets that leave: %s", netdev, errno == EPERM || errno == EACCES ?
			"only root (CAP_NET_RAW) may look at them" : strerror(errno));
	(void)setsockopt(tap->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (!only_leaving(tap->fd) || bind(tap->fd, (struct sockaddr *)&where, sizeof(where)) != 0) {
		ct_status status = ct_fail(CT_UNSUPPORTED, "%s: packets that leave: %s", netdev, strerror(errno));

		close(tap->fd);
		return status;
	}
	return CT_OK;
}

ct_status ct_tap_open(const char *netdev, struct ct_tap **tap)
{
	struct ct_tap *t = ct_alloc(1, sizeof(*t));
	ct_status status;

	if (t == NULL)
		return CT_NOMEM;
	status = attach(t, netdev);
	if (status != CT_OK)
		goto free_tap;
	pthread_mutex_init(&t->lock, NULL);
	atomic_init(&t->over, false);
	if (pthread_create(&t->thread, NULL, look, t) != 0) {
		status = ct_fail(CT_NOMEM, "%s: no thread to look at packets", netdev);
		goto close_socket;
	}
	*tap = t;
	return CT_OK;
close_socket:
	pthread_mutex_destroy(&t->lock);
	close(t->fd);
free_tap:
	ct_free(t);
	return status;
}

void ct_tap_close(struct ct_tap *tap)
{
	if (tap == NULL)
		return;
	atomic_store(&tap->over, true);
	pthread_join(tap->thread, NULL);
	pthread_mutex_destroy(&tap->lock);
	close(tap->fd);
	ct_free(tap);
}

void ct_tap_read(struct ct_tap *tap, uint64_t packets[CT_DSCPS])
{
	take(tap);
	pthread_mutex_lock(&tap->lock);
	memcpy(packets, tap->packets, sizeof(tap->packets));
	pthread_mutex_unlock(&tap->lock);
}

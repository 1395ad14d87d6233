/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel's queues marked (include/uapi/linux/pkt_sched.h, gen_stats.h) through libmnl. */
#include <libmnl/libmnl.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "dcb.h"

enum { ANSWER = 32768, DEADLINE_S = 1, PARTS = 4096 };

/* Where each kind has its count of marked packets, twice where there are two reasons to mark. */
static const struct {
	const char *kind;
	size_t bytes, first, second; /* second 0: none */
} kinds[] = {
	{ "red", sizeof(struct tc_red_xstats), offsetof(struct tc_red_xstats, marked), 0 },
	{ "choke", sizeof(struct tc_choke_xstats), offsetof(struct tc_choke_xstats, marked), 0 },
	{ "codel", sizeof(struct tc_codel_xstats), offsetof(struct tc_codel_xstats, ecn_mark),
		offsetof(struct tc_codel_xstats, ce_mark) },
	{ "fq_codel", sizeof(struct tc_fq_codel_xstats),
		offsetof(struct tc_fq_codel_xstats, qdisc_stats.ecn_mark),
		offsetof(struct tc_fq_codel_xstats, qdisc_stats.ce_mark) },
};

/* One queue, while its attributes are read. */
struct queue {
	const char *kind;
	uint32_t drops;
	unsigned char own[256];
	size_t bytes; /* of own */
};

struct asked {
	int index; /* of the interface */
	struct ct_queue_counts *counts;
	bool any;
};

static int take_statistics(const struct nlattr *a, void *arg)
{
	struct queue *q = arg;
	struct gnet_stats_queue common;
	size_t n = mnl_attr_get_payload_len(a);

	if (mnl_attr_get_type(a) == TCA_STATS_QUEUE && n >= sizeof(common)) {
		memcpy(&common, mnl_attr_get_payload(a), sizeof(common));
		q->drops = common.drops;
	} else if (mnl_attr_get_type(a) == TCA_STATS_APP) {
		q->bytes = n < sizeof(q->own) ? n : sizeof(q->own);
		memcpy(q->own, mnl_attr_get_payload(a), q->bytes);
	}
	return MNL_CB_OK;
}

static int take_attribute(const struct nlattr *a, void *arg)
{
	struct queue *q = arg;

	if (mnl_attr_get_type(a) == TCA_KIND && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) == 0)
		q->kind = mnl_attr_get_str(a);
	else if (mnl_attr_get_type(a) == TCA_STATS2)
		return mnl_attr_parse_nested(a, take_statistics, q);
	return MNL_CB_OK;
}

static uint32_t word_at(const struct queue *q, size_t at)
{
	uint32_t value;

	memcpy(&value, q->own + at, sizeof(value));
	return value;
}

static void add(struct asked *asked, const struct queue *q)
{
	struct ct_queue_counts *c = asked->counts;
	size_t used = strlen(c->kinds);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (q->kind == NULL || strcmp(q->kind, kinds[i].kind) != 0 || q->bytes < kinds[i].bytes)
			continue;
		asked->any = true;
		c->marked += word_at(q, kinds[i].first);
		c->marked += kinds[i].second != 0 ? word_at(q, kinds[i].second) : 0;
		c->dropped += q->drops;
		if (strstr(c->kinds, q->kind) == NULL)
			snprintf(c->kinds + used, sizeof(c->kinds) - used, "%s%s", used > 0 ? ", " : "",
				q->kind);
	}
}

static int take_queue(const struct nlmsghdr *head, void *arg)
{
	struct asked *asked = arg;
	struct queue q = { .kind = NULL };
	struct tcmsg about;

	if (head->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(head) < sizeof(about))
		return MNL_CB_OK;
	memcpy(&about, mnl_nlmsg_get_payload(head), sizeof(about));
	if (about.tcm_ifindex == asked->index &&
		mnl_attr_parse(head, sizeof(about), take_attribute, &q) >= 0)
		add(asked, &q);
	return MNL_CB_OK;
}

/* Asks for all queues of the machine: the kernel's list cannot be had for one interface alone. */
static bool ask(struct mnl_socket *socket, unsigned char *bytes, struct asked *asked)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(bytes);
	unsigned int seq = (unsigned int)time(NULL), port;
	int more = MNL_CB_OK;

	head->nlmsg_type = RTM_GETQDISC;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	head->nlmsg_seq = seq;
	mnl_nlmsg_put_extra_header(head, sizeof(struct tcmsg));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
		mnl_socket_sendto(socket, head, head->nlmsg_len) < 0)
		return false;
	port = mnl_socket_get_portid(socket);
	for (int part = 0; more == MNL_CB_OK && part < PARTS; part++) {
		ssize_t n = mnl_socket_recvfrom(socket, bytes, ANSWER);

		if (n <= 0)
			return false;
		more = mnl_cb_run(bytes, (size_t)n, seq, port, take_queue, asked);
	}
	return more == MNL_CB_STOP;
}

bool ct_queue_read(const char *netdev, struct ct_queue_counts *counts)
{
	struct asked asked = { .index = (int)if_nametoindex(netdev), .counts = counts };
	struct mnl_socket *socket = asked.index != 0 ? mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) : NULL;
	struct timeval patience = { DEADLINE_S, 0 };
	unsigned char *bytes = socket != NULL ? ct_alloc(1, ANSWER) : NULL;
	bool good = false;

	*counts = (struct ct_queue_counts){ .marked = 0 };
	if (bytes != NULL && setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) == 0)
		good = ask(socket, bytes, &asked);
	ct_free(bytes);
	if (socket != NULL)
		mnl_socket_close(socket);
	return good && asked.any;
}

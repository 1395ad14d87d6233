/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's DCB (include/uapi/linux/dcbnl.h) through libmnl. */
#include "dcb.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/dcbnl.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

enum { WHY = 128, ANSWER = 16384, DEADLINE_S = 1, LINE_BYTES = 32 };

/* ---- reading an answer ------------------------------------------------------------------------ */

/* The payload of A, when it has at least BYTES. */
static const void *payload(const struct nlattr *a, size_t bytes)
{
	return mnl_attr_get_payload_len(a) >= bytes ? mnl_attr_get_payload(a) : NULL;
}

static void take_pfc(const struct nlattr *a, struct ct_dcb *d)
{
	struct ieee_pfc pfc;
	const void *p = payload(a, sizeof(pfc));

	if (p == NULL)
		return;
	memcpy(&pfc, p, sizeof(pfc));
	d->pfc_known = true;
	d->pfc_mask = pfc.pfc_en;
	d->delay = pfc.delay;
	for (int i = 0; i < CT_PRIORITIES; i++) {
		d->requests[i] = pfc.requests[i];
		d->indications[i] = pfc.indications[i];
	}
}

static void take_ets(const struct nlattr *a, struct ct_dcb *d)
{
	struct ieee_ets ets;
	const void *p = payload(a, sizeof(ets));

	if (p == NULL)
		return;
	memcpy(&ets, p, sizeof(ets));
	d->ets_known = true;
	d->willing = ets.willing != 0;
	memcpy(d->prio_tc, ets.prio_tc, sizeof(d->prio_tc));
	memcpy(d->tsa, ets.tc_tsa, sizeof(d->tsa));
	memcpy(d->bandwidth, ets.tc_tx_bw, sizeof(d->bandwidth));
}

static void take_buffer(const struct nlattr *a, struct ct_dcb *d)
{
	struct dcbnl_buffer buffer;
	const void *p = payload(a, sizeof(buffer));

	if (p == NULL)
		return;
	memcpy(&buffer, p, sizeof(buffer));
	d->buffer_known = true;
	memcpy(d->prio_buffer, buffer.prio2buffer, sizeof(d->prio_buffer));
	memcpy(d->buffer, buffer.buffer_size, sizeof(d->buffer));
	d->buffers = buffer.total_size;
}

static int take_app(const struct nlattr *a, void *arg)
{
	struct ct_dcb *d = arg;
	struct dcb_app app;
	const void *p = payload(a, sizeof(app));

	if (mnl_attr_get_type(a) != DCB_ATTR_IEEE_APP || p == NULL || d->napps == CT_DCB_APPS)
		return MNL_CB_OK;
	memcpy(&app, p, sizeof(app));
	d->apps[d->napps++] = (struct ct_dcb_app){ app.selector, app.priority, app.protocol };
	return MNL_CB_OK;
}

static int take_ieee(const struct nlattr *a, void *arg)
{
	struct ct_dcb *d = arg;
	struct ct_dcb peer = { 0 };

	switch (mnl_attr_get_type(a)) {
	case DCB_ATTR_IEEE_PFC:
		take_pfc(a, d);
		break;
	case DCB_ATTR_IEEE_ETS:
		take_ets(a, d);
		break;
	case DCB_ATTR_DCB_BUFFER:
		take_buffer(a, d);
		break;
	case DCB_ATTR_IEEE_PEER_PFC:
		take_pfc(a, &peer);
		d->peer_pfc_known = peer.pfc_known;
		d->peer_pfc_mask = peer.pfc_mask;
		break;
	case DCB_ATTR_IEEE_PEER_ETS:
		take_ets(a, &peer);
		d->peer_ets_known = peer.ets_known;
		memcpy(d->peer_prio_tc, peer.prio_tc, sizeof(d->peer_prio_tc));
		memcpy(d->peer_tsa, peer.tsa, sizeof(d->peer_tsa));
		memcpy(d->peer_bandwidth, peer.bandwidth, sizeof(d->peer_bandwidth));
		break;
	case DCB_ATTR_IEEE_PEER_APP:
		(void)mnl_attr_parse_nested(a, take_app, &peer);
		d->npeer_apps = peer.napps;
		memcpy(d->peer_apps, peer.apps, sizeof(d->peer_apps));
		break;
	case DCB_ATTR_IEEE_APP_TABLE:
		return mnl_attr_parse_nested(a, take_app, d);
	default:
		break;
	}
	return MNL_CB_OK;
}

static int take_top(const struct nlattr *a, void *arg)
{
	struct ct_dcb *d = arg;
	const uint8_t *flags;

	if (mnl_attr_get_type(a) == DCB_ATTR_IEEE)
		return mnl_attr_parse_nested(a, take_ieee, d);
	if (mnl_attr_get_type(a) == DCB_ATTR_DCBX && (flags = payload(a, 1)) != NULL) {
		d->dcbx_known = true;
		d->dcbx = *flags;
	}
	return MNL_CB_OK;
}

static int error_of(const struct nlmsghdr *head)
{
	struct nlmsgerr error = { .error = 0 };

	if (mnl_nlmsg_get_payload_len(head) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(head), sizeof(error));
	return error.error;
}

static bool take_answer(const void *bytes, size_t n, struct ct_dcb *dcb, char *why)
{
	const struct nlmsghdr *head = bytes;

	*dcb = (struct ct_dcb){ 0 };
	if (!mnl_nlmsg_ok(head, (int)n) || head->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct dcbmsg)) {
		snprintf(why, WHY, "no answer of DCB: %zu bytes", n);
		return false;
	}
	if (head->nlmsg_type == NLMSG_ERROR) {
		snprintf(why, WHY, "%s", error_of(head) == -ENODEV ? "no such network interface" :
			"the driver has no DCB");
		return false;
	}
	(void)mnl_attr_parse(head, sizeof(struct dcbmsg), take_top, dcb);
	if (!dcb->pfc_known && !dcb->ets_known && dcb->napps == 0) {
		snprintf(why, WHY, "the driver tells neither PFC nor ETS nor a map");
		return false;
	}
	return true;
}

/* ---- asking ----------------------------------------------------------------------------------- */

/* The kernel's answer in BYTES (ANSWER of them). Its length, or -errno. */
static int ask(const char *netdev, void *bytes)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct timeval patience = { DEADLINE_S, 0 };
	struct nlmsghdr *head = mnl_nlmsg_put_header(bytes);
	struct dcbmsg *message;
	ssize_t n = -1;

	if (socket == NULL)
		return -errno;
	head->nlmsg_type = RTM_GETDCB;
	head->nlmsg_flags = NLM_F_REQUEST;
	head->nlmsg_seq = (uint32_t)time(NULL);
	message = mnl_nlmsg_put_extra_header(head, sizeof(*message));
	message->dcb_family = AF_UNSPEC;
	message->cmd = DCB_CMD_IEEE_GET;
	mnl_attr_put_strz(head, DCB_ATTR_IFNAME, netdev);
	if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) == 0 && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0 &&
		mnl_socket_sendto(socket, head, head->nlmsg_len) >= 0)
		n = mnl_socket_recvfrom(socket, bytes, ANSWER);
	if (n < 0)
		n = -errno;
	mnl_socket_close(socket);
	return (int)n;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of hexadecimal TEXT, line breaks left out; their number, or -1. */
static int from_text(const char *text, unsigned char *bytes)
{
	int n = 0;

	while (*text != '\0' && n < ANSWER) {
		if (*text == '\n' || *text == ' ') {
			text++;
			continue;
		}
		if (digit(text[0]) < 0 || digit(text[1]) < 0)
			return -1;
		bytes[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
		text += 2;
	}
	return n;
}

bool ct_dcb_read(const char *netdev, const char *recorded, struct ct_dcb *dcb, char *why)
{
	unsigned char *bytes = ct_alloc(1, ANSWER);
	bool good = false;
	int n;

	if (bytes == NULL) {
		snprintf(why, WHY, "no memory");
		return false;
	}
	n = recorded != NULL ? from_text(recorded, bytes) : ask(netdev, bytes);
	if (n < 0)
		snprintf(why, WHY, "%s", recorded != NULL ? "the recorded answer is not hexadecimal" :
			strerror(-n));
	else
		good = take_answer(bytes, (size_t)n, dcb, why);
	ct_free(bytes);
	return good;
}

ct_status ct_dcb_record(const char *netdev, struct ct_buf *out)
{
	unsigned char *bytes = ct_alloc(1, ANSWER);
	struct ct_dcb dcb;
	char why[WHY];
	ct_status status = CT_OK;
	int n;

	if (bytes == NULL)
		return CT_NOMEM;
	n = ask(netdev, bytes);
	if (n < 0)
		status = ct_fail(CT_IO, "%s: %s", netdev, strerror(-n));
	else if (!take_answer(bytes, (size_t)n, &dcb, why))
		status = ct_fail(CT_UNSUPPORTED, "%s: %s", netdev, why);
	for (int i = 0; status == CT_OK && i < n; i++)
		ct_buf_add(out, "%02x%s", bytes[i], i % LINE_BYTES == LINE_BYTES - 1 || i == n - 1 ? "\n" : "");
	ct_free(bytes);
	return status != CT_OK ? status : ct_buf_status(out);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* fakeib-ctl: makes things happen on the simulated fabric of FAKEIB_DIR; see docs/fakeib.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

static const char usage[] =
	"usage: fakeib-ctl list\n"
	"       fakeib-ctl port DEVICE[:PORT] down|init|armed|active [after N]\n"
	"       fakeib-ctl lid DEVICE[:PORT] LID [after N]\n"
	"       fakeib-ctl qp-fatal DEVICE [QPN] [after N]\n"
	"       fakeib-ctl device-fatal DEVICE [after N]\n"
	"       fakeib-ctl event DEVICE[:PORT] NUMBER [after N]\n"
	"       fakeib-ctl fail DEVICE|any send|recv N STATUS [SYNDROME [PID]]\n"
	"       fakeib-ctl heal\n"
	"N counts the sends that the device is given from now on; the simulated fabric is that of "
	"FAKEIB_DIR\n";

static int complain(const char *what, const char *which)
{
	fprintf(stderr, "fakeib-ctl: %s: %s\n", which, what);
	return 2;
}

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	char *end;

	*out = strtoull(text, &end, 0);
	return end != text && *end == '\0' && *out <= most;
}

/* "fakeib1:2"; the port is 1 if none is named. */
static bool device(const struct fake_fabric *f, const char *text, struct fake_happening *h)
{
	const char *colon = strchr(text, ':');
	size_t n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	uint64_t port = 1;

	for (uint32_t i = 0; i < f->ndevices; i++) {
		if (strlen(f->devices[i].name) != n || strncmp(f->devices[i].name, text, n) != 0)
			continue;
		if (colon != NULL && !number(colon + 1, f->devices[i].nports, &port))
			return false;
		h->device = i;
		h->port = (uint32_t)port;
		return port > 0;
	}
	return false;
}

static bool arm(struct fake_fabric *f, const struct fake_fault *fault)
{
	for (uint32_t i = 0; i < FAKE_FAULTS; i++) {
		if (f->faults[i].live)
			continue;
		f->faults[i] = *fault;
		f->faults[i].live = 1;
		f->nfaults++;
		return true;
	}
	return false;
}

static void list(struct fake_fabric *f)
{
	static const char *const states[] = { "?", "down", "init", "armed", "active" };

	for (uint32_t d = 0; d < f->ndevices; d++) {
		const struct fake_device *dev = &f->devices[d];

		for (uint32_t p = 0; p < dev->nports; p++) {
			const struct fake_port *port = &dev->ports[p];

			printf("%s:%u simulated %s lid %u mtu %u tx_messages %llu tx_bytes %llu rx_messages %llu "
				"rx_bytes %llu timeouts %llu tx_lists %llu rx_lists %llu\n", dev->name, p + 1,
				dev->dead ? "dead" : states[port->state < 5 ? port->state : 0], port->lid,
				ct_fake_mtu_bytes(port->mtu), (unsigned long long)port->tx_messages,
				(unsigned long long)port->tx_bytes, (unsigned long long)port->rx_messages,
				(unsigned long long)port->rx_bytes, (unsigned long long)port->timeouts,
				(unsigned long long)port->tx_lists, (unsigned long long)port->rx_lists);
		}
	}
	for (uint32_t i = 0; i < f->top_qp; i++)
		if (f->qps[i].live)
			printf("%s:%u QP %u state %u to QP %u process %d\n",
				f->devices[f->qps[i].device].name, f->qps[i].port, f->qps[i].qpn, f->qps[i].state,
				f->qps[i].dest_qpn, (int)f->contexts[f->qps[i].context].pid);
}

static int fail_work(struct fake_fabric *f, int argc, char **argv)
{
	struct fake_fault x = { .what = { .act = FAKE_STATUS, .device = FAKE_DEVICES } };
	uint64_t n, status, vendor = 0, pid = 0;

	if (argc < 6 || argc > 8)
		return complain("wrong number of words", "fail");
	if (strcmp(argv[2], "any") != 0 && !device(f, argv[2], &x.what))
		return complain("no such device", argv[2]);
	x.side = strcmp(argv[3], "recv") == 0 ? FAKE_RECV : FAKE_SEND;
	if (!number(argv[4], UINT64_MAX, &n) || n == 0 || !number(argv[5], IBV_WC_TM_RNDV_INCOMPLETE,
		&status) || (argc > 6 && !number(argv[6], UINT32_MAX, &vendor)) ||
		(argc > 7 && !number(argv[7], INT32_MAX, &pid)))
		return complain("is no number that fits", "fail");
	x.countdown = n;
	x.what.value = (uint32_t)status;
	x.vendor = (uint32_t)vendor;
	x.pid = (int32_t)pid;
	return arm(f, &x) ? 0 : complain("too many are armed", "fail");
}

static const struct verb {
	const char *name;
	enum fake_act act;
	uint64_t most; /* of its number; 0: it has none */
	bool optional;
} verbs[] = {
	{ "port", FAKE_STATE, IBV_PORT_ACTIVE, false },
	{ "lid", FAKE_LID, 0xbfff, false },
	{ "qp-fatal", FAKE_QP_FATAL, 0xffffff, true },
	{ "device-fatal", FAKE_DEVICE_FATAL, 0, true },
	{ "event", FAKE_EVENT, IBV_EVENT_WQ_FATAL, false },
};

static bool value(const struct verb *v, const char *text, uint32_t *out)
{
	uint64_t n;

	*out = v->act == FAKE_STATE ? ct_fake_state(text) : 0;
	if (*out != 0)
		return true;
	if (v->act == FAKE_STATE || !number(text, v->most, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static int happen(struct fake_fabric *f, const struct verb *v, int argc, char **argv)
{
	struct fake_fault x = { .side = FAKE_SEND };
	int at = 3;
	uint64_t n;

	x.what.act = v->act;
	if (argc < 3 || !device(f, argv[2], &x.what))
		return complain("no such device or port", argc < 3 ? v->name : argv[2]);
	if (v->most > 0 && at < argc && value(v, argv[at], &x.what.value))
		at++;
	else if (!v->optional)
		return complain("is not what it could become", at < argc ? argv[at] : v->name);
	if (at == argc) {
		ct_fake_happen(f, &x.what);
		return 0;
	}
	if (argc != at + 2 || strcmp(argv[at], "after") != 0 || !number(argv[at + 1], UINT64_MAX, &n) ||
		n == 0)
		return complain("is not \"after N\"", argv[at]);
	x.countdown = n;
	return arm(f, &x) ? 0 : complain("too many are armed", v->name);
}

static int command(struct fake_fabric *f, int argc, char **argv)
{
	if (strcmp(argv[1], "list") == 0) {
		ct_fake_sweep(f);
		list(f);
		return 0;
	}
	if (strcmp(argv[1], "heal") == 0) {
		memset(f->faults, 0, sizeof(f->faults));
		f->nfaults = 0;
		return 0;
	}
	if (strcmp(argv[1], "fail") == 0)
		return fail_work(f, argc, argv);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return happen(f, &verbs[i], argc, argv);
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct fake_fabric *f;
	int rc;

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	f = ct_fake_fabric();
	if (f == NULL)
		return 3;
	ct_fake_lock(f);
	rc = command(f, argc, argv);
	ct_fake_unlock(f);
	return rc;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* What all hops must agree upon, and where a configuration departs from it. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "roce_plan.h"

static const char *const names[CT_ROCE_TERMS] = {
	[CT_ROCE_PFC_MASK] = "pfc", [CT_ROCE_ECN_MASK] = "ecn", [CT_ROCE_STRICT_MASK] = "strict",
	[CT_ROCE_KMIN] = "kmin", [CT_ROCE_KMAX] = "kmax", [CT_ROCE_PMAX] = "pmax",
	[CT_ROCE_XON] = "xon", [CT_ROCE_XOFF] = "xoff", [CT_ROCE_MTU] = "mtu", [CT_ROCE_CABLE] = "cable",
	[CT_ROCE_DETECT] = "watchdog-detect", [CT_ROCE_RESTORE] = "watchdog-restore",
	[CT_ROCE_POLL] = "watchdog-poll", [CT_ROCE_DYNAMIC_TH] = "dynamic-th",
};

const char *ct_roce_term_name(enum ct_roce_term term)
{
	return names[term];
}

void ct_roce_contract_clear(struct ct_roce_contract *c)
{
	memset(c->tc_of_dscp, -1, sizeof(c->tc_of_dscp));
	memset(c->queue_of_tc, -1, sizeof(c->queue_of_tc));
	memset(c->group_of_tc, -1, sizeof(c->group_of_tc));
	for (int i = 0; i < CT_ROCE_TERMS; i++)
		c->term[i] = CT_ROCE_UNSTATED;
}

void ct_roce_contract_make(const struct ct_roce_advice *a, struct ct_roce_contract *c)
{
	memset(c->tc_of_dscp, 0, sizeof(c->tc_of_dscp));
	c->tc_of_dscp[CT_ROCE_DATA_DSCP] = CT_ROCE_DATA_TC;
	c->tc_of_dscp[CT_ROCE_CNP_DSCP] = CT_ROCE_CNP_TC;
	for (int i = 0; i < CT_ROCE_PRIORITIES; i++) {
		c->queue_of_tc[i] = (int8_t)i;
		c->group_of_tc[i] = i == CT_ROCE_DATA_TC ? CT_ROCE_DATA_TC : 0;
	}
	c->term[CT_ROCE_PFC_MASK] = 1 << CT_ROCE_DATA_TC;
	c->term[CT_ROCE_ECN_MASK] = 1 << CT_ROCE_DATA_TC;
	c->term[CT_ROCE_STRICT_MASK] = 1 << CT_ROCE_CNP_TC;
	c->term[CT_ROCE_KMIN] = (int64_t)a->kmin;
	c->term[CT_ROCE_KMAX] = (int64_t)a->kmax;
	c->term[CT_ROCE_PMAX] = (int64_t)a->pmax;
	c->term[CT_ROCE_XON] = (int64_t)a->xon;
	c->term[CT_ROCE_XOFF] = (int64_t)a->headroom;
	c->term[CT_ROCE_MTU] = (int64_t)a->in.link.port_mtu;
	c->term[CT_ROCE_CABLE] = (int64_t)ceil(a->in.link.metres);
	c->term[CT_ROCE_DETECT] = (int64_t)a->detect_ms;
	c->term[CT_ROCE_RESTORE] = (int64_t)a->restore_ms;
	c->term[CT_ROCE_POLL] = (int64_t)a->poll_ms;
	c->term[CT_ROCE_DYNAMIC_TH] = (int64_t)floor(log2(a->in.alpha));
}

static void add(struct ct_roce_differences *out, bool breaks, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void add(struct ct_roce_differences *out, bool breaks, const char *what, const char *format, ...)
{
	struct ct_roce_difference *d = &out->rows[out->n];
	va_list args;

	if (out->n == CT_ROCE_DIFFERENCES)
		return;
	d->breaks = breaks;
	d->what = what;
	va_start(args, format);
	vsnprintf(d->seen, sizeof(d->seen), format, args);
	va_end(args);
	out->n++;
}

/* Whether a TC has PFC there. */
static const char *loss(const struct ct_roce_contract *got, int tc)
{
	int64_t mask = got->term[CT_ROCE_PFC_MASK];

	return mask != CT_ROCE_UNSTATED && (mask >> tc & 1) != 0 ? "lossless" : "lossy";
}

static void compare_dscp(const struct ct_roce_contract *want, const struct ct_roce_contract *got, int dscp,
	struct ct_roce_differences *out)
{
	int is = got->tc_of_dscp[dscp], should = want->tc_of_dscp[dscp];

	if (is < 0)
		add(out, true, "dscp-to-tc", "DSCP %d (%s) has no traffic class, the contract has %d", dscp,
			should == CT_ROCE_DATA_TC ? "data" : "CNP", should);
	else if (is != should)
		add(out, true, "dscp-to-tc", "DSCP %d (%s) goes to TC %d, which is %s; the contract has TC %d",
			dscp, should == CT_ROCE_DATA_TC ? "data" : "CNP", is, loss(got, is), should);
}

/* Other traffic in one of our classes. */
static void compare_others(const struct ct_roce_contract *got, int tc, struct ct_roce_differences *out)
{
	int n = 0, first = -1;

	for (int i = 0; i < CT_ROCE_DSCPS; i++) {
		if (got->tc_of_dscp[i] != tc || i == CT_ROCE_DATA_DSCP || i == CT_ROCE_CNP_DSCP)
			continue;
		first = first < 0 ? i : first;
		n++;
	}
	if (n > 0)
		add(out, false, "dscp-to-tc", "%d further DSCP%s ride%s TC %d, the first is %d", n,
			n > 1 ? "s" : "", n > 1 ? "" : "s", tc, first);
}

static void compare_classes(const struct ct_roce_contract *want, const struct ct_roce_contract *got,
	struct ct_roce_differences *out)
{
	static const int ours[] = { CT_ROCE_DATA_TC, CT_ROCE_CNP_TC };

	for (size_t i = 0; i < 2; i++) {
		int tc = ours[i];

		if (got->queue_of_tc[tc] != want->queue_of_tc[tc])
			add(out, true, "tc-to-queue", "TC %d goes to queue %d (-1: not stated), the contract "
				"has %d", tc, got->queue_of_tc[tc], want->queue_of_tc[tc]);
	}
	for (int tc = 0; tc < CT_ROCE_PRIORITIES; tc++) {
		bool data = tc == CT_ROCE_DATA_TC;

		if (data ? got->group_of_tc[tc] != want->group_of_tc[tc] :
			got->group_of_tc[tc] == want->group_of_tc[CT_ROCE_DATA_TC])
			add(out, true, "tc-to-group", "TC %d goes to priority group %d (-1: not stated), the "
				"contract has %d", tc, got->group_of_tc[tc], want->group_of_tc[tc]);
	}
}

static void compare_mask(enum ct_roce_term term, int64_t want, int64_t got,
	struct ct_roce_differences *out)
{
	for (int i = 0; i < CT_ROCE_PRIORITIES; i++) {
		bool is = (got >> i & 1) != 0, should = (want >> i & 1) != 0;

		if (is != should)
			add(out, should, names[term], "%s %s %d, the contract has it %s", should ? "off on" :
				"on, too, on", term == CT_ROCE_PFC_MASK ? "priority" : "queue", i,
				should ? "on" : "off");
	}
}

static void compare_term(enum ct_roce_term term, int64_t want, int64_t got,
	struct ct_roce_differences *out)
{
	if (got == CT_ROCE_UNSTATED)
		add(out, true, names[term], "not stated, the contract has %lld", (long long)want);
	else if (term <= CT_ROCE_STRICT_MASK)
		compare_mask(term, want, got, out);
	else if (got != want)
		/* more headroom than needed costs buffer only */
		add(out, term != CT_ROCE_XOFF || got < want, names[term], "%lld, the contract has %lld",
			(long long)got, (long long)want);
}

void ct_roce_contract_compare(const struct ct_roce_contract *want, const struct ct_roce_contract *got,
	uint32_t says, struct ct_roce_differences *out)
{
	out->n = 0;
	compare_dscp(want, got, CT_ROCE_DATA_DSCP, out);
	compare_dscp(want, got, CT_ROCE_CNP_DSCP, out);
	compare_others(got, CT_ROCE_DATA_TC, out);
	compare_others(got, CT_ROCE_CNP_TC, out);
	compare_classes(want, got, out);
	for (int i = 0; i < CT_ROCE_TERMS; i++)
		if ((says >> i & 1) != 0)
			compare_term((enum ct_roce_term)i, want->term[i], got->term[i], out);
}

/* ASCII letters, whatever the locale. */
static bool name_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c != '\0' && strchr("_./:-", c) != NULL);
}

ct_status ct_roce_ports_parse(const char *text, struct ct_roce_ports *ports)
{
	size_t n = 0;

	for (;;) {
		size_t length = strcspn(text, ",");

		if (length == 0 || length >= CT_ROCE_PORT_NAME || n == CT_ROCE_PORTS)
			return ct_fail(CT_INVALID, "names of ports: 1 to %d letters each, at most %d of them, "
				"commas between", CT_ROCE_PORT_NAME - 1, CT_ROCE_PORTS);
		for (size_t i = 0; i < length; i++)
			if (!name_letter(text[i]))
				return ct_fail(CT_INVALID, "a port's name has letters, digits and _./:- only");
		memcpy(ports->name[n], text, length);
		ports->name[n++][length] = '\0';
		if (text[length] == '\0')
			break;
		text += length + 1;
	}
	ports->n = n;
	return CT_OK;
}

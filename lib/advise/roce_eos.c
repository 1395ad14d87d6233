/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The running configuration of Arista EOS read back, as far as it states the contract: the global maps, the
 * watchdog, and of a port its MTU, trust and the qos profile that it names. Words are those that the writer
 * uses, after a second-hand article; uc-tx-queue and tx-queue are the same here. Without a map line EOS
 * takes DSCP / 8, but 0-7 to traffic class 1 and 8-15 to 0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roce_plan.h"

enum { WORDS = 80, LINE = 1024, MTU_MOST = 9214 };

struct line {
	char text[LINE];
	char *at[WORDS];
	size_t n;
	bool inner; /* indented: it belongs to the block above */
};

static bool next_line(const char **text, const char *end, struct line *l)
{
	size_t length;
	char *save = NULL;

	l->n = 0;
	if (*text >= end)
		return false;
	length = strcspn(*text, "\n");
	l->inner = **text == ' ' || **text == '\t';
	if (length < sizeof(l->text)) {
		memcpy(l->text, *text, length);
		l->text[length] = '\0';
		for (char *word = strtok_r(l->text, " \t\r", &save); word != NULL && l->n < WORDS;
			word = strtok_r(NULL, " \t\r", &save))
			l->at[l->n++] = word;
	}
	*text += length + 1;
	if (l->n > 0 && l->at[0][0] == '!')
		l->n = 0;
	return true;
}

/* Whether the words begin with those of PATTERN, where * is any one. */
static bool begins(const struct line *l, const char *pattern)
{
	for (size_t n = 0; *pattern != '\0'; n++) {
		size_t length = strcspn(pattern, " ");

		if (n == l->n || (!(length == 1 && *pattern == '*') && (strlen(l->at[n]) != length ||
			strncmp(l->at[n], pattern, length) != 0)))
			return false;
		pattern += length + (pattern[length] == ' ');
	}
	return true;
}

static int64_t number(const char *text, int64_t most)
{
	int64_t v;

	return ct_int_parse(text, 0, most, &v) == CT_OK ? v : CT_ROCE_UNSTATED;
}

/* Seconds, as "0.2", in ms. */
static int64_t milliseconds(const char *text)
{
	char *end;
	double s = strtod(text, &end);

	return end != text && *end == '\0' && s >= 0 && s < 1e6 ? (int64_t)lround(s * 1e3) :
		CT_ROCE_UNSTATED;
}

static int64_t bytes(const char *value, const char *unit)
{
	int64_t v = number(value, INT32_MAX);

	if (v == CT_ROCE_UNSTATED)
		return v;
	if (strcmp(unit, "kbytes") == 0)
		return v * 1000;
	if (strcmp(unit, "mbytes") == 0)
		return v * 1000000;
	return strcmp(unit, "bytes") == 0 ? v : CT_ROCE_UNSTATED;
}

static void set_bit(int64_t *mask, const char *text, bool on)
{
	int64_t bit = number(text, CT_ROCE_PRIORITIES - 1);

	if (bit == CT_ROCE_UNSTATED)
		return;
	if (*mask == CT_ROCE_UNSTATED)
		*mask = 0;
	*mask = on ? *mask | (int64_t)1 << bit : *mask & ~((int64_t)1 << bit);
}

/* "qos map dscp 26 27 to traffic-class 3" */
static void read_map(const struct line *l, struct ct_roce_contract *c)
{
	int64_t tc, dscp;

	if (begins(l, "qos map traffic-class * to tx-queue *") ||
		begins(l, "qos map traffic-class * to uc-tx-queue *")) {
		tc = number(l->at[3], CT_ROCE_PRIORITIES - 1);
		dscp = number(l->at[6], CT_ROCE_PRIORITIES - 1);
		if (tc >= 0 && dscp >= 0)
			c->queue_of_tc[tc] = (int8_t)dscp;
		return;
	}
	if (!begins(l, "qos map dscp *") || l->n < 7 || strcmp(l->at[l->n - 2], "traffic-class") != 0)
		return;
	tc = number(l->at[l->n - 1], CT_ROCE_PRIORITIES - 1);
	for (size_t i = 3; i + 3 < l->n && tc >= 0; i++) {
		dscp = number(l->at[i], CT_ROCE_DSCPS - 1);
		if (dscp >= 0)
			c->tc_of_dscp[dscp] = (int8_t)tc;
	}
}

static void read_global(const struct line *l, struct ct_roce_contract *c)
{
	static const char watchdog[] = "priority-flow-control pause watchdog default";

	read_map(l, c);
	if (!begins(l, watchdog) || l->n < 6)
		return;
	if (strcmp(l->at[4], "timeout") == 0)
		c->term[CT_ROCE_DETECT] = milliseconds(l->at[5]);
	else if (strcmp(l->at[4], "recovery-time") == 0)
		c->term[CT_ROCE_RESTORE] = milliseconds(l->at[5]);
	else if (strcmp(l->at[4], "polling-interval") == 0)
		c->term[CT_ROCE_POLL] = milliseconds(l->at[5]);
}

/* A line of the port's qos profile; *QUEUE is the one that it is about, -1 = none. */
static void read_profile(const struct line *l, struct ct_roce_contract *c, int64_t *queue)
{
	char name[2] = { (char)('0' + (*queue >= 0 ? *queue : 0)), '\0' };

	if (begins(l, "uc-tx-queue *") || begins(l, "tx-queue *")) {
		*queue = number(l->at[1], CT_ROCE_PRIORITIES - 1);
	} else if (begins(l, "priority-flow-control priority * no-drop")) {
		set_bit(&c->term[CT_ROCE_PFC_MASK], l->at[2], true);
	} else if (begins(l, "priority-flow-control priority * drop")) {
		set_bit(&c->term[CT_ROCE_PFC_MASK], l->at[2], false);
	} else if (*queue >= 0 && begins(l, "priority strict")) {
		set_bit(&c->term[CT_ROCE_STRICT_MASK], name, true);
	} else if (*queue >= 0 && begins(l, "no priority")) {
		set_bit(&c->term[CT_ROCE_STRICT_MASK], name, false);
	} else if (*queue >= 0 && begins(l, "random-detect ecn minimum-threshold * * maximum-threshold * *")) {
		set_bit(&c->term[CT_ROCE_ECN_MASK], name, true);
		if (*queue != CT_ROCE_DATA_TC)
			return;
		c->term[CT_ROCE_KMIN] = bytes(l->at[3], l->at[4]);
		c->term[CT_ROCE_KMAX] = bytes(l->at[6], l->at[7]);
		if (l->n >= 10 && strcmp(l->at[8], "max-mark-probability") == 0)
			c->term[CT_ROCE_PMAX] = number(l->at[9], 100);
	}
}

/* Passes over TEXT: what is inside the blocks that begin with HEAD and NAME goes to EACH. */
struct pass {
	const char *head;  /* "interface", "qos profile" */
	size_t words;      /* of HEAD */
	const char *name;
};

static bool heads(const struct line *l, const struct pass *p)
{
	return begins(l, p->head) && l->n == p->words + 1 && strcmp(l->at[p->words], p->name) == 0;
}

/* What the port's own block says; PROFILE has LINE bytes. */
static bool read_port(const char *text, const char *end, const char *port, struct ct_roce_contract *c,
	char *profile)
{
	const struct pass p = { "interface", 1, port };
	struct line l;
	bool in = false, found = false;

	while (next_line(&text, end, &l)) {
		if (l.n == 0)
			continue;
		if (!l.inner)
			in = heads(&l, &p);
		found = found || in;
		if (in && l.inner && begins(&l, "mtu *"))
			c->term[CT_ROCE_MTU] = number(l.at[1], 65535);
		else if (in && l.inner && begins(&l, "service-profile *"))
			snprintf(profile, LINE, "%s", l.at[1]);
	}
	return found;
}

ct_status ct_roce_eos_read(const char *text, size_t length, const char *file, const char *port,
	struct ct_roce_contract *c)
{
	const char *end = text + length, *again = text;
	char profile[LINE] = "";
	struct pass p = { "qos profile", 2, profile };
	struct line l;
	bool in = false;
	int64_t queue = -1;

	ct_roce_contract_clear(c);
	for (int i = 0; i < CT_ROCE_DSCPS; i++)
		c->tc_of_dscp[i] = (int8_t)(i < 8 ? 1 : i < 16 ? 0 : i / 8);
	for (int i = 0; i < CT_ROCE_PRIORITIES; i++)
		c->queue_of_tc[i] = (int8_t)i;
	if (!read_port(text, end, port, c, profile))
		return ct_fail(CT_INVALID, "%s: no block \"interface %s\"", file, port);
	while (next_line(&again, end, &l)) {
		if (l.n == 0)
			continue;
		if (!l.inner) {
			in = profile[0] != '\0' && heads(&l, &p);
			queue = -1;
			read_global(&l, c);
		} else if (in) {
			read_profile(&l, c, &queue);
		}
	}
	/* A priority is its own group there. What a profile does not say counts as off. */
	for (int i = 0; i < CT_ROCE_PRIORITIES; i++)
		c->group_of_tc[i] = i == CT_ROCE_DATA_TC ? CT_ROCE_DATA_TC : 0;
	return CT_OK;
}

void ct_roce_eos_limit(struct ct_roce_contract *c)
{
	int64_t *t = c->term;

	t[CT_ROCE_KMIN] = (t[CT_ROCE_KMIN] + 500) / 1000 * 1000;
	t[CT_ROCE_KMAX] = (t[CT_ROCE_KMAX] + 500) / 1000 * 1000;
	t[CT_ROCE_MTU] = t[CT_ROCE_MTU] > MTU_MOST ? MTU_MOST : t[CT_ROCE_MTU];
	t[CT_ROCE_POLL] = t[CT_ROCE_POLL] < t[CT_ROCE_DETECT] / 2 ? t[CT_ROCE_POLL] : t[CT_ROCE_DETECT] / 2;
}

ct_status ct_roce_eos_ports(const char *text, size_t length, const char *file, struct ct_roce_ports *ports)
{
	const char *end = text + length;
	struct line l;

	ports->n = 0;
	while (next_line(&text, end, &l))
		if (!l.inner && l.n == 2 && strcmp(l.at[0], "interface") == 0 &&
			strncmp(l.at[1], "Ethernet", 8) == 0 && strlen(l.at[1]) < CT_ROCE_PORT_NAME &&
			ports->n < CT_ROCE_PORTS)
			snprintf(ports->name[ports->n++], CT_ROCE_PORT_NAME, "%s", l.at[1]);
	if (ports->n == 0)
		return ct_fail(CT_INVALID, "%s: has no block \"interface EthernetN\"", file);
	return CT_OK;
}

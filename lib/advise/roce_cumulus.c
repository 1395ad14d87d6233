/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVUE commands ("nv set …") of Cumulus Linux read back. What the RoCE mode brings by itself is after the
 * manual of 5.14: priorities by DSCP / 8, 3 to TC 3, 6 to TC 6 strict, all else TC 0; ECN on TC 0 and 3
 * from 150,000 to 1,500,000 bytes; PFC on 3; 100 m of cable. Later lines win, as they do there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "roce_plan.h"

enum { WORDS = 16, LINE = 256 };

struct words {
	char text[LINE];
	char *at[WORDS];
	size_t n;
};

/* The next line of TEXT as words without "nv set"; false at the end. Other lines have no words. */
static bool next_line(const char **text, const char *end, struct words *w)
{
	size_t length;
	char *save = NULL, *word;

	w->n = 0;
	if (*text >= end)
		return false;
	length = strcspn(*text, "\n");
	if (length < sizeof(w->text)) {
		memcpy(w->text, *text, length);
		w->text[length] = '\0';
		for (word = strtok_r(w->text, " \t\r", &save); word != NULL && w->n < WORDS;
			word = strtok_r(NULL, " \t\r", &save))
			w->at[w->n++] = word;
	}
	*text += length + 1;
	if (w->n < 3 || strcmp(w->at[0], "nv") != 0 || strcmp(w->at[1], "set") != 0) {
		w->n = 0;
		return true;
	}
	w->n -= 2;
	memmove(w->at, w->at + 2, w->n * sizeof(w->at[0]));
	return true;
}

/* Whether the words are those of PATTERN, where * is any one; as many as PATTERN has. */
static bool are(const struct words *w, const char *pattern)
{
	size_t n = 0;

	while (*pattern != '\0') {
		size_t length = strcspn(pattern, " ");

		if (n == w->n || (!(length == 1 && *pattern == '*') && (strlen(w->at[n]) != length ||
			strncmp(w->at[n], pattern, length) != 0)))
			return false;
		n++;
		pattern += length + (pattern[length] == ' ');
	}
	return n == w->n;
}

static int64_t value(const char *text)
{
	int64_t v;

	return ct_int_parse(text, 0, INT32_MAX, &v) == CT_OK ? v : CT_ROCE_UNSTATED;
}

/* "swp1-4" has "swp3"; "3-4" has "3". */
static bool range_has(const char *range, size_t length, const char *name)
{
	char copy[CT_ROCE_PORT_NAME];
	size_t stem = strcspn(name, "0123456789");
	unsigned int first, last, number;
	int end = 0, name_end = 0;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, range, length);
	copy[length] = '\0';
	if (strcmp(copy, name) == 0)
		return true;
	return strncmp(copy, name, stem) == 0 && sscanf(copy + stem, "%6u-%6u%n", &first, &last, &end) == 2 &&
		copy[stem + (size_t)end] == '\0' && sscanf(name + stem, "%6u%n", &number, &name_end) == 1 &&
		name[stem + (size_t)name_end] == '\0' && number >= first && number <= last;
}

static bool list_has(const char *list, const char *name)
{
	while (*list != '\0') {
		size_t length = strcspn(list, ",");

		if (range_has(list, length, name))
			return true;
		list += length + (list[length] == ',');
	}
	return false;
}

static void roce_mode(struct ct_roce_contract *c, bool lossless)
{
	for (int i = 0; i < CT_ROCE_DSCPS; i++)
		c->tc_of_dscp[i] = i / 8 == CT_ROCE_DATA_TC || i / 8 == CT_ROCE_CNP_TC ? (int8_t)(i / 8) : 0;
	for (int i = 0; i < CT_ROCE_PRIORITIES; i++) {
		c->queue_of_tc[i] = (int8_t)i;
		c->group_of_tc[i] = i == CT_ROCE_DATA_TC ? CT_ROCE_DATA_TC : 0;
	}
	c->term[CT_ROCE_PFC_MASK] = lossless ? 1 << CT_ROCE_DATA_TC : 0;
	c->term[CT_ROCE_ECN_MASK] = 1 << CT_ROCE_DATA_TC | 1;
	c->term[CT_ROCE_STRICT_MASK] = 1 << CT_ROCE_CNP_TC;
	c->term[CT_ROCE_KMIN] = 150000;
	c->term[CT_ROCE_KMAX] = 1500000;
	c->term[CT_ROCE_CABLE] = 100;
}

static int64_t priorities(const char *list)
{
	int64_t mask = 0;

	for (int i = 0; i < CT_ROCE_PRIORITIES; i++) {
		char name[2] = { (char)('0' + i), '\0' };

		mask |= list_has(list, name) ? 1 << i : 0;
	}
	return mask;
}

static void read_line(const struct words *w, const char *port, struct ct_roce_contract *c)
{
	if (are(w, "qos roce") || are(w, "qos roce mode lossless"))
		roce_mode(c, true);
	else if (are(w, "qos roce mode lossy"))
		roce_mode(c, false);
	else if (are(w, "qos pfc default-global switch-priority *"))
		c->term[CT_ROCE_PFC_MASK] = priorities(w->at[4]);
	else if (are(w, "qos pfc default-global tx disable") || are(w, "qos pfc default-global rx disable"))
		c->term[CT_ROCE_PFC_MASK] = 0;
	else if (are(w, "qos pfc default-global cable-length *"))
		c->term[CT_ROCE_CABLE] = value(w->at[4]);
	else if (are(w, "qos congestion-control default-global traffic-class * min-threshold *") &&
		list_has(w->at[4], "3"))
		c->term[CT_ROCE_KMIN] = value(w->at[6]);
	else if (are(w, "qos congestion-control default-global traffic-class * max-threshold *") &&
		list_has(w->at[4], "3"))
		c->term[CT_ROCE_KMAX] = value(w->at[6]);
	else if (are(w, "qos pfc-watchdog polling-interval *"))
		c->term[CT_ROCE_POLL] = value(w->at[3]);
	else if (are(w, "interface * link mtu *") && list_has(w->at[1], port))
		c->term[CT_ROCE_MTU] = value(w->at[4]);
}

static void add_port(struct ct_roce_ports *ports, const char *name, size_t length)
{
	if (length == 0 || length >= CT_ROCE_PORT_NAME || ports->n == CT_ROCE_PORTS)
		return;
	for (size_t i = 0; i < ports->n; i++)
		if (strlen(ports->name[i]) == length && strncmp(ports->name[i], name, length) == 0)
			return;
	memcpy(ports->name[ports->n], name, length);
	ports->name[ports->n++][length] = '\0';
}

ct_status ct_roce_cumulus_ports(const char *text, size_t bytes, const char *file,
	struct ct_roce_ports *ports)
{
	const char *end = text + bytes;
	struct words w;
	bool any = false;

	ports->n = 0;
	while (next_line(&text, end, &w)) {
		any = any || w.n > 0;
		if (w.n < 3 || strcmp(w.at[0], "interface") != 0 || strncmp(w.at[1], "swp", 3) != 0)
			continue;
		for (const char *list = w.at[1]; *list != '\0'; list += *list == ',') {
			add_port(ports, list, strcspn(list, ","));
			list += strcspn(list, ",");
		}
	}
	if (!any)
		return ct_fail(CT_INVALID, "%s: has no line \"nv set …\"", file);
	if (ports->n == 0)
		return ct_fail(CT_INVALID, "%s: configures no interface swpN", file);
	return CT_OK;
}

ct_status ct_roce_cumulus_read(const char *text, size_t bytes, const char *file, const char *port,
	struct ct_roce_contract *c)
{
	const char *end = text + bytes;
	struct words w;

	(void)file;
	ct_roce_contract_clear(c);
	while (next_line(&text, end, &w))
		read_line(&w, port, c);
	return CT_OK;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* The file that describes a pretended cluster; its grammar stands in pretend.h. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pretend.h"

enum { WORDS_MOST = 8, LINE_MOST = 256, FILE_MOST = 1 << 20, FAULTS_MOST = 4096 };

struct line {
	const char *file;
	unsigned number;
	char text[LINE_MOST];
	const char *word[WORDS_MOST];
	size_t n;
};

static ct_status bad(const struct line *l, const char *what)
{
	return ct_fail(CT_INVALID, "%s:%u: %s", l->file, l->number, what);
}

/* Word I as a number within [LOW, HIGH]. */
static ct_status number(const struct line *l, size_t i, double low, double high, double *out)
{
	char *end;
	double value;

	if (i >= l->n)
		return ct_fail(CT_INVALID, "%s:%u: %s needs a number more", l->file, l->number, l->word[0]);
	value = strtod(l->word[i], &end);
	if (end == l->word[i] || *end != '\0' || !(value >= low && value <= high))
		return ct_fail(CT_INVALID, "%s:%u: \"%.40s\" is no number from %g to %g", l->file, l->number,
			l->word[i], low, high);
	*out = value;
	return CT_OK;
}

static ct_status whole(const struct line *l, size_t i, double low, double high, uint32_t *out)
{
	double value = 0;
	ct_status s = number(l, i, low, high, &value);

	if (s == CT_OK && value != floor(value))
		return ct_fail(CT_INVALID, "%s:%u: \"%.40s\" is no whole number", l->file, l->number,
			l->word[i]);
	if (s == CT_OK)
		*out = (uint32_t)value;
	return s;
}

/* ---- faults --------------------------------------------------------------------------------- */

/* What follows the kind's name, in order: n node, r rail, l leaf, u uplink, m MTU, f factor. */
static const struct fault_row {
	const char *name, *values;
} fault_rows[] = {
	[CT_FAULT_NODE] = { "node", "nf" }, [CT_FAULT_NIC] = { "nic", "nrf" },
	[CT_FAULT_OUT] = { "out", "nrf" }, [CT_FAULT_IN] = { "in", "nrf" },
	[CT_FAULT_RAIL] = { "rail", "rf" }, [CT_FAULT_UPLINK] = { "uplink", "luf" },
	[CT_FAULT_MTU] = { "mtu", "nm" }, [CT_FAULT_ALL] = { "all", "f" },
};

enum { FAULT_KINDS = sizeof(fault_rows) / sizeof(fault_rows[0]) };

static ct_status take_value(const struct line *l, char what, size_t at, struct ct_fault *fault)
{
	switch (what) {
	case 'n':
		return whole(l, at, 0, UINT32_MAX, &fault->node);
	case 'r':
		return whole(l, at, 0, UINT32_MAX, &fault->rail);
	case 'l':
		return whole(l, at, 0, UINT32_MAX, &fault->leaf);
	case 'u':
		return whole(l, at, 0, UINT32_MAX, &fault->uplink);
	case 'm':
		return whole(l, at, 256, 65535, &fault->mtu);
	default:
		return number(l, at, 1, 1e6, &fault->factor);
	}
}

static ct_status take_fault(const struct line *l, struct ct_pretend *p)
{
	const char *names[FAULT_KINDS + 1] = { NULL };
	struct ct_fault fault = { .factor = 1 }, *list;
	ct_status s = CT_OK;
	char hint[256];
	int kind = 0;

	for (int i = 0; i < FAULT_KINDS; i++)
		names[i] = fault_rows[i].name;
	if (l->n < 2)
		return bad(l, "fault needs a kind");
	while (kind < FAULT_KINDS && strcmp(l->word[1], names[kind]) != 0)
		kind++;
	if (kind == FAULT_KINDS)
		return ct_fail(CT_INVALID, "%s:%u: no fault \"%.40s\"%s", l->file, l->number, l->word[1],
			ct_name_hint(l->word[1], names, hint));
	fault.kind = (enum ct_fault_kind)kind;
	for (size_t i = 0; s == CT_OK && fault_rows[kind].values[i] != '\0'; i++)
		s = take_value(l, fault_rows[kind].values[i], 2 + i, &fault);
	if (s == CT_OK && l->n > 2 + strlen(fault_rows[kind].values))
		return bad(l, "too many values");
	if (s == CT_OK && p->nfaults == FAULTS_MOST)
		return bad(l, "too many faults");
	if (s != CT_OK)
		return s;
	list = ct_realloc(p->faults, p->nfaults + 1, sizeof(*list));
	if (list == NULL)
		return CT_NOMEM;
	p->faults = list;
	list[p->nfaults++] = fault;
	return CT_OK;
}

/* ---- the other words ------------------------------------------------------------------------ */

static ct_status take_size(const struct line *l, struct ct_pretend *p, bool *taken)
{
	*taken = true;
	if (strcmp(l->word[0], "nodes") == 0)
		return whole(l, 1, 2, 1 << 20, &p->nodes);
	if (strcmp(l->word[0], "rails") == 0)
		return whole(l, 1, 1, 64, &p->rails);
	if (strcmp(l->word[0], "leaf") == 0)
		return whole(l, 1, 1, 1 << 20, &p->leaf_nodes);
	if (strcmp(l->word[0], "uplinks") == 0)
		return whole(l, 1, 1, 1024, &p->uplinks);
	if (strcmp(l->word[0], "rail-leaves") == 0) {
		if (l->n != 2 || (strcmp(l->word[1], "yes") != 0 && strcmp(l->word[1], "no") != 0))
			return bad(l, "rail-leaves is yes or no");
		p->rail_leaves = l->word[1][0] == 'y';
		return CT_OK;
	}
	*taken = false;
	return CT_OK;
}

static ct_status take_line(const struct line *l, struct ct_pretend *p)
{
	static const char *const known[] = { "nodes", "rails", "leaf", "uplinks", "rail-leaves", "time",
		"cross", "cv", "outliers", "seed", "fault", NULL };
	char hint[256];
	bool taken = false;
	double seed = 0;
	ct_status s = take_size(l, p, &taken);

	if (s != CT_OK || taken)
		return s;
	if (strcmp(l->word[0], "time") == 0)
		return number(l, 1, 1e-3, 1e9, &p->time_us);
	if (strcmp(l->word[0], "cross") == 0)
		return number(l, 1, 0.1, 100, &p->cross);
	if (strcmp(l->word[0], "cv") == 0)
		return number(l, 1, 0, 1, &p->cv);
	if (strcmp(l->word[0], "fault") == 0)
		return take_fault(l, p);
	if (strcmp(l->word[0], "seed") == 0) {
		s = number(l, 1, 0, 9007199254740992.0, &seed);
		p->seed = (uint64_t)seed;
		return s;
	}
	if (strcmp(l->word[0], "outliers") != 0)
		return ct_fail(CT_INVALID, "%s:%u: no word \"%.40s\"%s", l->file, l->number, l->word[0],
			ct_name_hint(l->word[0], known, hint));
	s = number(l, 1, 0, 0.4, &p->outliers);
	return s == CT_OK ? number(l, 2, 1, 1e6, &p->outlier_factor) : s;
}

/* Faults must be of parts that there are; known only when all is read. */
static ct_status check_faults(const struct ct_pretend *p, const char *name)
{
	uint32_t groups = (p->nodes + p->leaf_nodes - 1) / p->leaf_nodes;
	uint32_t leaves = p->rail_leaves ? groups * p->rails : groups;

	for (size_t i = 0; i < p->nfaults; i++) {
		const struct ct_fault *f = &p->faults[i];

		if (f->node >= p->nodes || f->rail >= p->rails || f->leaf >= leaves ||
			f->uplink >= p->uplinks)
			return ct_fail(CT_INVALID, "%s: fault %zu (%s) is of a part that is not there: %u nodes, "
				"%u rails, %u leaves, %u uplinks, each from 0", name, i + 1,
				fault_rows[f->kind].name, p->nodes, p->rails, leaves, p->uplinks);
	}
	return CT_OK;
}

/* What the faults of ends come to: factors of each way out and in. */
static ct_status spread_faults(struct ct_pretend *p)
{
	size_t n = (size_t)p->nodes * p->rails * 2;

	p->leaf_of = ct_alloc(p->nodes, sizeof(*p->leaf_of));
	p->ends = ct_alloc(n, sizeof(*p->ends));
	if (p->leaf_of == NULL || p->ends == NULL)
		return CT_NOMEM;
	for (uint32_t i = 0; i < p->nodes; i++)
		p->leaf_of[i] = i / p->leaf_nodes;
	for (size_t i = 0; i < n; i++)
		p->ends[i] = 1;
	for (size_t k = 0; k < p->nfaults; k++) {
		const struct ct_fault *f = &p->faults[k];
		double *nic = &p->ends[((size_t)f->node * p->rails + f->rail) * 2];

		if (f->kind == CT_FAULT_NIC || f->kind == CT_FAULT_OUT)
			nic[0] *= f->factor;
		if (f->kind == CT_FAULT_NIC || f->kind == CT_FAULT_IN)
			nic[1] *= f->factor;
		for (uint32_t e = 0; f->kind == CT_FAULT_NODE && e < p->rails * 2; e++)
			p->ends[(size_t)f->node * p->rails * 2 + e] *= f->factor;
	}
	return CT_OK;
}

ct_status ct_pretend_parse(const char *text, const char *name, struct ct_pretend *pretend)
{
	struct ct_pretend p = { .rails = 1, .leaf_nodes = 32, .uplinks = 16, .rail_leaves = true,
		.time_us = 100, .cross = 1.1, .cv = 0.01, .outliers = 0.01, .outlier_factor = 2, .seed = 1 };
	struct line l = { .file = name };
	ct_status s = CT_OK;

	for (const char *at = text; s == CT_OK && *at != '\0';) {
		size_t length = strcspn(at, "\n"), used = length < LINE_MOST ? length : LINE_MOST - 1;
		char *rest = NULL;

		l.number++;
		l.n = 0;
		if (length >= LINE_MOST)
			s = bad(&l, "a line of more than 255 bytes");
		memcpy(l.text, at, used);
		l.text[used] = '\0';
		l.text[strcspn(l.text, "#")] = '\0';
		for (char *w = strtok_r(l.text, " \t\r", &rest); w != NULL && l.n < WORDS_MOST;
			w = strtok_r(NULL, " \t\r", &rest))
			l.word[l.n++] = w;
		if (s == CT_OK && l.n > 0)
			s = take_line(&l, &p);
		at += length + (at[length] == '\n' ? 1 : 0);
	}
	if (s == CT_OK && p.nodes == 0)
		s = ct_fail(CT_INVALID, "%s: no line \"nodes N\"", name);
	if (s == CT_OK)
		s = check_faults(&p, name);
	if (s == CT_OK)
		s = spread_faults(&p);
	if (s != CT_OK) {
		ct_pretend_free(&p);
		return s;
	}
	p.rng = ct_rng_make(p.seed);
	*pretend = p;
	return CT_OK;
}

ct_status ct_pretend_load(const char *path, struct ct_pretend *pretend)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	size_t used = 0;
	char *text = NULL;
	ct_status s = CT_OK;
	ssize_t n = 1;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MOST)
		s = ct_fail(CT_IO, "%s: not a regular file of at most 1 MiB", path);
	else if ((text = ct_alloc((size_t)st.st_size + 1, 1)) == NULL)
		s = CT_NOMEM;
	while (s == CT_OK && n > 0 && used < (size_t)st.st_size) {
		n = read(fd, text + used, (size_t)st.st_size - used);
		if (n < 0)
			s = ct_fail(CT_IO, "%s: %s", path, strerror(errno));
		used += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	if (s == CT_OK && strlen(text) != used)
		s = ct_fail(CT_INVALID, "%s: not a text", path);
	if (s == CT_OK)
		s = ct_pretend_parse(text, path, pretend);
	ct_free(text);
	return s;
}

void ct_pretend_free(struct ct_pretend *pretend)
{
	ct_free(pretend->faults);
	ct_free(pretend->leaf_of);
	ct_free(pretend->ends);
	memset(pretend, 0, sizeof(*pretend));
}

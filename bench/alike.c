/* SPDX-License-Identifier: BSD-3-Clause */
/* Were all ranks asked for the same? Launchers of several programs, wrapper scripts and environments
 * that differ by host give them other options; ranks would then wait for each other or mix results. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

enum { MOST = 128, TEXT = 64 };

/* What may be another on each host, or concerns one rank only. */
static const char *const of_a_host[] = { "ib-dev", "ib-port", "ib-gid", "tcp-iface", "module-dir",
	"log", "progress", NULL };

struct value {
	const char *name; /* "--max-bytes" without the dashes; "" = the command's word */
	char text[TEXT];  /* as JSON, cut */
	int64_t hash;     /* of all of it, never negative */
};

static void fill(struct value *v, const char *name, const char *text)
{
	uint64_t hash = strlen(text);

	for (const char *c = text; *c != '\0'; c++)
		hash = ct_rng_hash(hash, (unsigned char)*c);
	v->name = name;
	v->hash = (int64_t)(hash >> 1);
	snprintf(v->text, sizeof(v->text), "%s", text);
}

static bool may_differ(const char *name)
{
	for (size_t i = 0; of_a_host[i] != NULL; i++)
		if (strcmp(name, of_a_host[i]) == 0)
			return true;
	return false;
}

static ct_status collect(const struct ct_option *const *lists, const void *settings, const char *word,
	struct value *values, size_t *n)
{
	json_t *echo = ct_options_echo(lists, settings);
	ct_status status = echo != NULL ? CT_OK : ct_fail(CT_NOMEM, "no memory for the options");

	fill(&values[0], "", word != NULL ? word : "");
	*n = 1;
	for (; status == CT_OK && *lists != NULL; lists++) {
		for (const struct ct_option *row = *lists; row->name != NULL && *n < MOST; row++) {
			char *text;

			if (may_differ(row->name))
				continue;
			text = json_dumps(json_object_get(echo, row->name),
				JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
			if (text == NULL) {
				status = ct_fail(CT_NOMEM, "no memory for the options");
				break;
			}
			fill(&values[(*n)++], row->name, text);
			free(text);
		}
	}
	json_decref(echo);
	return status;
}

/* Collective: rank FROM's value reaches every rank. */
static ct_status tell(struct ct_rank *rank, uint32_t from, const struct value *mine,
	struct value *out)
{
	int64_t words[TEXT + 1] = { 0 };
	ct_status status;

	if (rank->world.rank == from) {
		for (size_t i = 0; i < TEXT; i++)
			words[i] = (unsigned char)mine->text[i];
		words[TEXT] = mine->hash;
	}
	status = ct_session_max(rank->session, words, TEXT + 1);
	for (size_t i = 0; i < TEXT; i++)
		out->text[i] = (char)words[i];
	out->text[TEXT - 1] = '\0';
	out->hash = words[TEXT];
	out->name = mine->name;
	return status;
}

/* Collective: all ranks differ in the same value MINE; which rank, and what does it have? */
static ct_status name_it(struct ct_rank *rank, const struct value *mine)
{
	struct value first, other;
	int64_t differs;
	uint32_t who;
	ct_status status = tell(rank, 0, mine, &first);

	if (status != CT_OK)
		return status;
	differs = mine->hash != first.hash ? rank->world.nranks - rank->world.rank : 0;
	status = ct_session_max(rank->session, &differs, 1);
	if (status != CT_OK)
		return status;
	who = rank->world.nranks - (uint32_t)differs;
	status = tell(rank, who, mine, &other);
	if (status != CT_OK)
		return status;
	return ct_fail(CT_UNSUPPORTED, "rank %u was started with %s%s %s, rank 0 with %s: all ranks "
		"need the same", who, mine->name[0] != '\0' ? "--" : "another command:", mine->name,
		other.text, first.text);
}

ct_status ct_job_alike(struct ct_rank *rank, const struct ct_option *const *lists,
	const void *settings, const char *word)
{
	struct value *values = ct_alloc(MOST, sizeof(*values));
	int64_t *both = ct_alloc((size_t)2 * MOST, sizeof(*both)), count[2];
	size_t n = 0;
	ct_status status = values != NULL && both != NULL ?
		collect(lists, settings, word, values, &n) : CT_NOMEM;

	status = ct_session_agree(rank->session, status);
	/* The greatest and the least: equal where all are. */
	count[0] = (int64_t)n;
	count[1] = -(int64_t)n;
	if (status == CT_OK)
		status = ct_session_max(rank->session, count, 2);
	if (status == CT_OK && count[0] != -count[1])
		status = ct_fail(CT_UNSUPPORTED, "the ranks do not know the same options: another version "
			"of colltune, or another command, is among them");
	for (size_t i = 0; status == CT_OK && i < n; i++) {
		both[i] = values[i].hash;
		both[MOST + i] = -values[i].hash;
	}
	if (status == CT_OK)
		status = ct_session_max(rank->session, both, (size_t)2 * MOST);
	for (size_t i = 0; status == CT_OK && i < n; i++)
		if (both[i] != -both[MOST + i])
			status = name_it(rank, &values[i]);
	ct_free(both);
	ct_free(values);
	return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads colltune-nccl/1: a record of the communicator, then one per collective. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "advise.h"

enum { FILE_LIMIT = 64 << 20, GROWTH = 1024 };
#define NUMBER_MOST (UINT64_MAX >> 1)

static const char *const head_keys[] = { "schema", "kind", "comm", "host", "rank", "ranks", "nodes", "nccl",
	"gpu", "fingerprint", "machine", "rules", "variables", "clock", "p2p_seen", "seen",
	NULL };
static const char *const call_keys[] = { "kind", "coll", "number", "type", "algo", "proto", "channels",
	"bytes", "start_ns", "kernel_ns", NULL };
static const char *const p2p_keys[] = { "kind", "coll", "number", "peer", "type", "channels", "bytes", "start_ns",
	"kernel_ns", NULL };

/* A number, or null where it is not known. */
static ct_status number_or_null(const json_t *record, const char *key, const char *where, uint64_t most,
	uint64_t *value, bool *known)
{
	*value = 0;
	*known = !json_is_null(json_object_get(record, key));
	return *known ? ct_json_u64(record, key, where, "", 0, most, value) : CT_OK;
}

static ct_status word(const json_t *record, const char *key, const char *where, char *out, size_t room)
{
	const char *text;
	ct_status status = ct_json_text(record, key, where, "", &text);

	if (status == CT_OK)
		ct_text_clean(out, room, text);
	return status;
}

static ct_status comm_of(const json_t *record, const char *where, uint64_t *comm)
{
	const char *text;
	char *end;
	ct_status status = ct_json_text(record, "comm", where, "", &text);

	if (status != CT_OK)
		return status;
	*comm = strtoull(text, &end, 16);
	if (strlen(text) != 16 || *end != '\0')
		return ct_fail(CT_INVALID, "%s: /comm: not 16 hexadecimal digits", where);
	return CT_OK;
}

/* A text, or null where it is not known; so too where an older plugin did not write it. */
static ct_status text_or_null(const json_t *record, const char *key, const char *where, char *out, size_t room)
{
	const json_t *value = json_object_get(record, key);

	out[0] = '\0';
	return value == NULL || json_is_null(value) ? CT_OK : word(record, key, where, out, room);
}

static ct_status read_about(const json_t *record, const char *where, struct ct_nccl_rank *rank)
{
	char rules[8] = "";
	ct_status status = text_or_null(record, "nccl", where, rank->nccl, sizeof(rank->nccl));

	if (status == CT_OK)
		status = text_or_null(record, "gpu", where, rank->gpu, sizeof(rank->gpu));
	if (status == CT_OK)
		status = text_or_null(record, "fingerprint", where, rank->fingerprint, sizeof(rank->fingerprint));
	if (status == CT_OK)
		status = text_or_null(record, "machine", where, rank->machine, sizeof(rank->machine));
	if (status == CT_OK)
		status = text_or_null(record, "rules", where, rules, sizeof(rules));
	rank->ruled = rules[0] != '\0';
	rank->told = json_object_get(record, "variables") != NULL;
	return status == CT_OK ? text_or_null(record, "variables", where, rank->variables,
		sizeof(rank->variables)) : status;
}

static ct_status read_head(const json_t *record, const char *where, struct ct_nccl_rank *rank)
{
	const char *schema;
	uint64_t number, ranks, nodes;
	bool known;
	ct_status status = ct_json_text(record, "schema", where, "", &schema);

	if (status == CT_OK && strcmp(schema, "colltune-nccl/1") != 0)
		status = ct_fail(CT_INVALID, "%s: /schema: not colltune-nccl/1", where);
	if (status == CT_OK)
		status = ct_json_known(record, where, "", head_keys);
	if (status == CT_OK)
		status = comm_of(record, where, &rank->comm);
	if (status == CT_OK)
		status = word(record, "host", where, rank->host, sizeof(rank->host));
	if (status == CT_OK)
		status = ct_json_u64(record, "rank", where, "", 0, INT32_MAX, &number);
	if (status == CT_OK)
		status = number_or_null(record, "ranks", where, INT32_MAX, &ranks, &known);
	if (status == CT_OK)
		status = number_or_null(record, "nodes", where, INT32_MAX, &nodes, &known);
	if (status == CT_OK)
		status = read_about(record, where, rank);
	if (status == CT_OK && json_object_get(record, "p2p_seen") != NULL)
		status = ct_json_u64(record, "p2p_seen", where, "", 0, NUMBER_MOST, &rank->p2p_seen);
	if (status == CT_OK)
		status = ct_json_u64(record, "seen", where, "", 0, NUMBER_MOST, &rank->seen);
	if (status != CT_OK)
		return status;
	rank->rank = (uint32_t)number;
	rank->ranks = (uint32_t)ranks;
	rank->nodes = (uint32_t)nodes;
	return CT_OK;
}

/* What only one of the two kinds has. */
static ct_status read_kind(const json_t *record, const char *where, struct ct_nccl_call *call)
{
	const char *kind;
	uint64_t peer = 0;
	ct_status status = ct_json_text(record, "kind", where, "", &kind);

	if (status == CT_OK)
		call->p2p = strcmp(kind, "p2p") == 0;
	if (status == CT_OK && !call->p2p && strcmp(kind, "collective") != 0)
		status = ct_fail(CT_INVALID, "%s: /kind: neither collective nor p2p", where);
	if (status == CT_OK)
		status = ct_json_known(record, where, "", call->p2p ? p2p_keys : call_keys);
	if (status == CT_OK && call->p2p)
		status = ct_json_u64(record, "peer", where, "", 0, INT32_MAX, &peer);
	call->peer = (uint32_t)peer;
	memcpy(call->algo, "-", 2);
	memcpy(call->proto, "-", 2);
	if (status == CT_OK && !call->p2p)
		status = word(record, "algo", where, call->algo, sizeof(call->algo));
	if (status == CT_OK && !call->p2p)
		status = word(record, "proto", where, call->proto, sizeof(call->proto));
	return status;
}

static ct_status read_call(const json_t *record, const char *where, struct ct_nccl_call *call)
{
	uint64_t channels;
	ct_status status = read_kind(record, where, call);

	if (status == CT_OK)
		status = word(record, "coll", where, call->coll, sizeof(call->coll));
	if (status == CT_OK)
		status = word(record, "type", where, call->type, sizeof(call->type));
	if (status == CT_OK)
		status = ct_json_u64(record, "number", where, "", 0, NUMBER_MOST, &call->number);
	if (status == CT_OK)
		status = ct_json_u64(record, "channels", where, "", 0, UINT8_MAX, &channels);
	if (status == CT_OK)
		status = number_or_null(record, "bytes", where, NUMBER_MOST, &call->bytes, &call->sized);
	if (status == CT_OK)
		status = number_or_null(record, "kernel_ns", where, NUMBER_MOST, &call->kernel_ns, &call->timed);
	if (status == CT_OK)
		call->channels = (uint32_t)channels;
	return status;
}

/* Room for one more in powers of GROWTH. */
static void *room_for(void *array, size_t n, size_t each)
{
	return n % GROWTH == 0 ? ct_realloc(array, n + GROWTH, each) : array;
}

static ct_status add_head(struct ct_nccl_job *p, const json_t *record, const char *where)
{
	struct ct_nccl_rank *grown = room_for(p->ranks, p->nranks, sizeof(*p->ranks));

	if (grown == NULL)
		return CT_NOMEM;
	p->ranks = grown;
	memset(&grown[p->nranks], 0, sizeof(*grown));
	p->nranks++;
	return read_head(record, where, &grown[p->nranks - 1]);
}

static ct_status add_call(struct ct_nccl_job *p, const json_t *record, const char *where)
{
	struct ct_nccl_call *grown = room_for(p->calls, p->ncalls, sizeof(*p->calls));
	struct ct_nccl_rank *rank = &p->ranks[p->nranks - 1];
	ct_status status;

	if (grown == NULL)
		return CT_NOMEM;
	p->calls = grown;
	memset(&grown[p->ncalls], 0, sizeof(*grown));
	status = read_call(record, where, &grown[p->ncalls]);
	if (status != CT_OK)
		return status;
	grown[p->ncalls].rank = p->nranks - 1;
	grown[p->ncalls].line = rank->kept + rank->p2p_kept;
	*(grown[p->ncalls].p2p ? &rank->p2p_kept : &rank->kept) += 1;
	*(grown[p->ncalls].p2p ? &rank->p2p_timed : &rank->timed) += grown[p->ncalls].timed;
	p->ncalls++;
	return CT_OK;
}

static ct_status read_lines(struct ct_nccl_job *p, uint32_t job, FILE *file, const char *path)
{
	char *text = NULL, where[4200];
	size_t room = 0, line = 0;
	ct_status status = CT_OK;
	ssize_t length;

	while (status == CT_OK && (length = getline(&text, &room, file)) > 0) {
		json_t *record = NULL;

		snprintf(where, sizeof(where), "%s:%zu", path, ++line);
		status = ct_json_parse(text, (size_t)length, where, &record);
		if (status == CT_OK)
			status = line == 1 ? add_head(p, record, where) : add_call(p, record, where);
		json_decref(record);
	}
	free(text);
	if (status == CT_OK && line == 0)
		status = ct_fail(CT_INVALID, "%s: empty", path);
	if (status == CT_OK)
		p->ranks[p->nranks - 1].job = job;
	return status;
}

ct_status ct_nccl_job_add(struct ct_nccl_job *p, uint32_t job, const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	FILE *file;
	ct_status status;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_LIMIT) {
		close(fd);
		return ct_fail(CT_INVALID, "%s: not a regular file of at most 64 MiB", path);
	}
	file = fdopen(fd, "r");
	if (file == NULL) {
		close(fd);
		return ct_fail(CT_IO, "%s: %s", path, strerror(errno));
	}
	status = read_lines(p, job, file, path);
	fclose(file);
	return status;
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include "machines.h"

#include <stdio.h>
#include <string.h>

#include "topo/topo.h"

/* Twenty times the file of a node with eight GPUs and eight rails. */
enum { FILE_MOST = 4 << 20 };

/* Two hosts may have one name (containers do): the second is known by its first rank. */
static void file_name(const struct ct_world *w, uint32_t host, char *out, size_t room)
{
	bool taken = false;
	uint32_t rank = 0;

	for (uint32_t h = 0; h < host; h++)
		taken = taken || strcmp(w->hosts[h].name, w->hosts[host].name) == 0;
	while (rank + 1 < w->nranks && w->host_of[rank] != host)
		rank++;
	if (taken)
		snprintf(out, room, "machines/%s-rank%u.json", w->hosts[host].name, rank);
	else
		snprintf(out, room, "machines/%s.json", w->hosts[host].name);
}

static ct_status store(struct ct_rank *rank, const char *name, const char *text, size_t bytes)
{
	struct ct_machine *machine = NULL;
	json_t *json = NULL;
	/* It came from another host: the reader of machine files has the say. */
	ct_status status = ct_machine_parse(text, bytes, name, &machine);

	ct_machine_free(machine);
	if (status == CT_OK)
		status = ct_json_parse(text, bytes, name, &json);
	if (status == CT_OK)
		status = ct_store_save(rank->store, name, json);
	json_decref(json);
	return status;
}

static ct_status take(void *arg, uint32_t host, const char *text, size_t bytes)
{
	struct ct_rank *rank = arg;
	char name[CT_HOST_NAME + 48];
	ct_status status;

	file_name(&rank->world, host, name, sizeof(name));
	if (text != NULL)
		status = store(rank, name, text, bytes);
	else if (bytes == 0)
		status = ct_fail(CT_INVALID, "it could not be made there");
	else
		status = ct_fail(CT_INVALID, "%zu bytes are more than are sent", bytes);
	if (status != CT_INVALID)
		return status;
	fprintf(stderr, "colltune %s: machine file of host %s left out: %s\n", rank->command,
		rank->world.hosts[host].name, ct_why());
	return CT_OK;
}

ct_status ct_machines_store_text(struct ct_rank *rank, const char *text, size_t bytes, size_t limit)
{
	struct ct_gather gather = { .what = "machine file", .text = text, .bytes = bytes,
		.limit = limit, .take = take, .arg = rank };

	return ct_session_gather(rank->session, &gather);
}

ct_status ct_machines_store(struct ct_rank *rank, const struct ct_machine *machine)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status;

	/* Without one, rank 0 says which host has none. */
	if (machine != NULL && ct_machine_text(machine, false, &text, &bytes) != CT_OK)
		bytes = 0;
	status = ct_machines_store_text(rank, text, bytes, FILE_MOST);
	ct_free(text);
	return status;
}

ct_status ct_machines_store_own(struct ct_rank *rank)
{
	struct ct_machine *machine = NULL;
	ct_status status;

	if (rank->settings->out == NULL)
		return CT_OK;
	if (rank->world.local_rank == 0 && ct_machine_read(NULL, &machine) != CT_OK)
		machine = NULL;
	status = ct_machines_store(rank, machine);
	ct_machine_free(machine);
	return status;
}

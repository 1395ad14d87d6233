/* SPDX-License-Identifier: BSD-3-Clause */
#include "leaves.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

enum { TEXT_MOST = 64 << 20 };

static ct_status load_fabric(const char *file, struct ct_fabric *fabric)
{
	struct ct_fabric_plan plan = { .nleaves = 0 };
	size_t length = strlen(file);
	ct_status status;

	if (length > 5 && strcmp(file + length - 5, ".json") == 0)
		return ct_fabric_load(file, fabric);
	status = ct_cluster_load(file, &plan);
	if (status == CT_OK)
		status = ct_fabric_declared(&plan, file, fabric);
	ct_fabric_plan_free(&plan);
	return status;
}

/* "UPLINKS RAIL_LEAVES N", a line for each leaf's name, then each host's number. */
static ct_status write_text(const struct ct_leaves *leaves, uint32_t nhosts, struct ct_buf *text)
{
	ct_buf_add(text, "%u %d %u\n", leaves->uplinks, leaves->rail_leaves, leaves->n);
	for (uint32_t i = 0; i < leaves->n; i++)
		ct_buf_add(text, "%s\n", leaves->names[i]);
	for (uint32_t h = 0; h < nhosts; h++)
		ct_buf_add(text, "%u\n", leaves->of[h]);
	return ct_buf_status(text);
}

static ct_status read_text(char *text, uint32_t nhosts, struct ct_leaves *leaves)
{
	struct ct_leaves made = { .n = 0 };
	char *save = NULL, *line = strtok_r(text, "\n", &save);
	int rails = 0;
	bool good = line != NULL && sscanf(line, "%u %d %u", &made.uplinks, &rails, &made.n) == 3 && made.n <= nhosts;

	made.rail_leaves = rails != 0;
	made.of = good ? ct_alloc(nhosts, sizeof(*made.of)) : NULL;
	made.names = good ? ct_alloc(made.n, sizeof(*made.names)) : NULL;
	if (good && (made.of == NULL || made.names == NULL)) {
		ct_leaves_free(&made);
		return CT_NOMEM;
	}
	for (uint32_t i = 0; i < made.n && good; i++) {
		line = strtok_r(NULL, "\n", &save);
		good = line != NULL;
		if (good)
			ct_text_clean(made.names[i], sizeof(made.names[i]), line);
	}
	for (uint32_t h = 0; h < nhosts && good; h++) {
		line = strtok_r(NULL, "\n", &save);
		made.of[h] = line != NULL ? (uint32_t)strtoul(line, NULL, 10) : made.n;
		good = made.of[h] < made.n;
	}
	if (good) {
		*leaves = made;
		return CT_OK;
	}
	ct_leaves_free(&made);
	return ct_fail(CT_PEER, "rank 0 tells of leaves that cannot be");
}

/* On rank 0. */
static ct_status make_text(struct ct_rank *rank, const char *file, struct ct_buf *text)
{
	struct ct_fabric fabric = { .nnodes = 0 };
	struct ct_leaves leaves = { .n = 0 };
	uint32_t missing = 0;
	ct_status status;

	if (rank->world.rank != 0)
		return CT_OK;
	status = load_fabric(file, &fabric);
	if (status == CT_OK)
		status = ct_leaves_of(&fabric, &rank->world, file, &leaves, &missing);
	if (status == CT_OK && missing > 0)
		fprintf(stderr, "colltune %s: %s: %u of %u hosts are not in it; they count as one leaf\n", rank->command, file,
			missing, rank->world.nhosts);
	if (status == CT_OK)
		status = write_text(&leaves, rank->world.nhosts, text);
	ct_leaves_free(&leaves);
	ct_fabric_free(&fabric);
	return status;
}

ct_status ct_leaves_load(struct ct_rank *rank, const char *file, struct ct_leaves *leaves)
{
	struct ct_buf text = ct_buf_make(TEXT_MOST);
	char *shared = NULL;
	ct_status status = ct_session_agree(rank->session, make_text(rank, file, &text));

	if (status == CT_OK)
		status = ct_job_broadcast(rank, text.text, text.used, &shared);
	if (status == CT_OK)
		status = ct_session_agree(rank->session, read_text(shared, rank->world.nhosts, leaves));
	ct_free(shared);
	ct_buf_free(&text);
	return status;
}

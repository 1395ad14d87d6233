/* SPDX-License-Identifier: BSD-3-Clause */
#include "rails.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "advise/advise.h"
#include "bench.h"

enum { TEXT_MOST = 4 << 20, NODES_MOST = 1 << 16 };

struct gathered {
	const struct ct_world *world;
	struct ct_rails *nodes;
	size_t n, room;
};

/* HOST: how the job calls it, since a machine file need not know; NULL = as the file says. */
static ct_status add_node(struct gathered *g, const struct ct_machine *machine, const char *host)
{
	ct_status status;

	if (g->n == NODES_MOST)
		return ct_fail(CT_INVALID, "--rails: more than %d nodes", NODES_MOST);
	if (g->n == g->room) {
		size_t room = 2 * g->room + 16;
		struct ct_rails *nodes = ct_realloc(g->nodes, room, sizeof(*nodes));

		if (nodes == NULL)
			return CT_NOMEM;
		g->nodes = nodes;
		g->room = room;
	}
	status = ct_machine_rails(machine, &g->nodes[g->n]);
	if (status != CT_OK)
		return status;
	if (host != NULL)
		ct_text_clean(g->nodes[g->n].host, sizeof(g->nodes[g->n].host), host);
	g->n++;
	return CT_OK;
}

/* ---- saved ----------------------------------------------------------------------------------- */

static ct_status add_file(struct gathered *g, const char *path)
{
	struct ct_machine *machine = NULL;
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	char name[256];
	ct_status status = ct_machine_load(path, &machine);

	if (status != CT_OK)
		return status;
	/* Files of equal machines may have one host name: theirs is what tells them apart. */
	snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) > 5 &&
		strcmp(base + strlen(base) - 5, ".json") == 0 ? strlen(base) - 5 : strlen(base)), base);
	status = add_node(g, machine, name);
	ct_machine_free(machine);
	return status;
}

static int is_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0;
}

static ct_status add_folder(struct gathered *g, const char *folder)
{
	struct dirent **list = NULL;
	int n = scandir(folder, &list, is_file, versionsort);
	ct_status status = n < 0 ? ct_fail(CT_IO, "%s: cannot be read", folder) :
		n == 0 ? ct_fail(CT_INVALID, "%s: no machine file, *.json", folder) : CT_OK;

	for (int i = 0; i < n; i++) {
		char path[4096];

		if (snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name) >= (int)sizeof(path))
			status = ct_fail(CT_INVALID, "%s: too long a path", folder);
		if (status == CT_OK)
			status = add_file(g, path);
		free(list[i]);
	}
	free(list);
	return status;
}

static ct_status add_saved(struct gathered *g, const char *load)
{
	struct stat st;
	ct_status status = CT_OK;

	if (stat(load, &st) == 0 && S_ISDIR(st.st_mode))
		return add_folder(g, load);
	while (status == CT_OK && *load != '\0') {
		size_t length = strcspn(load, ",");
		char path[4096];

		if (length >= sizeof(path))
			return ct_fail(CT_INVALID, "--load: a name of %zu bytes", length);
		snprintf(path, sizeof(path), "%.*s", (int)length, load);
		if (length > 0)
			status = add_file(g, path);
		load += length + (load[length] == ',');
	}
	return status;
}

/* ---- of the job ------------------------------------------------------------------------------ */

static ct_status take(void *arg, uint32_t host, const char *text, size_t bytes)
{
	struct gathered *g = arg;
	const char *name = g->world->hosts[host].name;
	struct ct_machine *machine = NULL;
	ct_status status = CT_INVALID;

	if (text == NULL)
		ct_fail(CT_INVALID, "its machine file has %zu bytes", bytes);
	else
		status = ct_machine_parse(text, bytes, name, &machine);
	if (status == CT_OK)
		status = add_node(g, machine, name);
	ct_machine_free(machine);
	if (status != CT_INVALID)
		return status;
	fprintf(stderr, "colltune topo: host %s left out: %s\n", name, ct_why());
	return CT_OK;
}

static ct_status gather(struct ct_rank *rank, struct gathered *g)
{
	struct ct_machine *machine = NULL;
	struct ct_gather all = { .what = "machine file", .limit = TEXT_MOST, .take = take, .arg = g };
	char *text = NULL;
	ct_status status;

	if (rank->world.local_rank == 0 && ct_machine_read(NULL, &machine) == CT_OK &&
	    ct_machine_text(machine, false, &text, &all.bytes) != CT_OK)
		all.bytes = 0;
	all.text = text;
	status = ct_session_gather(rank->session, &all);
	ct_free(text);
	ct_machine_free(machine);
	return status;
}

/* ---- shown ----------------------------------------------------------------------------------- */

/* The usual node's rails, and on how many nodes each is the same. */
static void show_rails(const struct ct_advise_in *in, size_t usual, struct ct_buf *out)
{
	const struct ct_rails *like = &in->rails[usual];

	ct_buf_add(out, "%-5s %-10s %-13s %-13s %-5s %-8s %-11s %s%s\n", "rail", "device", "PCI", "switch", "NUMA",
		"GPUs", "Gbit/s", "same on", in->fabric != NULL ? "  leaf" : "");
	for (size_t i = 0; i < like->nrails; i++) {
		const struct ct_rail *rail = &like->rails[i];
		uint32_t leaf = in->fabric == NULL ? CT_FABRIC_NONE :
			ct_rail_leaf(in->fabric, like->host, rail->device, (uint32_t)i + 1);
		size_t same = 0;
		char numa[24] = "-";

		for (size_t k = 0; k < in->nrails; k++)
			same += i < in->rails[k].nrails &&
				strcmp(in->rails[k].rails[i].address, rail->address) == 0 &&
				strcmp(in->rails[k].rails[i].above, rail->above) == 0 &&
				strcmp(in->rails[k].rails[i].device, rail->device) == 0;
		if (rail->numa != CT_UNKNOWN)
			snprintf(numa, sizeof(numa), "%llu", (unsigned long long)rail->numa);
		ct_buf_add(out, "%-5zu %-10s %-13s %-13s %-5s %-8s %-11g %zu of %zu", i, rail->device,
			rail->address[0] != '\0' ? rail->address : "-",
			rail->above[0] != '\0' ? rail->above : "-", numa,
			rail->gpus[0] != '\0' ? rail->gpus : "-", (double)rail->Mbps / 1000, same, in->nrails);
		if (in->fabric != NULL)
			ct_buf_add(out, "  %s", leaf != CT_FABRIC_NONE ? in->fabric->nodes[leaf].name : "not known");
		ct_buf_add(out, "\n");
	}
}

static ct_status show(const struct ct_advise_in *in, int *exit_code)
{
	struct ct_buf out = ct_buf_make(1 << 20);
	struct ct_findings findings = { .n = 0 };
	size_t usual = 0, alike = 0;
	ct_status status = in->nrails == 0 ? ct_fail(CT_UNSUPPORTED, "no node told its rails") :
		ct_rails_usual(in, &usual, &alike);

	if (status == CT_OK)
		status = ct_advise_rails(in, &findings);
	if (status == CT_OK) {
		ct_buf_add(&out, "rails of %zu node%s, as on %s\n", in->nrails, in->nrails == 1 ? "" : "s",
			in->rails[usual].host);
		show_rails(in, usual, &out);
		ct_buf_add(&out, findings.n == 0 ? "findings: none%s\n" : "findings%s\n",
			in->nrails == 1 ? ", but one node alone tells little" : "");
		for (size_t i = 0; i < findings.n; i++)
			ct_finding_text(&findings.list[i], &out);
		status = ct_buf_status(&out);
	}
	if (status == CT_OK) {
		printf("%s", out.text);
		*exit_code = findings.n == 0 ? CT_EXIT_PASS : CT_EXIT_FAIL;
	}
	ct_findings_free(&findings);
	ct_buf_free(&out);
	return status;
}

static ct_status compare(const struct gathered *g, const char *file, int *exit_code)
{
	struct ct_fabric fabric = { .nnodes = 0 };
	struct ct_advise_in in = { .rails = g->nodes, .nrails = g->n };
	ct_status status = file != NULL ? ct_fabric_load(file, &fabric) : CT_OK;

	if (file != NULL)
		in.fabric = &fabric;
	if (status == CT_OK)
		status = show(&in, exit_code);
	ct_fabric_free(&fabric);
	return status;
}

ct_status ct_rails_command(struct ct_rank *rank, const char *load, const char *fabric, int *exit_code)
{
	struct gathered g = { .world = &rank->world };
	ct_status status = CT_OK;

	if (load == NULL)
		status = gather(rank, &g);
	else if (rank->world.rank == 0)
		status = add_saved(&g, load);
	if (status == CT_OK && rank->world.rank == 0)
		status = compare(&g, fabric, exit_code);
	for (size_t i = 0; i < g.n; i++)
		ct_rails_free(&g.nodes[i]);
	ct_free(g.nodes);
	return ct_session_agree(rank->session, status);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune topo: this node, or a saved one, as a tree; under a launcher, where each rank runs. */
#include "topo/topo.h"

#include <stdio.h>
#include <string.h>

#include "advise/advise.h"
#include "bench.h"
#include "cli.h"
#include "fabric.h"
#include "job.h"
#include "picture.h"
#include "rails.h"

enum { CPUS_TEXT = 128 };

struct topo_settings {
	struct ct_job_settings job; /* first: the rows of job.c count from here */
	char *save, *load, *sysroot, *diff, *nccl_xml, *draw, *xml;
	char *ca, *dot, *cluster, *lldp;
	bool fabric, cables, json, rails;
	char *leaves;
	bool identify, matrix;
	int64_t place;
};

#define AT(field) offsetof(struct topo_settings, field)
static const struct ct_option own_options[] = {
	{ "save", 0, CT_OPT_TEXT, AT(save), NULL, 0, 0, NULL, "FILE", "write the machine file" },
	{ "load", 0, CT_OPT_TEXT, AT(load), NULL, 0, 0, NULL, "FILE",
		"show a machine file instead of this node" },
	{ "sysroot", 0, CT_OPT_TEXT, AT(sysroot), NULL, 0, 0, NULL, "DIR",
		"read a captured tree (hwloc.xml, sys/, proc/) instead of this node" },
	{ "diff", 0, CT_OPT_TEXT, AT(diff), NULL, 0, 0, NULL, "FILE",
		"compare with this machine file instead; exit 0 equal, 1 different" },
	{ "matrix", 0, CT_OPT_FLAG, AT(matrix), NULL, 0, 0, NULL, NULL,
		"show how far each GPU is from each NIC, and its best one, instead of the tree" },
	{ "place", 0, CT_OPT_INT, AT(place), NULL, 1, 4096, NULL, "N",
		"propose where N ranks of this node should run, instead of the tree" },
	{ "rails", 0, CT_OPT_FLAG, AT(rails), NULL, 0, 0, NULL, NULL,
		"compare the rails of all hosts of this job, or with --load of several machine files "
		"(FILE,... or a directory): place, order, names; exit 0 equal, 1 different" },
	{ "leaves", 0, CT_OPT_TEXT, AT(leaves), NULL, 0, 0, NULL, "FILE",
		"--rails: a saved fabric that tells the leaf of each rail" },
	{ "nccl-xml", 0, CT_OPT_TEXT, AT(nccl_xml), NULL, 0, 0, NULL, "FILE",
		"write the PCI tree for NCCL_TOPO_FILE" },
	{ "xml", 0, CT_OPT_TEXT, AT(xml), NULL, 0, 0, NULL, "FILE",
		"write hwloc's own XML for hwloc's tools; - writes it to standard output and nothing "
		"else" },
	{ "draw", 0, CT_OPT_TEXT, AT(draw), NULL, 0, 0, NULL, "FILE.svg|png",
		"draw the node: boxes nested as the hardware is, links with their rates, those "
		"below their best in red" },
	{ "fabric", 0, CT_OPT_FLAG, AT(fabric), NULL, 0, 0, NULL, NULL,
		"map the network instead: hosts, switches, cables; --save, --load and --draw are then "
		"its own" },
	{ "ca", 0, CT_OPT_TEXT, AT(ca), NULL, 0, 0, NULL, "NAME[:PORT]",
		"--fabric: the InfiniBand adapter to read it through; default the first that is up" },
	{ "cluster", 0, CT_OPT_TEXT, AT(cluster), NULL, 0, 0, NULL, "FILE.yaml",
		"--fabric: compare with what this file declares; where nothing can be read, show that" },
	{ "lldp", 0, CT_OPT_TEXT, AT(lldp), NULL, 0, 0, NULL, "[HOST=]FILE,...",
		"--fabric: Ethernet, from what 'lldpcli -f json show neighbors' wrote on each host" },
	{ "dot", 0, CT_OPT_TEXT, AT(dot), NULL, 0, 0, NULL, "FILE",
		"write it for Graphviz: every box and link, or every node and cable" },
	{ "cables", 0, CT_OPT_FLAG, AT(cables), NULL, 0, 0, NULL, NULL,
		"--fabric: read hosts, switches and cables only, no error counters and no routes" },
	{ "json", 0, CT_OPT_FLAG, AT(json), NULL, 0, 0, NULL, NULL,
		"print the machine file, or the fabric's, instead of text" },
	{ "identify", 0, CT_OPT_FLAG, AT(identify), NULL, 0, 0, NULL, NULL,
		"--save and --xml keep serial numbers and addresses" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_topo_options[] = { ct_net_options, ct_rank_options, own_options,
	NULL };

static const struct ct_cli cli = {
	.command = "topo",
	.text = "Map this node: packages, caches, NUMA nodes, cores, devices, and the settings that "
		"decide about speed; under mpirun also where each rank may run. Changes nothing.",
	.lists = ct_topo_options,
};

static ct_status read_machine(const struct topo_settings *s, struct ct_machine **machine)
{
	if (s->load != NULL)
		return ct_machine_load(s->load, machine);
	return ct_machine_read(s->sysroot, machine);
}

static ct_status add_matrix(const struct ct_machine *machine, struct ct_buf *out)
{
	struct ct_matrix matrix;
	ct_status status = ct_machine_matrix(machine, &matrix);

	if (status != CT_OK)
		return status;
	status = ct_matrix_text(machine, &matrix, out);
	ct_matrix_free(&matrix);
	return status;
}

static ct_status add_placement(const struct ct_machine *machine, size_t n, struct ct_buf *out)
{
	struct ct_proposal placement;
	ct_status status = ct_machine_place(machine, n, &placement);

	if (status != CT_OK)
		return status;
	status = ct_proposal_text(machine, &placement, out);
	ct_proposal_free(&placement);
	return status;
}

/* What the rules over a host find; a note that something is not readable stands in the tree. */
static ct_status add_findings(const struct ct_machine *machine, const struct ct_binding *bindings,
	size_t nbindings, struct ct_buf *out)
{
	struct ct_advise_in in = { .facts = ct_machine_facts(machine), .bindings = bindings,
		.nbindings = nbindings };
	struct ct_findings findings = { .n = 0 };
	size_t n = 0;
	ct_status status = ct_advise(&in, &findings);

	for (size_t i = 0; status == CT_OK && i < findings.n; i++) {
		if (findings.list[i].severity == CT_SEVERITY_NOTE)
			continue;
		if (n++ == 0)
			ct_buf_add(out, "findings\n");
		ct_finding_text(&findings.list[i], out);
	}
	if (status == CT_OK && n == 0)
		ct_buf_add(out, "findings: none, by all that could be read\n");
	ct_findings_free(&findings);
	return status == CT_OK ? ct_buf_status(out) : status;
}

/* The machine file on standard output. */
static ct_status print_json(const struct topo_settings *s, const struct ct_machine *machine)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_machine_text(machine, s->identify, &text, &bytes);

	if (status == CT_OK)
		fwrite(text, 1, bytes, stdout);
	ct_free(text);
	return status;
}

static bool only_xml(const struct topo_settings *s)
{
	return s->xml != NULL && strcmp(s->xml, "-") == 0;
}

static ct_status write_xml(const struct topo_settings *s, const struct ct_machine *machine)
{
	char *text = NULL;
	size_t bytes = 0;
	ct_status status = ct_machine_xml(machine, s->identify, &text, &bytes);

	if (status == CT_OK && only_xml(s))
		fwrite(text, 1, bytes, stdout);
	else if (status == CT_OK)
		status = ct_file_save(s->xml, text, bytes, s->identify ? 0600 : 0644);
	ct_free(text);
	return status;
}

/* The files that were asked for, each told in NOTES. */
static ct_status write_files(const struct topo_settings *s, const struct ct_machine *machine,
	struct ct_buf *notes)
{
	ct_status status = CT_OK;

	if (s->save != NULL) {
		status = ct_machine_save(machine, s->save, s->identify);
		ct_buf_add(notes, "saved: %s\n", s->save);
	}
	if (status == CT_OK && s->nccl_xml != NULL) {
		ct_buf_add(notes, "written: %s; ", s->nccl_xml);
		status = ct_picture_nccl(machine, s->nccl_xml, notes);
	}
	if (status == CT_OK && s->xml != NULL) {
		status = write_xml(s, machine);
		ct_buf_add(notes, "written: %s\n", s->xml);
	}
	if (status == CT_OK && s->draw != NULL) {
		status = ct_picture_draw(machine, s->draw);
		ct_buf_add(notes, "drawn: %s\n", s->draw);
	}
	if (status == CT_OK && s->dot != NULL) {
		status = ct_picture_dot(machine, s->dot);
		ct_buf_add(notes, "written: %s\n", s->dot);
	}
	return status == CT_OK ? ct_buf_status(notes) : status;
}

static ct_status show(const struct topo_settings *s, const struct ct_machine *machine,
	const struct ct_binding *bindings, size_t n)
{
	struct ct_buf text = ct_buf_make(1 << 20), notes = ct_buf_make(1 << 16);
	char hash[CT_MACHINE_HASH_ROOM];
	ct_status status;

	if (only_xml(s))
		return write_xml(s, machine);
	if (s->json)
		return print_json(s, machine);
	status = s->place > 0 ? add_placement(machine, (size_t)s->place, &text) :
		s->matrix ? add_matrix(machine, &text) :
		ct_machine_tree(machine, bindings, n, &text);
	if (status == CT_OK && !s->matrix && s->place == 0)
		status = add_findings(machine, bindings, n, &text);

	if (status == CT_OK)
		status = ct_machine_hash(machine, hash);
	if (status == CT_OK)
		status = write_files(s, machine, &notes);
	if (status == CT_OK)
		printf("%smachine hash %s\n%s", text.text, hash, notes.text != NULL ? notes.text : "");
	if (status == CT_OK && s->load != NULL)
		printf("loaded: %s, not read from this node\n", s->load);
	ct_buf_free(&notes);
	ct_buf_free(&text);
	return status;
}

/* Names and what passes are told, but two nodes of one cluster may differ in them. */
static void print_diff(const struct ct_diff *diff)
{
	static const char *const heads[CT_NDIFFS] = { "class", "settings",
		"names and addresses, which always differ between nodes",
		"of the moment, which mean nothing by themselves" };

	for (int kind = 0; kind < CT_NDIFFS; kind++) {
		if (diff->count[kind] > 0)
			printf("%s: %zu\n", heads[kind], diff->count[kind]);
		for (size_t i = 0; i < diff->nrows; i++) {
			const struct ct_difference *d = &diff->rows[i];

			if ((int)d->kind == kind)
				printf("  %s: %s | %s\n", d->path, d->a, d->b);
		}
	}
}

static ct_status show_diff(const struct topo_settings *s, const struct ct_machine *machine,
	int *exit_code)
{
	const char *name = s->load != NULL ? s->load : s->sysroot != NULL ? s->sysroot : "this node";
	struct ct_machine *other = NULL;
	struct ct_diff diff = { .nrows = 0 };
	ct_status status;

	if (s->matrix || s->save != NULL || s->draw != NULL || s->dot != NULL ||
	    s->nccl_xml != NULL || s->xml != NULL)
		return ct_fail(CT_INVALID, "--diff goes alone, without --matrix, --save, --draw, "
			"--dot, --xml and --nccl-xml");
	status = ct_machine_load(s->diff, &other);
	if (status == CT_IO)
		status = CT_INVALID; /* the command line names something that is no machine file */
	if (status == CT_OK)
		status = ct_machine_diff(machine, other, &diff);
	if (status == CT_OK) {
		bool equal = diff.count[CT_DIFF_CLASS] + diff.count[CT_DIFF_SETTING] == 0;

		print_diff(&diff);
		printf("%s: %s and %s\n", equal ? "equal" : "different", name, s->diff);
		*exit_code = equal ? CT_EXIT_PASS : CT_EXIT_FAIL;
	}
	ct_diff_free(&diff);
	ct_machine_free(other);
	return status;
}

/* The ranks of rank 0's host; the tree shows that host. */
static size_t local_bindings(const struct ct_world *w, const char (*cpus)[CPUS_TEXT],
	struct ct_binding *out)
{
	size_t n = 0;

	for (uint32_t r = 0; r < w->nranks; r++)
		if (w->host_of[r] == 0)
			out[n++] = (struct ct_binding){ r, cpus[r] };
	return n;
}

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct topo_settings *s = arg;
	const struct ct_world *w = &rank->world;
	char mine[CPUS_TEXT] = "", (*all)[CPUS_TEXT] = ct_alloc(w->nranks, CPUS_TEXT);
	struct ct_binding *bindings = ct_alloc(w->nranks, sizeof(*bindings));
	struct ct_machine *machine = NULL;
	ct_status status = all == NULL || bindings == NULL ? CT_NOMEM : ct_binding_self(mine, CPUS_TEXT);

	*exit_code = CT_EXIT_PASS;
	status = ct_session_agree(rank->session, status);
	if (status == CT_OK && w->nranks > 1)
		status = w->boot->allgather(w->boot->ctx, mine, all, CPUS_TEXT);
	if (status == CT_OK && w->rank == 0) {
		size_t n = w->nranks > 1 ? local_bindings(w, (const char(*)[CPUS_TEXT])all, bindings) : 0;

		status = read_machine(s, &machine);
		if (status == CT_OK && s->diff != NULL)
			status = show_diff(s, machine, exit_code);
		else if (status == CT_OK)
			status = show(s, machine, s->load == NULL && s->sysroot == NULL ? bindings : NULL,
				s->load == NULL && s->sysroot == NULL ? n : 0);
	}
	status = ct_session_agree(rank->session, status);
	ct_machine_free(machine);
	ct_free(bindings);
	ct_free(all);
	return status;
}

static ct_status check_lldp(const struct topo_settings *s)
{
	if (s->lldp == NULL)
		return CT_OK;
	if (!s->fabric || s->ca != NULL || s->load != NULL)
		return ct_fail(CT_INVALID, "--lldp needs --fabric and goes without --ca and --load");
	return CT_OK;
}

/* What belongs to the node has no meaning with --fabric, and the other way round. */
static ct_status check_fabric(const struct topo_settings *s)
{
	if (s->fabric && (s->matrix || s->sysroot != NULL || s->diff != NULL ||
	    s->nccl_xml != NULL || s->xml != NULL))
		return ct_fail(CT_INVALID, "--fabric goes without --matrix, --sysroot, --diff, "
			"--nccl-xml and --xml");
	if (!s->fabric && (s->ca != NULL || s->cluster != NULL || s->cables))
		return ct_fail(CT_INVALID, "--ca, --cluster and --cables need --fabric");
	return check_lldp(s);
}

static ct_status check_rails(const struct topo_settings *s)
{
	if (s->leaves != NULL && !s->rails)
		return ct_fail(CT_INVALID, "--leaves needs --rails");
	if (s->rails && (s->fabric || s->matrix || s->place > 0 || s->sysroot != NULL ||
	    s->diff != NULL || s->save != NULL || s->draw != NULL || s->dot != NULL ||
	    s->json || s->nccl_xml != NULL || s->xml != NULL))
		return ct_fail(CT_INVALID, "--rails goes with --load and --leaves only");
	return CT_OK;
}

static ct_status run_rails(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct topo_settings *s = arg;

	*exit_code = CT_EXIT_PASS;
	return ct_rails_command(rank, s->load, s->leaves, exit_code);
}

static ct_status run_fabric(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct topo_settings *s = arg;
	struct ct_fabric_settings settings = { .load = s->load, .save = s->save, .draw = s->draw,
		.ca = s->ca, .dot = s->dot, .cluster = s->cluster,
		.lldp = s->lldp, .identify = s->identify, .json = s->json, .cables = s->cables,
		.timeout = s->job.timeout };
	ct_status status = CT_OK;

	*exit_code = CT_EXIT_PASS;
	if (rank->world.rank == 0)
		status = ct_fabric_command(&settings, exit_code);
	return ct_session_agree(rank->session, status);
}

int ct_topo_main(int argc, char **argv)
{
	struct topo_settings settings = { 0 };
	int code = CT_EXIT_PASS;

	switch (ct_cli_parse(&cli, argc, argv, &settings, NULL)) {
	case CT_CLI_DONE:
		break;
	case CT_CLI_USAGE:
		code = CT_EXIT_USAGE;
		break;
	case CT_CLI_RUN:
		if (check_fabric(&settings) != CT_OK || check_rails(&settings) != CT_OK) {
			ct_cli_complain("topo", ct_why());
			code = CT_EXIT_USAGE;
			break;
		}
		code = ct_job_run("topo", &settings.job, false,
			settings.fabric ? run_fabric : settings.rails ? run_rails : run_rank, &settings);
		break;
	}
	ct_options_free(ct_topo_options, &settings);
	return code;
}

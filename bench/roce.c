/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune roce: what RoCE needs on a link, the configuration for it, what is wrong with one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"
#include "congest.h"
#include "dcb.h"
#include "roce.h"
#include "watch.h"

enum { MODE = 0644, FILE_MOST = 16 << 20, NAMES = 16 };

static const char *const hosts[] = { "none", "dcb", "mlnx_qos", NULL };

#define AT(field) offsetof(struct ct_roce_settings, field)
static const struct ct_option own_options[] = {
	{ "speed", 0, CT_OPT_REAL, AT(speed), NULL, 0, 0, NULL, "GBPS",
		"link rate in Gb/s; by itself that of the host's RoCE ports, or of --sysroot's" },
	{ "cluster", 0, CT_OPT_TEXT, AT(cluster), NULL, 0, 0, NULL, "FILE",
		"recommend, switch-config: take the link and switch from a cluster file; what an option changes goes first" },
	{ "cable", 0, CT_OPT_REAL, AT(cable), "100", 0, 0, NULL, "M", "longest cable, metres" },
	{ "port-mtu", 0, CT_OPT_INT, AT(mtu), "9216", 0, 0, NULL, "BYTES", "MTU of the switch's ports" },
	{ "lossless-mtu", 0, CT_OPT_INT, AT(lossless_mtu), "4200", 0, 0, NULL, "BYTES",
		"largest packet of the lossless class" },
	{ "buffer", 0, CT_OPT_SIZE, AT(buffer), "0", 0, 0, NULL, "SIZE",
		"the switch's shared packet buffer; 0 = not known" },
	{ "lossless-priorities", 0, CT_OPT_INT, AT(lossless), "1", 1, 8, NULL, "N",
		"priorities with PFC: each needs its headroom at every port" },
	{ "ports", 0, CT_OPT_INT, AT(ports), "32", 0, 0, NULL, "N", "ports of the switch" },
	{ "rtt", 0, CT_OPT_TIME, AT(rtt), "10us", 0, 0, NULL, "TIME", "round trip without queues" },
	{ "fan-in", 0, CT_OPT_INT, AT(fan_in), "16", 0, 0, NULL, "N", "senders to one receiver" },
	{ "cell", 0, CT_OPT_INT, AT(cell), "0", 0, 0, NULL, "BYTES",
		"cell of the packet buffer; 0 = not known" },
	{ "alpha", 0, CT_OPT_REAL, AT(alpha), "0.125", 0, 0, NULL, "X",
		"factor of the dynamic threshold" },
	{ "json", 0, CT_OPT_TEXT, AT(json), NULL, 0, 0, NULL, "FILE",
		"recommend, facts, check, watch (the newest look): write it as JSON, too" },
	{ "nos", 0, CT_OPT_TEXT, AT(nos), NULL, 0, 0, NULL, "NAME",
		"switch-config: sonic, cumulus, eos, nxos, os10 or junos" },
	{ "switch-ports", 0, CT_OPT_TEXT, AT(switch_ports), NULL, 0, 0, NULL, "NAME,...",
		"switch-config: the ports to configure" },
	{ "check", 0, CT_OPT_TEXT, AT(check), NULL, 0, 0, NULL, "FILE",
		"switch-config: compare the configuration in FILE with the contract" },
	{ "host", 0, CT_OPT_CHOICE, AT(host), "none", 0, 0, hosts, "TOOL",
		"switch-config: commands for a host by this tool instead: dcb or mlnx_qos" },
	{ "interface", 0, CT_OPT_TEXT, AT(interface), "eth0", 0, 0, NULL, "NAME",
		"--host: the network interface" },
	{ "device", 0, CT_OPT_TEXT, AT(device), NULL, 0, 0, NULL, "NAME",
		"--host: the RDMA device, for its type of service" },
	{ "unit", 0, CT_OPT_FLAG, AT(unit), NULL, 0, 0, NULL, NULL,
		"--host: a systemd unit that sets it at every boot" },
	{ "output", 'o', CT_OPT_TEXT, AT(output), NULL, 0, 0, NULL, "FILE",
		"write there instead of to standard output" },
	{ "sysroot", 0, CT_OPT_TEXT, AT(sysroot), NULL, 0, 0, NULL, "DIR,...",
		"facts, check, recommend: read captured trees (scripts/capture) instead of this machine, a host each; recommend reads one" },
	{ "window", 0, CT_OPT_TIME, AT(window), "0s", 0, 6e11, NULL, "TIME",
		"facts, check: judge what is counted within TIME; 0: since the counters began" },
	{ "out", 0, CT_OPT_TEXT, AT(job.out), NULL, 0, 0, NULL, "DIR",
		"watch, congest: keep everything in the new directory DIR, for colltune view and compare" },
	{ "interval", 0, CT_OPT_TIME, AT(interval), "1s", 5e7, 3.6e12, NULL, "TIME",
		"watch: between two looks; a port's counters are not read before they are new" },
	{ "duration", 0, CT_OPT_TIME, AT(duration), "0s", 0, 6e14, NULL, "TIME",
		"watch: how long; 0: until a signal" },
	{ "prometheus", 0, CT_OPT_TEXT, AT(prometheus), NULL, 0, 0, NULL, "FILE",
		"watch: the newest look for Prometheus' textfile collector" },
	{ "net", 0, CT_OPT_TEXT, AT(job.net), "auto", 0, 0, NULL, "NAME",
		"congest, check --traffic: the transport: auto, shm, tcp, verbs" },
	{ "pattern", 0, CT_OPT_TEXT, AT(pattern), "incast,outcast,alltoall,permutation", 0, 0, NULL,
		"LIST", "congest: of incast, outcast (both beside a victim), alltoall, permutation" },
	{ "size", 0, CT_OPT_SIZE, AT(size), "64K", 64, 64 << 20, NULL, "SIZE",
		"congest: bytes of a message" },
	{ "in-flight", 0, CT_OPT_INT, AT(window_messages), "4", 1, 64, NULL, "N",
		"congest: messages of a flow on their way at once" },
	{ "span", 0, CT_OPT_TIME, AT(span), "200ms", 1e6, 6e10, NULL, "TIME",
		"congest, check --traffic: how long each pattern runs" },
	{ "rounds", 0, CT_OPT_INT, AT(rounds), "8", 1, 1000, NULL, "N",
		"congest: rounds, each with new connections" },
	{ "background-tc", 0, CT_OPT_INT, AT(background_tc), "-1", -1, 255, NULL, "N",
		"congest: beside each pattern every rank sends large messages in traffic class N, as storage "
		"in another priority would; -1 = none; needs --net verbs" },
	{ "background-size", 0, CT_OPT_SIZE, AT(background_size), "256K", 64, 64 << 20, NULL, "SIZE",
		"congest: bytes of these messages" },
	{ "load-fabric", 0, CT_OPT_FLAG, AT(load_fabric), NULL, 0, 0, NULL, NULL,
		"congest, check --traffic: load more than four hosts" },
	{ "baseline", 0, CT_OPT_TEXT, AT(baseline), NULL, 0, 0, NULL, "DIR",
		"congest: compare with the earlier run that --out kept in DIR" },
	{ "note", 0, CT_OPT_TEXT, AT(note), NULL, 0, 0, NULL, "TEXT",
		"congest: what was changed and why, for notes.jsonl in --out" },
	{ "traffic", 0, CT_OPT_FLAG, AT(traffic), NULL, 0, 0, NULL, NULL,
		"check: run short flows over --net for --span each, and judge what is counted meanwhile" },
	{ "list-rules", 0, CT_OPT_FLAG, AT(list_rules), NULL, 0, 0, NULL, NULL,
		"check: list the rules and end" },
	{ "explain", 0, CT_OPT_TEXT, AT(explain), NULL, 0, 0, NULL, "ID",
		"check: what the rule ID looks at, why, what to set, how to undo it, its source" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef AT

const struct ct_option *const ct_roce_options[] = { ct_net_options, ct_rank_options, own_options,
	NULL };

static const struct ct_cli cli = {
	.command = "roce",
	.args = "recommend|switch-config|facts|check|watch|congest|record [NETDEV]",
	.text = "recommend: PFC headroom, ECN thresholds, DCQCN, watchdog and marking for a link, each value "
		"with its formula, inputs and source, beside what others published. switch-config: the same "
		"as the configuration of a switch (--nos) or a host (--host); with --check, how a "
		"configuration differs from it. facts: what decides about priorities, pause, marks and loss "
		"at each port of this host, or of all hosts under mpirun. check: what is wrong with it. watch: their rates, pause, marks, "
		"notifications, retransmissions and drops over time. congest: flows in each other's way, their "
		"goodput and fairness, and what a victim beside them pays. record: "
		"the kernel's answer about DCB of NETDEV, for captured trees. It changes no device.",
	.lists = ct_roce_options,
	.min_words = 1,
	.max_words = 2,
};

static ct_status save_json(const char *path, const struct ct_roce_advice *advice, const json_t *origins)
{
	json_t *json = ct_roce_json(advice, origins);
	ct_status s;

	if (json == NULL)
		return ct_fail(CT_NOMEM, "no memory for the values as JSON");
	s = ct_json_save(json, path, MODE);
	json_decref(json);
	return s;
}

static ct_status put(const struct ct_roce_settings *s, const struct ct_buf *out)
{
	ct_status status = ct_buf_status(out);

	if (status != CT_OK)
		return status;
	if (s->output != NULL)
		return ct_file_save(s->output, out->text, out->used, MODE);
	if (fwrite(out->text, 1, out->used, stdout) != out->used || fflush(stdout) != 0)
		return ct_fail(CT_IO, "standard output cannot be written");
	return CT_OK;
}

static ct_status find(const char *name, const struct ct_roce_nos **found)
{
	const char *names[NAMES] = { NULL };
	char hint[256];
	size_t n = 0;

	for (const struct ct_roce_nos *row = ct_roce_noses(); row->name != NULL && n < NAMES - 1; row++) {
		if (strcmp(row->name, name) == 0) {
			*found = row;
			return CT_OK;
		}
		names[n++] = row->name;
	}
	return ct_fail(CT_INVALID, "--nos %s: not known%s", name, ct_name_hint(name, names, hint));
}

/* A regular file of at most FILE_MOST bytes, not through a link; freed with ct_buf_free(). */
static ct_status load(const char *path, struct ct_buf *text)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char part[4096];
	ssize_t n;

	if (fd < 0)
		return ct_fail(CT_IO, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
		close(fd);
		return ct_fail(CT_INVALID, "%s: not a regular file of at most 16 MiB", path);
	}
	*text = ct_buf_make(FILE_MOST);
	while ((n = read(fd, part, sizeof(part))) > 0)
		ct_buf_add(text, "%.*s", (int)n, part);
	close(fd);
	if (n < 0 || ct_buf_status(text) != CT_OK) {
		ct_buf_free(text);
		return ct_fail(CT_IO, "%s: cannot be read", path);
	}
	if (text->used == 0)
		return ct_fail(CT_INVALID, "%s: is empty", path);
	return CT_OK;
}

/* The differences of all ports; *BROKEN counts those that break the contract. */
static ct_status check_text(const struct ct_roce_settings *s, const struct ct_roce_nos *nos,
	const struct ct_roce_contract *want, const struct ct_buf *text, unsigned int *broken)
{
	struct ct_roce_ports ports;
	struct ct_roce_contract limited = *want, got;
	struct ct_roce_differences found;
	char name[CT_ROCE_PORT_NAME], seen[sizeof(found.rows[0].seen)];
	ct_status status = s->switch_ports != NULL ? ct_roce_ports_parse(s->switch_ports, &ports) :
		nos->ports(text->text, text->used, s->check, &ports);

	if (nos->limit != NULL)
		nos->limit(&limited);
	for (size_t i = 0; status == CT_OK && i < ports.n; i++) {
		status = nos->read(text->text, text->used, s->check, ports.name[i], &got);
		if (status != CT_OK)
			break;
		ct_roce_contract_compare(&limited, &got, nos->says, &found);
		ct_text_clean(name, sizeof(name), ports.name[i]);
		for (size_t k = 0; k < found.n; k++) {
			ct_text_clean(seen, sizeof(seen), found.rows[k].seen);
			printf("%s: %s: %s: %s\n", name, found.rows[k].breaks ? "differs" : "note",
				found.rows[k].what, seen);
			*broken += found.rows[k].breaks;
		}
	}
	if (status == CT_OK)
		printf("%zu port%s, %u difference%s from the contract\n", ports.n, ports.n == 1 ? "" : "s",
			*broken, *broken == 1 ? "" : "s");
	return status;
}

static ct_status check(const struct ct_roce_settings *s, const struct ct_roce_nos *nos,
	const struct ct_roce_contract *want, int *code)
{
	struct ct_buf text = ct_buf_make(FILE_MOST);
	unsigned int broken = 0;
	ct_status status;

	if (nos->read == NULL)
		return ct_fail(CT_INVALID, "--check: configurations of %s cannot be read, those of sonic, "
			"cumulus and eos can", nos->name);
	status = load(s->check, &text);
	if (status == CT_OK)
		status = check_text(s, nos, want, &text, &broken);
	ct_buf_free(&text);
	if (status == CT_OK && broken > 0)
		*code = CT_EXIT_FAIL;
	return status;
}

static ct_status word_ok(const char *option, const char *word)
{
	struct ct_roce_ports one;
	ct_status s = ct_roce_ports_parse(word, &one);

	if (s == CT_OK && one.n != 1)
		s = ct_fail(CT_INVALID, "%s takes one name", option);
	return s;
}

static ct_status write_host(const struct ct_roce_settings *s, const struct ct_roce_contract *contract,
	struct ct_buf *out)
{
	struct ct_roce_host host = { .mlnx_qos = s->host == 2, .unit = s->unit,
		.interface = s->interface, .device = s->device };
	ct_status status = word_ok("--interface", s->interface);

	if (status == CT_OK && s->device != NULL)
		status = word_ok("--device", s->device);
	if (status == CT_OK)
		ct_roce_host_write(contract, &host, out);
	return status;
}

static ct_status configure(const struct ct_roce_settings *s, const struct ct_roce_advice *advice,
	struct ct_buf *out, int *code)
{
	struct ct_roce_ports ports;
	const struct ct_roce_nos *nos = NULL;
	struct ct_roce_contract contract;
	ct_status status;

	ct_roce_contract_make(advice, &contract);
	if ((s->nos != NULL) == (s->host != 0))
		return ct_fail(CT_INVALID, "switch-config needs --nos NAME or --host TOOL, one of them");
	if (s->host != 0)
		return write_host(s, &contract, out);
	status = find(s->nos, &nos);
	if (status == CT_OK && s->check != NULL)
		return check(s, nos, &contract, code);
	if (status == CT_OK)
		status = ct_roce_ports_parse(s->switch_ports != NULL ? s->switch_ports : nos->port, &ports);
	if (status == CT_OK)
		status = nos->write(&contract, &ports, advice->in.link.Gbps, out);
	return status;
}

/* The verbs of values and configurations. */
static ct_status run(const struct ct_roce_settings *s, const char *verb, int *code)
{
	struct ct_roce_advice advice;
	struct ct_roce_input in;
	struct ct_buf out = ct_buf_make(FILE_MOST);
	bool values = strcmp(verb, "recommend") == 0;
	char from[CT_ROCE_FROM];
	json_t *origins = NULL;
	ct_status status = ct_roce_origins(s, &in, from, &origins);

	if (status == CT_OK)
		status = ct_roce_recommend(&in, &advice);
	if (status == CT_OK && values && from[0] != '\0')
		ct_buf_add(&out, "%s\n", from);
	if (status == CT_OK && values)
		ct_roce_origins_show(origins, &out);
	if (status == CT_OK && values)
		ct_roce_show(&advice, &out);
	else if (status == CT_OK)
		status = configure(s, &advice, &out, code);
	if (status == CT_OK && out.used > 0)
		status = put(s, &out);
	if (status == CT_OK && values && s->json != NULL)
		status = save_json(s->json, &advice, origins);
	json_decref(origins);
	ct_buf_free(&out);
	return status;
}

static ct_status put_text(const struct ct_roce_settings *s, const char *netdev, bool record)
{
	struct ct_buf out = ct_buf_make(FILE_MOST);
	ct_status status;

	if (record && netdev == NULL)
		status = ct_fail(CT_INVALID, "record needs the name of a network interface");
	else if (record)
		status = ct_dcb_record(netdev, &out);
	else if (s->explain != NULL)
		status = ct_roce_explain(s->explain, &out);
	else
		status = ct_roce_rules_list(&out);
	if (status == CT_OK)
		status = put(s, &out);
	ct_buf_free(&out);
	return status;
}

static const struct {
	const char *verb;
	ct_rank_job *job; /* NULL: without ranks */
} verbs[] = {
	{ "recommend", NULL }, { "switch-config", NULL }, { "record", NULL },
	{ "facts", ct_roce_facts }, { "check", ct_roce_check_all }, { "watch", ct_roce_watch },
	{ "congest", ct_roce_congest },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static int start(struct ct_roce_settings *s, const char *const *words)
{
	const char *names[VERBS + 1] = { NULL };
	char hint[256];
	int code = CT_EXIT_PASS;
	size_t v = 0;
	ct_status status;

	while (v < VERBS && strcmp(words[0], verbs[v].verb) != 0) {
		names[v] = verbs[v].verb;
		v++;
	}
	if (v == VERBS)
		status = ct_fail(CT_INVALID, "no verb \"%s\"%s", words[0], ct_name_hint(words[0], names, hint));
	else if (words[1] != NULL && strcmp(words[0], "record") != 0)
		status = ct_fail(CT_INVALID, "%s takes no further word", words[0]);
	else if (strcmp(words[0], "record") == 0)
		status = put_text(s, words[1], true);
	else if (verbs[v].job == NULL)
		status = run(s, words[0], &code);
	else if (s->list_rules || s->explain != NULL)
		status = put_text(s, NULL, false);
	else
		return ct_job_run("roce", &s->job, false, verbs[v].job, s);
	if (status == CT_OK)
		return code;
	ct_cli_complain("roce", ct_why());
	return ct_exit_of(status);
}

int ct_roce_main(int argc, char **argv)
{
	struct ct_roce_settings s = { 0 };
	const char *words[2] = { NULL };
	enum ct_cli_result parsed = ct_cli_parse(&cli, argc, argv, &s, words);
	int code = parsed == CT_CLI_DONE ? CT_EXIT_PASS : CT_EXIT_USAGE;

	if (parsed == CT_CLI_RUN)
		code = start(&s, words);
	ct_options_free(ct_roce_options, &s);
	return code;
}

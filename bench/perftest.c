/* SPDX-License-Identifier: BSD-3-Clause */
/* colltune perftest TEST [HOST]: perftest's options, and its way without a launcher: one side waits,
 * the other names it. */
#include "perftest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "cli.h"
#include "coll/coll.h"

enum { LISTEN_S = 600 };

#define AT(field) offsetof(struct ct_perftest_settings, field)
#define VERBS(field) offsetof(struct ct_perftest_settings, job.net_rows.verbs.field)
static const struct ct_option own_options[] = {
	{ "all", 'a', CT_OPT_FLAG, AT(all), NULL, 0, 0, NULL, NULL, "sizes from 2 to 2^23" },
	{ "bidirectional", 'b', CT_OPT_FLAG, AT(bidirectional), NULL, 0, 0, NULL, NULL,
		"bandwidth in both directions at once" },
	{ "connection", 'c', CT_OPT_TEXT, AT(connection), "RC", 0, 0, NULL, "TYPE",
		"service type: RC, UC or UD" },
	{ "ib-dev", 'd', CT_OPT_TEXT, VERBS(dev), NULL, 0, 0, NULL, "DEV", "RDMA device" },
	{ "duration", 'D', CT_OPT_REAL, AT(duration), "0", 0, 86400, NULL, "S",
		"run for so many seconds; all samples count" },
	{ "CPU-freq", 'F', CT_OPT_FLAG, AT(cpu_freq), NULL, 0, 0, NULL, NULL,
		"accepted; the clock does not depend on the processor's frequency" },
	{ "report-histogram", 'H', CT_OPT_FLAG, AT(histogram), NULL, 0, 0, NULL, NULL,
		"print all samples of latency, sorted" },
	{ "ib-port", 'i', CT_OPT_INT, VERBS(port), "0", 0, 255, NULL, "PORT", "port of the device" },
	{ "inline_size", 'I', CT_OPT_INT, VERBS(inline_bytes), "-1", -1, 1024, NULL, "SIZE",
		"messages up to this size travel in the request" },
	{ "post_list", 'l', CT_OPT_INT, AT(post_list), "1", 1, 1024, NULL, "N",
		"requests handed to the device in one call" },
	{ "mtu", 'm', CT_OPT_INT, VERBS(mtu), "0", 0, 4096, NULL, "MTU", "256 to 4096" },
	{ "iters", 'n', CT_OPT_INT, AT(iters), "0", 0, 1 << 24, NULL, "N",
		"exchanges; 0: 1000, or 5000 for write_bw" },
	{ "noPeak", 'N', CT_OPT_FLAG, AT(no_peak), NULL, 0, 0, NULL, NULL, "no peak bandwidth" },
	{ "port", 'p', CT_OPT_INT, AT(port), "18515", 1, 65535, NULL, "PORT",
		"TCP port on which one side waits" },
	{ "qp", 'q', CT_OPT_INT, AT(qp), "1", 1, 1024, NULL, "N", "queue pairs" },
	{ "cq-mod", 'Q', CT_OPT_INT, VERBS(cq_mod), "0", 0, 32768, NULL, "N",
		"one completion for so many messages; 0: half the tx queue" },
	{ "rx-depth", 'r', CT_OPT_INT, VERBS(rx_depth), "0", 0, 32768, NULL, "N",
		"receives that a queue pair holds; 0: 512" },
	{ "report_gbits", 0, CT_OPT_FLAG, AT(gbits), NULL, 0, 0, NULL, NULL,
		"Gb/sec of 10^9 bits instead of MB/sec of 2^20 bytes" },
	{ "size", 's', CT_OPT_SIZE, AT(size), "0", 0, 1 << 30, NULL, "SIZE",
		"of a message; 0: 2, or 65536 for bandwidth, or 8 for atomics" },
	{ "sl", 'S', CT_OPT_INT, VERBS(sl), "0", 0, 15, NULL, "SL", "service level" },
	{ "tx-depth", 't', CT_OPT_INT, VERBS(tx_depth), "0", 0, 32768, NULL, "N",
		"requests that a queue pair holds; 0: 128" },
	{ "tos", 'T', CT_OPT_INT, VERBS(tc), "0", 0, 255, NULL, "TOS",
		"traffic class of the packets (DSCP is its upper six bits)" },
	{ "report-unsorted", 'U', CT_OPT_FLAG, AT(unsorted), NULL, 0, 0, NULL, NULL,
		"print all samples of latency in their order" },
	{ "gid-index", 'x', CT_OPT_TEXT, VERBS(gid), NULL, 0, 0, NULL, "INDEX",
		"GID by index or address; else by what it is" },
	{ "listen", 0, CT_OPT_TEXT, AT(listen), "127.0.0.1", 0, 0, NULL, "ADDRESS",
		"who waits: the address of this host to wait on, and no other" },
	{ "window", 0, CT_OPT_TIME, AT(window), "100ms", 1e6, 8.64e13, NULL, "TIME",
		"bandwidth also by windows of this length; the slowest is shown" },
	{ "series", 0, CT_OPT_TEXT, AT(series), NULL, 0, 0, NULL, "FILE",
		"write those windows as CSV" },
	{ "timeout", 0, CT_OPT_TIME, AT(job.timeout), "60s", 1e8, 8.64e13, NULL, "TIME",
		"deadline for the other side" },
	{ "module-dir", 0, CT_OPT_TEXT, AT(job.module_dir), PKGLIBDIR, 0, 0, NULL, "DIR",
		"absolute directory of colltune-mpi.so and colltune-verbs.so" },
	{ NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL, NULL },
};
#undef VERBS
#undef AT

const struct ct_option *const ct_perftest_options[] = { own_options, NULL };

static const struct ct_cli cli = {
	.command = "perftest",
	.args = "write_lat|write_bw|send_lat|send_bw|read_lat|read_bw|atomic_lat [HOST]",
	.text = "Measure RDMA operations with perftest's options and columns. Without HOST and without a "
		"launcher this side waits for one other, which names it as HOST; both get the same options. "
		"Under mpirun ranks 0 and 1 are the two sides.",
	.lists = ct_perftest_options,
	.min_words = 1,
	.max_words = 2,
};

static const struct ct_perftest_test tests[] = {
	{ "write_lat", "write", true, false, 1000, 2 },
	{ "write_bw", "write", false, false, 5000, 65536 },
	{ "send_lat", "send", true, false, 1000, 2 },
	{ "send_bw", "send", false, false, 1000, 65536 },
	{ "read_lat", "read", true, true, 1000, 2 },
	{ "read_bw", "read", false, true, 1000, 65536 },
	{ "atomic_lat", "fetch_add", true, true, 1000, 8 },
};

enum { NTESTS = sizeof(tests) / sizeof(tests[0]) };

ct_status ct_perftest_find(const char *name, const struct ct_perftest_test **test)
{
	const char *near = ct_nearest_row(name, tests, NTESTS, sizeof(tests[0]));

	for (size_t i = 0; i < NTESTS; i++) {
		if (strcmp(tests[i].name, name) != 0)
			continue;
		*test = &tests[i];
		return CT_OK;
	}
	return ct_fail(CT_INVALID, "no test \"%s\"%s%s; there are write_lat, write_bw, send_lat, send_bw, "
		"read_lat, read_bw, atomic_lat", name, near != NULL ? "; did you mean " : "",
		near != NULL ? near : "");
}

/* ---- under a launcher ------------------------------------------------------------------------ */

struct asked {
	const struct ct_perftest_settings *settings;
	const struct ct_perftest_test *test;
	const char *host;
};

static ct_status run_rank(struct ct_rank *rank, void *arg, int *exit_code)
{
	const struct asked *asked = arg;
	struct ct_perftest_job job = { asked->settings, asked->test, &rank->world, rank->modules,
		rank->world.rank == 0, NULL };
	uint64_t wrong = 0;
	ct_status status;

	if (rank->world.nranks != 2)
		return ct_fail(CT_INVALID, "perftest has two sides: mpirun -n 2, not %u",
			rank->world.nranks);
	status = ct_perftest_run(&job, &wrong);
	*exit_code = wrong > 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
	return status;
}

/* ---- without one ----------------------------------------------------------------------------- */

static void say_waiting(void *arg)
{
	const struct ct_perftest_settings *s = arg;

	fprintf(stderr, "colltune perftest: waiting on %s port %lld for the other side (--listen ADDRESS "
		"to wait elsewhere)\n", s->listen, (long long)s->port);
}

static ct_status with_pair(const struct asked *asked, const struct ct_boot *boot, uint64_t *wrong)
{
	const struct ct_module *modules[2] = { NULL, NULL };
	struct ct_world world = { 0 };
	struct ct_perftest_job job = { asked->settings, asked->test, &world, modules, true, NULL };
	ct_status status = ct_boot_agree(boot, ct_module_open(asked->settings->job.module_dir, "verbs",
		&modules[0]));

	if (status == CT_OK)
		status = ct_world_make(boot, &world);
	if (status != CT_OK)
		return status;
	world.modules = modules;
	status = ct_perftest_run(&job, wrong);
	ct_world_free(&world);
	return status;
}

static int run_pair(const struct asked *asked)
{
	const struct ct_perftest_settings *s = asked->settings;
	char what[CT_PAIR_WHAT];
	struct ct_pair_attr attr = { .host = asked->host, .listen = s->listen, .port = (uint16_t)s->port,
		/* the side that calls sends; of a bandwidth of reads it is the one that reads */
		.rank = (asked->host == NULL) != (asked->test->pulls && !asked->test->latency),
		.what = what, .wait_ns = asked->host == NULL ? LISTEN_S * 1000000000ull : s->job.timeout,
		.timeout_ns = s->job.timeout, .on_wait = say_waiting, .arg = (void *)(uintptr_t)s };
	const struct ct_boot *boot = NULL;
	uint64_t wrong = 0;
	ct_status status;

	snprintf(what, sizeof(what), "%s %.8s size=%llu%s%s iters=%lld D=%g qp=%lld list=%lld "
		"tx=%lld rx=%lld", asked->test->name, s->connection, (unsigned long long)s->size,
		s->all ? " -a" : "", s->bidirectional ? " -b" : "", (long long)s->iters, s->duration,
		(long long)s->qp, (long long)s->post_list, (long long)s->job.net_rows.verbs.tx_depth,
		(long long)s->job.net_rows.verbs.rx_depth);
	status = ct_pair_open(&attr, &boot);
	if (status == CT_OK)
		status = with_pair(asked, boot, &wrong);
	if (status != CT_OK)
		ct_cli_complain("perftest", ct_why());
	ct_pair_close(boot);
	return status != CT_OK ? ct_exit_of(status) : wrong > 0 ? CT_EXIT_FAIL : CT_EXIT_PASS;
}

/* ---- both ------------------------------------------------------------------------------------ */

static ct_status check(const struct ct_perftest_settings *s, const struct ct_perftest_test *test)
{
	static const char *const types[] = { "RC", "UC", "UD", NULL };
	const char *const *t = types;

	while (*t != NULL && strcmp(*t, s->connection) != 0)
		t++;
	if (*t == NULL)
		return ct_fail(CT_INVALID, "-c %s: there are RC, UC and UD", s->connection);
	if (test->latency && s->bidirectional)
		return ct_fail(CT_INVALID, "-b: a test of latency has no directions");
	if (strcmp(test->algo, "fetch_add") == 0 && (s->all || (s->size != 0 && s->size != 8)))
		return ct_fail(CT_INVALID, "%s: atomic operations have 8 bytes", s->all ? "-a" : "-s");
	if (s->size % 2 != 0)
		return ct_fail(CT_INVALID, "-s %llu: sizes are even numbers of bytes, as %llu",
			(unsigned long long)s->size, (unsigned long long)s->size + 1);
	return CT_OK;
}

int ct_perftest_main(int argc, char **argv)
{
	struct ct_perftest_settings settings = { 0 };
	const char *words[2];
	struct asked asked = { &settings, NULL, NULL };
	static const struct ct_option *const others[] = { ct_net_options, NULL };
	int code = CT_EXIT_USAGE;

	/* the control plane of a launcher's ranks has options that are not offered here */
	if (ct_options_default(others, &settings) != CT_OK) {
		ct_cli_complain("perftest", ct_why());
		return CT_EXIT_ENVIRONMENT;
	}
	switch (ct_cli_parse(&cli, argc, argv, &settings, words)) {
	case CT_CLI_DONE:
		code = CT_EXIT_PASS;
		break;
	case CT_CLI_USAGE:
		break;
	case CT_CLI_RUN:
		if (ct_perftest_find(words[0], &asked.test) != CT_OK ||
			check(&settings, asked.test) != CT_OK) {
			ct_cli_complain("perftest", ct_why());
			break;
		}
		asked.host = words[1];
		settings.job.net_rows.verbs.qps = settings.qp;
		if (ct_cli_launcher().size <= 1) {
			code = run_pair(&asked);
			break;
		}
		settings.job.coll = (char *)(uintptr_t)"verbs"; /* no row here owns these texts */
		settings.job.net = (char *)(uintptr_t)"auto";
		settings.job.log = (char *)(uintptr_t)"warn";
		settings.job.threads = 1;
		code = ct_job_run("perftest", &settings.job, true, run_rank, &asked);
		break;
	}
	ct_options_free(ct_perftest_options, &settings);
	return code;
}

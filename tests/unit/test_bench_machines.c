/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine files of all hosts in --out. The ranks are threads that pretend to run on several
 * hosts, talk over TCP as such ranks do, and tell the machine files of other machines. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/machines.h"
#include "topo/topo.h"

enum { RANKS = 7, HOSTS = 4, LIMIT = 150000 };
#define SECOND 1000000000ull

/* Ranks by turns, so that the lowest rank of a host is not the first of a row. */
static const uint32_t home[RANKS] = { 0, 1, 0, 2, 3, 1, 3 };
static const char *const names[HOSTS] = { "alpha", "beta", "gamma", "beta" };

static char dir[64], out[96];
static char *told[HOSTS]; /* what each host has to tell; NULL = nothing */
static ct_status results[RANKS];

static char *contents(const char *file)
{
	char path[400];
	FILE *f;
	char *text = calloc(1, 1 << 20);

	snprintf(path, sizeof(path), CT_TEST_SRCDIR "/topo/machines/%s", file);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void pretend(struct ct_world *w)
{
	ct_free(w->hosts);
	w->hosts = ct_alloc(HOSTS, sizeof(*w->hosts));
	w->nhosts = HOSTS;
	w->local_rank = 0;
	for (uint32_t h = 0; h < HOSTS; h++) {
		snprintf(w->hosts[h].name, sizeof(w->hosts[h].name), "%s", names[h]);
		w->hosts[h].id = h + 1;
		w->hosts[h].cpus = 4;
	}
	for (uint32_t r = 0; r < w->nranks; r++) {
		w->host_of[r] = home[r];
		w->hosts[home[r]].ranks++;
		w->local_rank += r < w->rank && home[r] == home[w->rank];
	}
	w->local_ranks = w->hosts[home[w->rank]].ranks;
}

static ct_status open_store(struct ct_rank *rank)
{
	json_t *environment = json_pack("{s:s, s:s, s:{}, s:i, s:i, s:s}", "kind", "environment",
		"command", "test", "options", "seed", 1, "nranks", RANKS, "started", "now");
	ct_status status = ct_store_open(out, false, environment, &rank->store);

	json_decref(environment);
	return status;
}

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	static const struct ct_option *const lists[] = { ct_net_options, NULL };
	struct ct_net_settings net = { 0 };
	struct ct_rank rank = { .command = "test" };
	struct ct_session_attr attr = { .world = &rank.world, .net_settings = &net,
		.deadline_ns = 20 * SECOND };
	ct_status status = ct_world_make(boot, &rank.world);

	(void)arg;
	if (status != CT_OK)
		return status;
	pretend(&rank.world);
	status = ct_boot_agree(boot, ct_options_default(lists, &net));
	net.tcp.iface = ct_strdup("lo");
	if (status == CT_OK)
		status = ct_session_open(&attr, &rank.session);
	if (status == CT_OK && boot->rank == 0)
		status = open_store(&rank);
	if (rank.session != NULL)
		status = ct_session_agree(rank.session, status);
	if (status == CT_OK) {
		/* Who is not the first of its host may have anything. */
		bool first = boot->rank == 0 || boot->rank == 1 || boot->rank == 3 || boot->rank == 4;
		const char *text = first ? told[home[boot->rank]] : "not asked";

		status = ct_machines_store_text(&rank, text, text != NULL ? strlen(text) : 0, LIMIT);
	}
	ct_session_close(rank.session);
	ct_store_close(rank.store);
	ct_options_free(lists, &net);
	ct_world_free(&rank.world);
	return status;
}

static int begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/colltune-machines-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(out, sizeof(out), "%s/out", dir);
	memset(told, 0, sizeof(told));
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	for (size_t h = 0; h < HOSTS; h++)
		free(told[h]);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

/* Runs the ranks; what they said on stderr is in SAID. */
static ct_status run(char *said, size_t room)
{
	char path[96];
	int keep = dup(2);
	ct_status status;
	FILE *f;

	snprintf(path, sizeof(path), "%s/stderr", dir);
	assert_true(keep >= 0);
	assert_non_null(freopen(path, "w", stderr));
	status = ct_threads_run(RANKS, 30 * SECOND, rank_main, NULL, results);
	fflush(stderr);
	dup2(keep, 2);
	close(keep);
	f = fopen(path, "r");
	assert_non_null(f);
	said[fread(said, 1, room - 1, f)] = '\0';
	fclose(f);
	return status;
}

/* Cores and GPUs in machines/NAME, to tell whose file it is; NULL when there is none. */
static const char *stored(const char *name, char what[32])
{
	struct ct_machine *m = NULL;
	char path[200];

	snprintf(path, sizeof(path), "%s/machines/%s", out, name);
	if (access(path, F_OK) != 0)
		return NULL;
	assert_int_equal(ct_machine_load(path, &m), CT_OK);
	snprintf(what, 32, "%llu cores %zu GPUs",
		(unsigned long long)ct_machine_facts(m)->cores, ct_machine_facts(m)->ngpus);
	ct_machine_free(m);
	return what;
}

static void every_host(void **state)
{
	char said[2000], is[32], want[32];
	struct ct_machine *m = NULL;
	static const char *const files[HOSTS] = { "cloud-vm.json", "pcie-4gpu-2roce.json",
		"hgx-h100-8rail.json", "cloud-vm.json" };
	static const char *const stored_as[HOSTS] = { "alpha.json", "beta.json", "gamma.json",
		"beta-rank4.json" };

	(void)state;
	for (size_t h = 0; h < HOSTS; h++)
		told[h] = contents(files[h]);
	assert_int_equal(run(said, sizeof(said)), CT_OK);
	assert_string_equal(said, "");
	for (size_t h = 0; h < HOSTS; h++) {
		char path[300];

		snprintf(path, sizeof(path), CT_TEST_SRCDIR "/topo/machines/%s", files[h]);
		assert_int_equal(ct_machine_load(path, &m), CT_OK);
		snprintf(want, sizeof(want), "%llu cores %zu GPUs",
			(unsigned long long)ct_machine_facts(m)->cores, ct_machine_facts(m)->ngpus);
		ct_machine_free(m);
		assert_non_null(stored(stored_as[h], is));
		assert_string_equal(is, want);
	}
}

/* Missing, too large and broken files: each host is named, the others' files are there. */
static void left_out(void **state)
{
	char said[2000], is[32];

	(void)state;
	told[0] = contents("cloud-vm.json");
	told[1] = contents("cpu-2socket.json"); /* 159151 bytes */
	told[2] = contents("cloud-vm.json");
	*strstr(told[2], "schema") = 'S';
	assert_int_equal(run(said, sizeof(said)), CT_OK);
	assert_non_null(stored("alpha.json", is));
	assert_null(stored("beta.json", is));
	assert_null(stored("gamma.json", is));
	assert_null(stored("beta-rank4.json", is));
	assert_non_null(strstr(said, "machine file of host beta left out: 159151 bytes are more"));
	assert_non_null(strstr(said, "machine file of host gamma left out: machines/gamma.json: "));
	assert_non_null(strstr(said, "machine file of host beta left out: it could not be made"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_host, begin, end),
		cmocka_unit_test_setup_teardown(left_out, begin, end),
	};

	return cmocka_run_group_tests_name("bench_machines", tests, NULL, NULL);
}

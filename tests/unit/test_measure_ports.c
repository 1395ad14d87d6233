/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of RDMA ports around the turns of candidates: a tree made here stands for the machine,
 * and each call of the library with a virtual clock makes its counters go on. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "measure_fake.h"

static char root[64];
static uint64_t naks, packets[3];
static struct ct_result results[4];
static size_t nresults;

static void put(const char *device, const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/sys/class/infiniband/%s/ports/1/%s%s", root, device, dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void put_number(const char *device, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)value);
	put(device, "hw_counters/", name, text);
}

static void write_tree(void)
{
	put_number("rxe1", "rcvd_seq_err", naks);
	for (unsigned int i = 0; i < 3; i++) {
		const char *const devices[] = { "rxe1", "rxe2", "rxe3" };

		put_number(devices[i], "sent_pkts", packets[i]);
		put_number(devices[i], "rcvd_pkts", packets[i]);
	}
}

/* Every call of a is one NAK and goes over rxe1, every call of b is 1000 NAKs and goes over rxe1
 * and rxe2; rxe3 sees a packet now and then. */
static uint64_t calls(uint32_t rank, char algo, uint64_t call)
{
	if (rank == 0) {
		naks += algo == 'a' ? 1 : 1000;
		packets[0] += 100;
		packets[1] += algo == 'a' ? 0 : 100;
		packets[2] += call % 25 == 0;
		write_tree();
	}
	return 1000 + call % 7;
}

static int begin(void **state)
{
	char command[400];

	(void)state;
	fake_reset();
	naks = 4294967000; /* 64 bits here: no wrap */
	memset(packets, 0, sizeof(packets));
	nresults = 0;
	strcpy(root, "/tmp/colltune-ports-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(command, sizeof(command), "cd '%s' && mkdir -p sys/class/infiniband/rxe1/ports/1/"
		"hw_counters sys/class/infiniband/rxe2/ports/1/hw_counters "
		"sys/class/infiniband/rxe3/ports/1/hw_counters", root);
	if (system(command) != 0)
		return -1;
	for (unsigned int i = 1; i <= 3; i++) {
		char device[8];

		snprintf(device, sizeof(device), "rxe%u", i);
		put(device, "", "state", i < 3 ? "4: ACTIVE\n" : "1: DOWN\n");
		put(device, "", "link_layer", "Ethernet\n");
	}
	write_tree();
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	for (size_t i = 0; i < nresults; i++)
		ct_result_clear(&results[i]);
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

static ct_status keep(void *arg, struct ct_result *r)
{
	const struct ct_boot *boot = arg;

	if (boot->rank != 1) /* the one that reads nothing itself */
		return CT_OK;
	assert_true(nresults < 4);
	results[nresults++] = *r;
	r->samples_ns = NULL;
	r->hist = NULL;
	r->ports.ends = NULL;
	r->ports.nends = 0;
	return CT_OK;
}

static ct_status rank_main(const struct ct_boot *boot, void *arg)
{
	const struct ct_candidate list[] = { candidate_of("fake", "", "a"), candidate_of("fake", "", "b") };
	const struct ct_test test = allreduce_of(8);
	struct ct_world world;
	struct ct_session *session = NULL;
	struct ct_session_attr attr = { .modules = fake_modules, .deadline_ns = 20000000000,
		.sysroot = arg, .world = &world };
	struct ct_measure_plan plan = { .candidates = list, .ncandidates = 2, .tests = &test,
		.ntests = 1, .seed = 3, .on_result = keep, .arg = (void *)(uintptr_t)boot,
		.stop = { .precision = 1e-9, .max_samples = 200, .check = 1 } };
	ct_status status = ct_world_make(boot, &world);

	if (status != CT_OK)
		return status;
	status = ct_session_open(&attr, &session);
	if (status == CT_OK)
		status = ct_measure_run(session, &plan);
	ct_session_close(session);
	ct_world_free(&world);
	return status;
}

/* What each port counted by itself: the NAKs are rxe1's, and only b uses rxe2. */
static void each_end(const struct ct_result *r, bool a)
{
	const struct ct_port_end *e = r->ports.ends;
	uint64_t sum = 0;

	assert_int_equal(r->ports.nends, 3);
	assert_int_equal(r->ports.nports, 3);
	for (unsigned int i = 0; i < 3; i++) {
		const char *const devices[] = { "rxe1", "rxe2", "rxe3" };

		assert_string_equal(e[i].device, devices[i]);
		assert_int_equal(e[i].port, 1);
		assert_int_equal(e[i].active, i < 2);
		assert_string_not_equal(e[i].host, "");
		sum += e[i].counts.value[CT_COUNT_TX_PACKETS];
	}
	assert_int_equal(sum, r->ports.sum.value[CT_COUNT_TX_PACKETS]);
	assert_int_equal(e[0].counts.value[CT_COUNT_SEQ_NAKS], r->summary.n * (a ? 1 : 1000));
	assert_int_equal(e[1].counts.exposed & ct_count_bit(CT_COUNT_SEQ_NAKS), 0); /* not 0: absent */
	assert_int_equal(e[1].counts.value[CT_COUNT_TX_PACKETS], a ? 0 : r->summary.n * 100);
}

static void turns(void **state)
{
	uint64_t more[2];

	(void)state;
	fake.span = calls;
	assert_int_equal(ct_threads_run(2, 20000000000, rank_main, root, NULL), CT_OK);
	assert_int_equal(nresults, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct ct_result *r = &results[i];
		const struct ct_counts *c = &r->ports.sum;
		bool a = r->candidate.algo[0] == 'a';

		assert_true(r->ports.known);
		assert_true(r->summary.n >= 200);
		/* of its own batches only: no warm-up, no check, nothing of the other's */
		assert_int_equal(c->value[CT_COUNT_SEQ_NAKS], r->summary.n * (a ? 1 : 1000));
		more[i] = c->value[CT_COUNT_TX_PACKETS] - r->summary.n * (a ? 100 : 200);
		assert_true(more[i] <= r->summary.n / 25 + 1);
		assert_int_equal(r->ports.active, 2);
		assert_int_equal(r->ports.used, a ? 1 : 2);
		assert_int_equal(c->exposed, ct_count_bit(CT_COUNT_SEQ_NAKS) |
			ct_count_bit(CT_COUNT_TX_PACKETS) | ct_count_bit(CT_COUNT_RX_PACKETS));
		assert_int_equal(c->reset | c->saturated, 0);
		each_end(r, a);
	}
}

/* A machine without RDMA: unknown, not 0. */
static void no_ports(void **state)
{
	char empty[80];

	(void)state;
	snprintf(empty, sizeof(empty), "%s/sys", root);
	assert_int_equal(ct_threads_run(2, 20000000000, rank_main, empty, NULL), CT_OK);
	assert_int_equal(nresults, 2);
	assert_false(results[0].ports.known);
	assert_int_equal(results[0].ports.sum.exposed, 0);
}

static void no_tree(void **state)
{
	char none[80];

	(void)state;
	snprintf(none, sizeof(none), "%s/nowhere", root);
	assert_int_equal(ct_threads_run(2, 20000000000, rank_main, none, NULL), CT_OK);
	assert_false(results[0].ports.known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(turns, begin, end),
		cmocka_unit_test_setup_teardown(no_ports, begin, end),
		cmocka_unit_test_setup_teardown(no_tree, begin, end),
	};

	return cmocka_run_group_tests_name("measure ports", tests, NULL, NULL);
}

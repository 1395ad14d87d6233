/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records out and in, and the result directory. With CT_TEST_WRITE=FILE the records of this test
 * are also written there, for tests/cli/schema_result.t.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "measure/inside.h"

static char root[64], dir[80], file[128];

static int begin(void **state)
{
	(void)state;
	strcpy(root, "/tmp/colltune-test-XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/out", root);
	snprintf(file, sizeof(file), "%s/points.jsonl", dir);
	return 0;
}

static int end(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	return system(command);
}

/* A result in which every field has a value of its own. */
static void fill(struct ct_result *r, bool histogram)
{
	static const uint64_t times[] = { 1200, 1100, 1300, 1000, 1250, 1150, 1175 };
	uint64_t scratch[7];

	*r = (struct ct_result){
		.round = 2, .nranks = 4, .pairs = 2, .bytes = 4096, .count = 1024, .inner = 16,
		.first_ns = 99000, .warmup = 5, .wrong = 3, .checked = 4, .overhead_ns = 31,
		.algbw_Bps = 3.5e9, .busbw_Bps = 5.25e9, .messages_per_s = 8e5, .precise = true,
		.oversubscribed = true, .counters = { 1, 2, 3, 4, 5, 6 }, .verdict = CT_WARN,
		.status = CT_OK,
	};
	r->test = (struct ct_test){
		.coll = CT_ALLREDUCE, .type = CT_BFLOAT16, .op = CT_MAX, .root = 1, .bytes = 4099,
		.in_place = true, .window = 16,
	};
	strcpy(r->candidate.backend, "native");
	strcpy(r->candidate.net, "shm");
	strcpy(r->candidate.algo, "ring");
	strcpy(r->candidate.knob_name[0], "segment");
	r->candidate.knob[0] = 65536;
	r->candidate.nknobs = 1;
	strcpy(r->candidate.memory, "cuda:1");
	strcpy(r->path, "memfd rings \xc3\xbc");
	strcpy(r->library, "colltune \033[31m\xff");
	r->expected = (struct ct_expectation){ .known = true, .time_ns = 900, .busbw_Bps = 6e9 };
	strcpy(r->expected.formula, "4096 B / 4.6 GB/s");
	strcpy(r->expected.basis, "measured copy");
	r->told = (struct ct_coll_about){ .predicted_ns = 12, .chosen = "ring ll, 2 channels" };
	strcpy(r->told.costs, "ring/ll 0.012, tree/simple 1.5"); /* and no rule: left out */
	r->ports = (struct ct_port_counts){ .known = true, .active = 3, .used = 2 };
	r->ports.sum.exposed = ct_count_bit(CT_COUNT_TX_BYTES) | ct_count_bit(CT_COUNT_SEQ_NAKS) |
		ct_count_bit(CT_COUNT_ACK_TIMEOUTS);
	r->ports.sum.value[CT_COUNT_TX_BYTES] = 123456789012;
	r->ports.sum.value[CT_COUNT_SEQ_NAKS] = 17;
	r->ports.sum.reset = ct_count_bit(CT_COUNT_SEQ_NAKS);
	r->ports.sum.saturated = ct_count_bit(CT_COUNT_TX_BYTES);
	r->ports.ends = ct_alloc(2, sizeof(*r->ports.ends));
	assert_non_null(r->ports.ends);
	r->ports.nends = 2;
	r->ports.nports = 40;
	r->ports.ends[1] = (struct ct_port_end){ .host = "b", .device = "mlx5_1", .port = 2,
		.active = true, .counts = r->ports.sum };
	memcpy(scratch, times, sizeof(times));
	r->summary = ct_summarize(scratch, 7);
	if (histogram) {
		r->hist = ct_alloc(1, sizeof(*r->hist));
		ct_hist_reset(r->hist);
		for (size_t i = 0; i < 7; i++)
			ct_hist_add(r->hist, times[i]);
	} else {
		r->samples_ns = ct_alloc(7, sizeof(uint64_t));
		memcpy(r->samples_ns, times, sizeof(times));
	}
}

static void same(const struct ct_result *a, const struct ct_result *b)
{
	struct ct_summary s = a->summary, t = b->summary;

	assert_true(ct_candidate_same(&a->candidate, &b->candidate));
	assert_true(ct_test_same(&a->test, &b->test));
	assert_int_equal(a->round, b->round);
	assert_int_equal(a->nranks, b->nranks);
	assert_int_equal(a->pairs, b->pairs);
	assert_int_equal(a->bytes, b->bytes);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->inner, b->inner);
	assert_int_equal(a->first_ns, b->first_ns);
	assert_int_equal(a->warmup, b->warmup);
	assert_int_equal(a->wrong, b->wrong);
	assert_int_equal(a->checked, b->checked);
	assert_int_equal(a->told.predicted_ns, b->told.predicted_ns);
	assert_string_equal(a->told.chosen, b->told.chosen);
	assert_string_equal(a->told.costs, b->told.costs);
	assert_string_equal(a->told.rule, b->told.rule);
	assert_int_equal(a->overhead_ns, b->overhead_ns);
	assert_true(a->algbw_Bps == b->algbw_Bps && a->busbw_Bps == b->busbw_Bps);
	assert_true(a->messages_per_s == b->messages_per_s);
	assert_int_equal(a->precise, b->precise);
	assert_int_equal(a->oversubscribed, b->oversubscribed);
	assert_memory_equal(&a->counters, &b->counters, sizeof(a->counters));
	assert_int_equal(a->ports.known, b->ports.known);
	assert_int_equal(a->ports.active, b->ports.active);
	assert_int_equal(a->ports.used, b->ports.used);
	assert_memory_equal(&a->ports.sum, &b->ports.sum, sizeof(a->ports.sum));
	assert_int_equal(a->ports.nends, b->ports.nends);
	assert_int_equal(a->ports.nports, b->ports.nports);
	assert_memory_equal(a->ports.ends, b->ports.ends, 2 * sizeof(*a->ports.ends));
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->expected.known, b->expected.known);
	assert_string_equal(a->expected.formula, b->expected.formula);
	assert_int_equal(a->expected.time_ns, b->expected.time_ns);
	assert_int_equal(a->status, b->status);
	assert_string_equal(a->path, b->path);
	s.mean = t.mean = 0; /* whole nanoseconds in a record */
	assert_memory_equal(&s, &t, sizeof(s));
}

static void round_trip(void **state)
{
	(void)state;
	for (int histogram = 0; histogram < 2; histogram++) {
		struct ct_result a, b;
		json_t *record;

		fill(&a, histogram != 0);
		record = ct_record_point(&a);
		assert_non_null(record);
		assert_int_equal(ct_record_parse(record, "x.jsonl", 7, &b), CT_OK);
		same(&a, &b);
		assert_string_equal(b.library, "colltune ?[31m?"); /* fit for a terminal */
		if (histogram)
			assert_memory_equal(a.hist->bucket, b.hist->bucket, sizeof(a.hist->bucket));
		else
			assert_memory_equal(a.samples_ns, b.samples_ns, 7 * sizeof(uint64_t));
		assert_true(json_real_value(json_object_get(record, "efficiency")) > 0.76);
		json_decref(record);
		ct_result_clear(&a);
		ct_result_clear(&b);
	}
}

/* Records of before the ports' counters, or of a machine without RDMA. */
static void without_ports(void **state)
{
	struct ct_result a, b;
	json_t *record;

	(void)state;
	fill(&a, false);
	a.ports.known = false;
	a.candidate.memory[0] = '\0'; /* the host's is left out */
	record = ct_record_point(&a);
	assert_null(json_object_get(record, "ports"));
	assert_null(json_object_get(json_object_get(record, "candidate"), "memory"));
	assert_int_equal(ct_record_parse(record, "x.jsonl", 7, &b), CT_OK);
	assert_false(b.ports.known);
	assert_int_equal(b.ports.sum.exposed, 0);
	assert_string_equal(b.candidate.memory, "");
	json_decref(record);
	ct_result_clear(&a);
	ct_result_clear(&b);
}

/* Changes one member of a good record; the parser names file, line and place. */
static void refused(const char *group, const char *key, json_t *value, const char *told)
{
	struct ct_result r, back;
	json_t *record, *object;

	fill(&r, false);
	record = ct_record_point(&r);
	object = group[0] != '\0' ? json_object_get(record, group) : record;
	if (value != NULL)
		json_object_set_new(object, key, value);
	else
		json_object_del(object, key);
	assert_int_equal(ct_record_parse(record, "x.jsonl", 17, &back), CT_INVALID);
	assert_non_null(strstr(ct_why(), "x.jsonl:17"));
	if (strstr(ct_why(), told) == NULL)
		fail_msg("%s: no %s", ct_why(), told);
	json_decref(record);
	ct_result_clear(&r);
}

static void bad_records(void **state)
{
	(void)state;
	refused("", "schema", json_string("colltune-result/2"), "colltune-result/1");
	refused("", "kind", json_string("pint"), "/kind");
	refused("", "medain_ns", json_integer(1), "median_ns");
	refused("", "median_ns", json_integer(-1), "/median_ns");
	refused("", "median_ns", json_real(1.5), "/median_ns");
	refused("", "median_ns", NULL, "/median_ns");
	refused("", "coll", json_string("allredcue"), "allreduce");
	refused("", "busbw_Bps", json_string("fast"), "/busbw_Bps");
	refused("", "precise", json_integer(1), "/precise");
	refused("", "samples", json_integer(8), "/samples_ns");
	refused("", "samples_ns", NULL, "/samples_ns");
	refused("", "histogram", json_array(), "beside samples_ns");
	refused("", "round", json_integer(5000000000), "/round");
	refused("", "candidate", json_array(), "/candidate");
	refused("candidate", "backend", json_string("012345678901234567890123"), "too long");
	refused("candidate", "memory", json_string("012345678901234567890123"), "too long");
	refused("candidate", "knobs", json_pack("{s:s}", "a", "b"), "/candidate/knobs");
	refused("counters", "tx_bytes", NULL, "/counters/tx_bytes");
	refused("", "ports", json_integer(1), "/ports");
	refused("ports", "active", NULL, "/ports/active");
	refused("ports", "colour", json_integer(1), "/ports/colour");
	refused("ports", "ends", json_integer(1), "/ports/ends");
	refused("ports", "ends", json_pack("[{s:s}]", "hosts", "a"), "/ports/ends");
	refused("ports", "nports", json_integer(1), "/ports/nports");
	refused("ports", "counts", json_pack("{s:i}", "seq_nak", 1), "seq_naks");
	refused("ports", "counts", json_pack("{s:i}", "seq_naks", -1), "/ports/counts/seq_naks");
	refused("ports", "reset", json_pack("[s]", "seq_nak"), "seq_naks");
	refused("ports", "saturated", json_null(), "/ports/saturated");
	refused("expected", "basis", json_null(), "/expected/basis");
}

/* ---- directory ------------------------------------------------------------------------------ */

static ct_status single_environment(json_t **out, int64_t option)
{
	struct ct_world world;
	struct ct_session_attr attr = { .world = &world };
	struct ct_session *session = NULL;
	json_t *options = json_pack("{s:I, s:s, s:b}", "min-bytes", (json_int_t)option, "out", root,
		"resume", (int)(option & 1));

	assert_int_equal(ct_world_make(ct_boot_single(), &world), CT_OK);
	assert_int_equal(ct_session_open(&attr, &session), CT_OK);
	*out = ct_record_environment(session, "bench", options, NULL, UINT64_MAX);
	json_decref(options);
	ct_session_close(session);
	ct_world_free(&world);
	return *out != NULL ? CT_OK : CT_NOMEM;
}

static void store_two_points(json_t *environment)
{
	struct ct_store *store = NULL;
	struct ct_result r;

	assert_int_equal(ct_store_open(dir, false, environment, &store), CT_OK);
	fill(&r, false);
	assert_int_equal(ct_store_point(store, &r), CT_OK);
	ct_result_clear(&r);
	fill(&r, true);
	r.round = 3;
	r.expected.known = false;
	assert_int_equal(ct_store_point(store, &r), CT_OK);
	ct_result_clear(&r);
	assert_int_equal(ct_store_state(store, "interrupted", "SIGINT"), CT_OK);
	ct_store_close(store);
}

static void check_modes(void)
{
	struct stat st;
	char path[128];

	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/run.json", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void assert_state(const char *expected)
{
	char path[128];
	json_t *run = NULL;

	snprintf(path, sizeof(path), "%s/run.json", dir);
	assert_int_equal(ct_json_load(path, 1 << 20, &run), CT_OK);
	assert_string_equal(json_string_value(json_object_get(run, "state")), expected);
	json_decref(run);
}

static void resume(void **state)
{
	json_t *environment;
	struct ct_store *store = NULL;
	struct ct_result r;

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	store_two_points(environment);
	check_modes();
	assert_state("interrupted");
	assert_int_equal(ct_store_open(dir, false, environment, &store), CT_INVALID); /* exists */
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_OK);
	assert_state("running");
	assert_int_equal(ct_store_count(store), 2);
	fill(&r, false);
	same(ct_store_result(store, 0), &r);
	assert_true(ct_store_has(store, 2, &r.candidate, &r.test));
	assert_true(ct_store_has(store, 3, &r.candidate, &r.test));
	assert_false(ct_store_has(store, 4, &r.candidate, &r.test));
	r.test.bytes++;
	assert_false(ct_store_has(store, 2, &r.candidate, &r.test));
	r.test.bytes--;
	r.candidate.knob[0]++;
	assert_false(ct_store_has(store, 2, &r.candidate, &r.test));
	r.round = 4;
	assert_int_equal(ct_store_point(store, &r), CT_OK);
	ct_result_clear(&r);
	assert_int_equal(ct_store_state(store, "done", NULL), CT_OK);
	assert_int_equal(ct_store_state(store, "asleep", NULL), CT_INVALID);
	ct_store_close(store);
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_OK);
	assert_int_equal(ct_store_count(store), 3);
	ct_store_close(store);
	json_decref(environment);
}

static void resume_with_other_options(void **state)
{
	json_t *environment, *other;
	struct ct_store *store = NULL;

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	assert_int_equal(single_environment(&other, 16), CT_OK);
	store_two_points(environment);
	assert_int_equal(ct_store_open(dir, true, other, &store), CT_INVALID);
	assert_non_null(strstr(ct_why(), "another min-bytes"));
	assert_state("interrupted");
	json_decref(environment);
	json_decref(other);
}

/* A job that died while writing: told with file and line, and nothing on disk is changed. */
static void cut_off_line(void **state)
{
	json_t *environment;
	struct ct_store *store = NULL;
	struct ct_records records;
	struct stat before, after;

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	store_two_points(environment);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(truncate(file, before.st_size - 5), 0);
	assert_int_equal(stat(file, &before), 0);
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_INVALID);
	assert_null(store);
	assert_non_null(strstr(ct_why(), "points.jsonl:3"));
	assert_non_null(strstr(ct_why(), "cut off"));
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_true(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
	assert_state("interrupted");
	/* who only looks at a running job sees the whole lines */
	assert_int_equal(ct_records_read(file, true, &records), CT_OK);
	assert_int_equal(records.n, 1);
	ct_records_free(&records);
	json_decref(environment);
}

static void wrong_files(void **state)
{
	static const char *const texts[][2] = {
		{ "", ":1: no environment" },
		{ "{\"schema\":\"colltune-result/9\"}\n", "colltune-result/1" },
		{ "{\"schema\":\"colltune-result/1\",\"kind\":\"point\"}\n", "no environment" },
		{ "[]\n", "points.jsonl:1" },
		{ "{\n", "points.jsonl:1" },
		{ "\n", "points.jsonl:1" },
	};
	json_t *environment;
	struct ct_store *store = NULL;

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_IO); /* no such DIR */
	assert_int_equal(mkdir(dir, 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *f = fopen(file, "w");

		fputs(texts[i][0], f);
		fclose(f);
		assert_int_equal(ct_store_open(dir, true, environment, &store), CT_INVALID);
		if (strstr(ct_why(), texts[i][1]) == NULL)
			fail_msg("%s: no %s", ct_why(), texts[i][1]);
	}
	json_decref(environment);
}

static void other_files(void **state)
{
	static const char *const bad[] = { "", "/etc/x", "../x", "a/../x", "a/", "a//b", "a/b/c",
		".hidden", "a/.b", "a b", "a\nb" };
	json_t *environment;
	struct ct_store *store = NULL;
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	assert_int_equal(ct_store_open(dir, false, environment, &store), CT_OK);
	assert_int_equal(ct_store_save(store, "verdict.json", environment), CT_OK);
	assert_int_equal(ct_store_save(store, "machines/node-1.example.json", environment), CT_OK);
	snprintf(path, sizeof(path), "%s/machines/node-1.example.json", dir);
	assert_int_equal(stat(path, &st), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ct_store_save(store, bad[i], environment), CT_INVALID);
	ct_store_close(store);
	json_decref(environment);
}

/* For the schema's test: what store_two_points() wrote, and a point that could not be measured. */
static void write_for_schema(void **state)
{
	const char *target = getenv("CT_TEST_WRITE");
	struct ct_result r = { .status = CT_UNSUPPORTED, .why = "no way", .verdict = CT_UNJUDGED,
		.nranks = 1 };
	struct ct_store *store = NULL;
	json_t *environment;

	(void)state;
	assert_int_equal(single_environment(&environment, 8), CT_OK);
	store_two_points(environment);
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_OK);
	strcpy(r.candidate.backend, "mpi");
	assert_int_equal(ct_store_point(store, &r), CT_OK);
	ct_store_close(store);
	assert_int_equal(ct_store_open(dir, true, environment, &store), CT_OK);
	assert_int_equal(ct_store_count(store), 3);
	assert_int_equal(ct_store_result(store, 2)->status, CT_UNSUPPORTED);
	ct_store_close(store);
	json_decref(environment);
	if (target != NULL)
		assert_int_equal(rename(file, target), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(without_ports),
		cmocka_unit_test(bad_records), TEST(resume),
		TEST(resume_with_other_options), TEST(cut_off_line), TEST(wrong_files),
		TEST(other_files), TEST(write_for_schema),
	};

	return cmocka_run_group_tests_name("measure_record", all, NULL, NULL);
}

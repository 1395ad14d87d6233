/* SPDX-License-Identifier: BSD-3-Clause */
/* ct_tune and ct_advice, through libcolltune.so and colltune.h alone: a search at the start of a job, the
 * same answer on every rank, used by ct_comm and written for others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>

#include "api_ranks.h"

#define FIXTURE CT_TEST_SRCDIR "/tests/fixtures/rules-export.json"

static struct ct_tune_plan brief(void)
{
	struct ct_tune_plan plan = ct_tune_plan_init(60000000000); /* it ends long before, but on a loaded machine */

	plan.min_bytes = 64;
	plan.max_bytes = 4096;
	plan.colls = 1u << CT_ALLREDUCE | 1u << CT_ALLGATHER;
	return plan;
}

/* FNV-1a. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3u;
	return h;
}

/* The advice is used as it is: by a communicator over the same ranks. */
static int use(const struct ct_boot *boot, const ct_advice *advice)
{
	struct ct_comm_attr attr = ct_comm_attr_init(boot);
	struct ct_comm_info info = { .size = sizeof(info) };
	ct_comm *comm = NULL;
	int32_t one = 1, sum = 0;
	int bad = 0;

	attr.advice = advice;
	if (ct_comm_open(&attr, &comm) != CT_OK)
		return 20;
	if (ct_comm_about(comm, &info) != CT_OK || info.note[0] != '\0' ||
		info.rules != ct_advice_count(advice) || strncmp(info.hash, "sha256:", 7) != 0)
		bad = 21;
	if (ct_allreduce(comm, &one, &sum, 1, CT_INT32, CT_SUM) != CT_OK || sum != (int32_t)info.nranks)
		bad = 22;
	if (bad != 0)
		fprintf(stderr, "note: %s\n", info.note);
	ct_comm_close(comm);
	return bad;
}

static int tune_main(const struct ct_boot *boot)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	struct ct_tune_plan plan = brief();
	ct_advice *advice = NULL;
	ct_job *job = NULL;
	uint64_t mine, all[MOST_RANKS];
	int bad = 1;

	if (ct_job_open(&attr, &job) != CT_OK || ct_tune(job, &plan, &advice) != CT_OK)
		goto out;
	mine = hash(ct_advice_text(advice));
	bad = boot->allgather(boot->ctx, &mine, all, sizeof(mine)) != CT_OK ? 2 : 0;
	for (uint32_t r = 0; bad == 0 && r < boot->nranks; r++)
		bad = all[r] == mine ? 0 : 3;
	if (bad == 0 && strstr(ct_advice_text(advice), "colltune-rules/1") == NULL)
		bad = 4;
	if (bad == 0)
		bad = use(boot, advice);
out:
	if (bad != 0)
		fprintf(stderr, "rank %u: check %d: %s\n", boot->rank, bad, ct_why());
	ct_advice_free(advice);
	ct_job_close(job);
	return bad;
}

static void same_on_every_rank(void **state)
{
	(void)state;
	assert_int_equal(thread_ranks(2, tune_main), 0);
	assert_int_equal(thread_ranks(3, tune_main), 0);
}

/* One refused plan after the other, alike on all ranks or on one only; the job lives on. */
static int refused_main(const struct ct_boot *boot)
{
	struct ct_job_attr attr = ct_job_attr_init(boot);
	struct ct_tune_plan good = brief(), p[6] = { good, good, good, good, good, good };
	ct_advice *advice = NULL;
	ct_job *job = NULL;
	int bad = 0;

	if (ct_job_open(&attr, &job) != CT_OK)
		return 1;
	p[0].budget_ns = 0;
	p[1].budget_ns = 1; /* not one sample */
	p[2].colls = 1u << CT_BARRIER;
	p[3].type = 99;
	p[4].max_bytes = 8;
	p[5].seed += boot->rank; /* not the same on every rank */
	for (int i = 0; i < 6 && bad == 0; i++)
		if (ct_tune(job, &p[i], &advice) != CT_INVALID || advice != NULL || ct_why()[0] == '\0')
			bad = 10 + i;
	if (bad == 0 && (ct_tune(job, NULL, &advice) != CT_INVALID || ct_tune(NULL, &good, &advice) !=
		CT_INVALID))
		bad = 30;
	if (bad == 0 && ct_tune(job, &good, &advice) != CT_OK)
		bad = 31;
	if (bad != 0)
		fprintf(stderr, "rank %u: check %d: %s\n", boot->rank, bad, ct_why());
	ct_advice_free(advice);
	ct_job_close(job);
	return bad;
}

static void refuses_plans(void **state)
{
	(void)state;
	assert_int_equal(thread_ranks(2, refused_main), 0);
}

/* ---- written for others ----------------------------------------------------------------------------- */

static size_t file_bytes(const char *path, char *text, size_t room)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, room - 1, file);
	text[n] = '\0';
	fclose(file);
	return n;
}

static void exports(void **state)
{
	static const struct {
		const char *format, *holds;
	} rows[] = {
		{ "rules", "\"colltune-rules/1\"" }, { "nccl", "\"colltune-rules/1\"" },
		{ "nccl-csv", "allreduce,0,65535,tree,ll,2" }, { "openmpi", "4 # collectives" },
		{ "openmpi-json", "rule_file_version" }, { "ucc", "UCC" }, { "ucx", "UCX" },
	};
	char path[] = "/tmp/colltune-advice-XXXXXX";
	static char text[20000];
	ct_advice *advice = NULL;
	const char *how;
	struct stat st;
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	assert_int_equal(ct_advice_load(FIXTURE, &advice), CT_OK);
	assert_int_equal(ct_advice_count(advice), 18);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		how = NULL;
		if (ct_advice_export(advice, rows[i].format, path, &how) != CT_OK)
			fail_msg("%s: %s", rows[i].format, ct_why());
		file_bytes(path, text, sizeof(text));
		if (strstr(text, rows[i].holds) == NULL)
			fail_msg("%s: no %s in: %s", rows[i].format, rows[i].holds, text);
		assert_non_null(how);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0644);
	}
	/* what was written as rules is what was read */
	assert_int_equal(ct_advice_export(advice, "rules", path, NULL), CT_OK);
	file_bytes(path, text, sizeof(text));
	assert_string_equal(text, ct_advice_text(advice));
	assert_int_equal(ct_advice_export(advice, "openmpy", path, NULL), CT_INVALID);
	assert_non_null(strstr(ct_why(), "openmpi"));
	assert_int_equal(ct_advice_export(advice, "rules", "/nonexistent/x", NULL), CT_IO);
	assert_int_equal(ct_advice_export(NULL, "rules", path, NULL), CT_INVALID);
	ct_advice_free(advice);
	unlink(path);
}

/* Rules of nobody's backend: nothing is written, and what was there stays. */
static void nothing_to_export(void **state)
{
	static const char only_native[] = "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:"
		"0000000000000000000000000000000000000000000000000000000000000000\",\"nodes\":[1,1],"
		"\"ranks_per_node\":[1,1]},\"rules\":[{\"coll\":\"allreduce\",\"backend\":\"native\",\"type\":\"any\","
		"\"bytes\":[0,9],\"set\":{\"algo\":\"ring\"}}]}";
	char path[] = "/tmp/colltune-advice-XXXXXX", text[4096];
	ct_advice *advice = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_int_equal(write(fd, only_native, sizeof(only_native) - 1), sizeof(only_native) - 1);
	close(fd);
	assert_int_equal(ct_advice_load(path, &advice), CT_OK);
	assert_int_equal(ct_advice_export(advice, "nccl", path, NULL), CT_INVALID);
	assert_int_equal(ct_advice_export(advice, "openmpi", path, NULL), CT_INVALID);
	file_bytes(path, text, sizeof(text));
	assert_string_equal(text, only_native);
	ct_advice_free(advice);
	unlink(path);
	advice = NULL;
	assert_int_equal(ct_advice_load(path, &advice), CT_IO);
	assert_int_equal(ct_advice_load(CT_TEST_SRCDIR "/tests/fixtures/rules-bad.json", &advice), CT_INVALID);
	assert_int_equal(ct_advice_load(NULL, &advice), CT_INVALID);
	assert_null(advice);
	assert_int_equal(ct_advice_count(NULL), 0);
	ct_advice_free(NULL);
}

/* Compiled against version 1: a shorter struct, without module_dir. */
static void older_job(void **state)
{
	struct ct_job_attr attr = ct_job_attr_init(NULL);
	ct_job *job = NULL;

	(void)state;
	attr.size = offsetof(struct ct_job_attr, module_dir);
	attr.module_dir = (const char *)1; /* what stands behind an older caller's struct */
	assert_int_equal(ct_job_open(&attr, &job), CT_OK);
	ct_job_close(job);
	attr = ct_job_attr_init(NULL);
	attr.module_dir = "/nonexistent"; /* no module there: none is used */
	assert_int_equal(ct_job_open(&attr, &job), CT_OK);
	ct_job_close(job);
}

int main(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(same_on_every_rank), cmocka_unit_test(refuses_plans),
		cmocka_unit_test(exports), cmocka_unit_test(nothing_to_export),
		cmocka_unit_test(older_job),
	};

	return cmocka_run_group_tests_name("api_tune", all, NULL, NULL);
}

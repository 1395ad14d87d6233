/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules in a job: chosen per size and type, the same on every rank; whatever is wrong with a file costs the
 * job nothing but the rules, and one line says which rank and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>

#include "comm_ranks.h"

/* Lines of rank 0. */
static char logged[1024];
static int nlogged;

static void keep_line(void *arg, const char *line)
{
	(void)arg;
	snprintf(logged, sizeof(logged), "%s", line);
	nlogged++;
}

#define RULE(coll, backend, type, low, high, set)                                                  \
	"{\"coll\":\"" coll "\",\"backend\":\"" backend "\",\"type\":\"" type "\",\"bytes\":[" low "," \
	high "],\"set\":{" set "}}"

static const char all_rules[] =
	RULE("allreduce", "native", "any", "0", "1023", "\"algo\":\"binomial\"") ","
	RULE("allreduce", "native", "any", "1024", "65535", "\"algo\":\"ring\",\"segment\":4096") ","
	RULE("allreduce", "native", "double", "0", "4095", "\"algo\":\"rabenseifner\"") ","
	RULE("allgather", "native", "any", "0", "99999", "\"algo\":\"ring\",\"net\":\"tcp\"") ","
	RULE("alltoall", "native", "any", "0", "99999", "\"algo\":\"brook\"") ","
	RULE("broadcast", "native", "any", "0", "99999", "\"algo\":\"binomial\",\"segment\":17") ","
	RULE("broadcast", "native", "int32", "0", "99999", "\"segment\":4096") ","
	RULE("allreduce", "nccl", "any", "0", "99999", "\"algo\":\"tree\"");

struct choice {
	int32_t coll, type;
	uint64_t count;
	const char *text;
};

/* Rules 4, 5 and 6 cannot be used, 7 is for another library. */
static const struct choice choices[] = {
	{ CT_ALLREDUCE, CT_FLOAT, 1, "native/shm binomial, rule 0" },
	{ CT_ALLREDUCE, CT_FLOAT, 255, "native/shm binomial, rule 0" },
	{ CT_ALLREDUCE, CT_FLOAT, 256, "native/shm ring segment=4096, rule 1" },
	{ CT_ALLREDUCE, CT_FLOAT, 16383, "native/shm ring segment=4096, rule 1" },
	{ CT_ALLREDUCE, CT_FLOAT, 16384, "native/shm default" },
	{ CT_ALLREDUCE, CT_DOUBLE, 511, "native/shm rabenseifner, rule 2" },
	{ CT_ALLREDUCE, CT_DOUBLE, 512, "native/shm ring segment=4096, rule 1" },
	{ CT_ALLGATHER, CT_FLOAT, 16, "native/tcp ring segment=0, rule 3" },
	{ CT_ALLTOALL, CT_FLOAT, 16, "native/shm default" },
	{ CT_BROADCAST, CT_FLOAT, 16, "native/shm default" },
	{ CT_BARRIER, CT_FLOAT, 0, "native/shm default" },
	{ CT_SEND, CT_FLOAT, 1, "messages over shm" },
};

static ct_status chooses(struct here *h, const struct job *job)
{
	struct ct_comm_info info = { .size = sizeof(info) };
	float *data = ct_alloc(2, 400000), *out = data + 100000;

	(void)job;
	WANT(data != NULL);
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		const struct choice *c = &choices[i];
		struct ct_call call = ct_call_init(c->coll, data, out, c->count, (ct_type)c->type);
		ct_request *request;
		char text[120];

		WANT(ct_comm_choice(h->comm, &call, text, sizeof(text)) == CT_OK);
		if (strcmp(text, c->text) != 0)
			return ct_fail(CT_CORRUPT, "choice %zu: \"%s\", wanted \"%s\"", i, text, c->text);
		if (c->coll == CT_SEND)
			continue;
		WANT(ct_start(h->comm, &call, &request) == CT_OK && ct_wait(request) == CT_OK);
	}
	for (int i = 0; i < 1000; i++)
		data[i] = (float)(h->rank + 1);
	WANT(ct_allreduce(h->comm, data, out, 1000, CT_FLOAT, CT_SUM) == CT_OK);
	WANT(out[0] == 6 && out[999] == 6);
	WANT(ct_comm_about(h->comm, &info) == CT_OK);
	WANT(info.rules == 4 && info.rules_left == 3 && strncmp(info.hash, "sha256:", 7) == 0);
	WANT(strstr(info.note, "rule 4 is not used: native has no algorithm brook for alltoall") != NULL);
	ct_free(data);
	return CT_OK;
}

static void by_size_and_type(void **state)
{
	struct job job = job_of("auto", chooses);
	char path[64];

	(void)state;
	write_rules(path, 3, 3, all_rules);
	job.attr.rules = path;
	job.attr.log = keep_line;
	nlogged = 0;
	run_job(3, &job);
	assert_int_equal(nlogged, 1); /* the first of the three speaks for all */
	unlink(path);
}

/* ---- what is wrong costs only the rules ------------------------------------------------------------- */

static const char *wanted_note;

static ct_status by_default(struct here *h, const struct job *job)
{
	struct ct_comm_info info = { .size = sizeof(info) };
	struct ct_call call = ct_call_init(CT_ALLREDUCE, NULL, NULL, 0, CT_FLOAT);
	float one = 1, sum = 0;
	char text[100];

	(void)job;
	WANT(ct_allreduce(h->comm, &one, &sum, 1, CT_FLOAT, CT_SUM) == CT_OK && sum == (float)h->n);
	WANT(ct_comm_choice(h->comm, &call, text, sizeof(text)) == CT_OK);
	WANT(strstr(text, "default") != NULL);
	WANT(ct_comm_about(h->comm, &info) == CT_OK && info.rules == 0 && info.hash[0] == '\0');
	if (strstr(info.note, "rules are not used: ") == NULL || strstr(info.note, wanted_note) == NULL)
		return ct_fail(CT_CORRUPT, "note is \"%s\", wanted \"%s\"", info.note, wanted_note);
	return CT_OK;
}

/* All ranks go on with defaults; asked to be strict, all refuse. Both name WHAT. */
static void costs_rules_only(struct job *job, const char *what)
{
	struct job strict = *job;

	wanted_note = what;
	nlogged = 0;
	job->attr.log = keep_line;
	job->body = by_default;
	run_job(3, job);
	assert_int_equal(nlogged, 1);
	assert_non_null(strstr(logged, what));
	strict.attr.strict = 1;
	assert_int_equal(ct_threads_run(3, PATIENT, comm_rank, &strict, NULL), CT_INVALID);
	if (strstr(ct_why(), what) == NULL)
		fail_msg("strict: %s: no %s", ct_why(), what);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void one_rank_differs(void **state)
{
	struct job job = job_of("auto", by_default);
	char good[64], other[64], broken[64];

	(void)state;
	write_rules(good, 1, 8, all_rules);
	write_rules(other, 1, 8, RULE("allreduce", "native", "any", "0", "9", "\"algo\":\"ring\""));
	write_rules(broken, 1, 8, "{]");
	job.attr.rules = good;
	job.rules_of[1] = other;
	costs_rules_only(&job, "the rules file differs on rank 1 (host ");
	job.rules_of[0] = other; /* now ranks 0 and 1 are the majority */
	costs_rules_only(&job, "the rules file differs on rank 2 (host ");
	job.rules_of[0] = NULL;
	job.rules_of[1] = NULL;
	job.rules_of[2] = "/nonexistent/rules.json";
	costs_rules_only(&job, "rank 2 (host ");
	job.rules_of[2] = broken;
	costs_rules_only(&job, "rank 2 (host ");
	job.attr.rules = NULL; /* asked for on one rank only */
	job.rules_of[2] = good;
	costs_rules_only(&job, "differs on rank 2 (host ");
	unlink(good);
	unlink(other);
	unlink(broken);
}

static void elsewhere(void **state)
{
	struct job job = job_of("auto", by_default);
	char path[64];

	(void)state;
	job.attr.rules = path;
	write_rules(path, 4, 8, all_rules);
	costs_rules_only(&job, "for 4 to 8 ranks per node");
	unlink(path);
	snprintf(path, sizeof(path), "/tmp/colltune-rules-%d", (int)getpid());
#define SCOPE(more, nodes) "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"sha256:"              \
	"0000000000000000000000000000000000000000000000000000000000000000\"," more "\"nodes\":" nodes \
	",\"ranks_per_node\":[1,9]},\"rules\":[]}"
	write_text(path, SCOPE("", "[1,1]"));
	costs_rules_only(&job, "for another machine: sha256:000000000000");
	write_text(path, SCOPE("\"fingerprint\":\"sha256:"
		"1111111111111111111111111111111111111111111111111111111111111111\",", "[1,1]"));
	costs_rules_only(&job, "for another machine: sha256:111111111111");
	write_text(path, SCOPE("", "[2,4]"));
	costs_rules_only(&job, "for 2 to 4 nodes, this job has 1");
	write_text(path, SCOPE("\"libs\":{\"colltune\":\"77.1\"},", "[1,1]"));
	costs_rules_only(&job, "for colltune 77.1");
	write_text(path, "{\"schema\":\"colltune-rules/9\"}");
	costs_rules_only(&job, "colltune-rules/9");
	write_text(path, "{\"schema\":\"colltune-rules/1\",\"scope\"");
	costs_rules_only(&job, path); /* cut off */
	write_text(path, "");
	costs_rules_only(&job, path);
	unlink(path);
}

/* MPI is not initialised in this process: one line, and native alone. */
static ct_status without_mpi(struct here *h, const struct job *job)
{
	struct ct_comm_info info = { .size = sizeof(info) };
	float one = 1;

	(void)job;
	WANT(ct_allreduce(h->comm, &one, &one, 1, CT_FLOAT, CT_SUM) == CT_OK && one == (float)h->n);
	WANT(ct_comm_about(h->comm, &info) == CT_OK);
	WANT(strstr(info.note, "backend mpi is not used: ") != NULL && info.rules == 4);
	return CT_OK;
}

static void no_mpi(void **state)
{
	struct job job = job_of("auto", without_mpi);
	char path[64];

	(void)state;
	write_rules(path, 1, 8, all_rules);
	job.attr.backends = "mpi,native";
	job.attr.module_dir = "/nonexistent";
	job.attr.rules = path;
	run_job(2, &job);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_size_and_type),
		cmocka_unit_test(one_rank_differs),
		cmocka_unit_test(elsewhere),
		cmocka_unit_test(no_mpi),
	};

	return cmocka_run_group_tests_name("api_comm_rules", tests, NULL, NULL);
}

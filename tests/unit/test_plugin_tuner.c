/* SPDX-License-Identifier: BSD-3-Clause */
/* The tuner plugin as NCCL calls it: each version's struct, legal and illegal cells, bad rules. What
 * NCCL does with the answers is tried with the real library where there is one. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/plugin.h"

struct plugin {
	void *library;
	const struct ct_nccl_tuner_v2 *v2;
	const struct ct_nccl_tuner_v3 *v3;
	const struct ct_nccl_tuner_v4 *v4;
	const struct ct_nccl_tuner_v5 *v5;
	const struct ct_nccl_tuner_v6 *v6;
	struct ct_tuner_sweep *(*sweep)(void);
	char path[64], fingerprint[CT_SHA256_TEXT];
};

enum { BROADCAST, REDUCE, ALLGATHER, REDUCE_SCATTER, ALLREDUCE }; /* NCCL's order */
enum { TREE, RING, COLLNET_DIRECT, COLLNET_CHAIN, NVLS, NVLS_TREE, PAT };
enum { LL, LL128, SIMPLE };

static char last_log[512];
static int logged, log_level;

static void keep_log(int level, unsigned long subsystems, const char *file, int line,
	const char *format, ...)
{
	va_list args;

	(void)file;
	(void)line;
	assert_int_equal(subsystems, CT_NCCL_LOG_TUNING);
	va_start(args, format);
	vsnprintf(last_log, sizeof(last_log), format, args);
	va_end(args);
	log_level = level;
	logged++;
}

/* The symbol that the plugin looks for to learn NCCL's version. */
__attribute__((visibility("default"))) int ncclGetVersion(int *version);
int ncclGetVersion(int *version)
{
	*version = 22809;
	return 0;
}

static void *symbol(void *library, const char *name)
{
	void *found = dlsym(library, name);

	if (found == NULL)
		fail_msg("%s is not exported", name);
	return found;
}

static int setup(void **state)
{
	struct plugin *p = calloc(1, sizeof(*p));
	const char *dir = getenv("COLLTUNE_MODULE_DIR");
	char path[4096];
	void *sweep;
	int fd;

	assert_non_null(p);
	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/libnccl-tuner-colltune.so", dir);
	p->library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* as NCCL does */
	if (p->library == NULL)
		fail_msg("%s", dlerror());
	p->v2 = symbol(p->library, "ncclTunerPlugin_v2");
	p->v3 = symbol(p->library, "ncclTunerPlugin_v3");
	p->v4 = symbol(p->library, "ncclTunerPlugin_v4");
	p->v5 = symbol(p->library, "ncclTunerPlugin_v5");
	p->v6 = symbol(p->library, "ncclTunerPlugin_v6");
	sweep = symbol(p->library, "ct_tuner_sweep");
	memcpy(&p->sweep, &sweep, sizeof(sweep));
	assert_int_equal(ct_rules_fingerprint("", p->fingerprint), CT_OK);
	strcpy(p->path, "/tmp/ct-rules-XXXXXX");
	fd = mkstemp(p->path);
	assert_true(fd >= 0);
	close(fd);
	setenv("COLLTUNE_RULES", p->path, 1);
	unsetenv("COLLTUNE_MACHINE");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct plugin *p = *state;

	unlink(p->path);
	dlclose(p->library);
	free(p);
	return 0;
}

#define MACHINE "sha256:0000000000000000000000000000000000000000000000000000000000000001"

/* SCOPE: more fields of the scope; RULES: the list's inside; MORE: further fields of the file. */
static void write_rules(const struct plugin *p, const char *scope, const char *rules, const char *more)
{
	FILE *file = fopen(p->path, "we");

	assert_non_null(file);
	fprintf(file, "{\"schema\":\"colltune-rules/1\",\"scope\":{\"machine\":\"" MACHINE "\","
		"\"ranks_per_node\":[8,8],%s},\"rules\":[%s]%s}\n", scope, rules, more);
	assert_int_equal(fclose(file), 0);
	logged = 0;
}

static const char *scope_here(const struct plugin *p)
{
	static char text[160];

	snprintf(text, sizeof(text), "\"nodes\":[2,4],\"fingerprint\":\"%s\",\"libs\":{\"nccl\":\"2.28\"}",
		p->fingerprint);
	return text;
}

#define RULE(coll, low, high, set) "{\"coll\":\"" coll "\",\"backend\":\"nccl\",\"type\":\"any\"," \
	"\"bytes\":[" #low "," #high "],\"set\":{" set "}}"

static const char some[] =
	RULE("allreduce", 0, 65535, "\"algo\":\"tree\",\"proto\":\"ll\",\"channels\":2") ","
	RULE("allreduce", 65536, 1048575, "\"algo\":\"ring\",\"proto\":\"ll128\"") ","
	RULE("allreduce", 4194304, 8388607, "\"algo\":\"nvls\",\"proto\":\"simple\",\"channels\":48") ","
	RULE("broadcast", 1024, 4096, "\"algo\":\"ring\",\"proto\":\"simple\",\"channels\":1") ","
	"{\"coll\":\"allgather\",\"backend\":\"native\",\"type\":\"any\",\"bytes\":[0,9],\"set\":{\"algo\":\"x\"}},"
	RULE("reduce", 4096, 8191, "\"algo\":\"ring\",\"proto\":\"ll\",\"channels\":3") ","
	RULE("reduce_scatter", 8, 8, "\"algo\":\"pat\",\"proto\":\"simple\"");

/* NCCL's table before the plugin is asked; cell (PAT, any) is not possible. */
static void fill(float table[CT_NCCL_ALGOS][CT_NCCL_PROTOS])
{
	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int p = 0; p < CT_NCCL_PROTOS; p++)
			table[a][p] = a == PAT ? -1.0f : (float)(10 + 3 * a + p);
}

/* "tree/ll 2" for what changed, "" for nothing: by version 5's struct. */
static const char *ask(const struct plugin *p, void *context, int func, size_t bytes)
{
	static char text[64];
	float table[CT_NCCL_ALGOS][CT_NCCL_PROTOS], before[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	int channels = 0;

	fill(table);
	memcpy(before, table, sizeof(table));
	assert_int_equal(p->v5->choose(context, func, bytes, 1, (float **)(void *)table, CT_NCCL_ALGOS,
		CT_NCCL_PROTOS, 0, &channels), CT_NCCL_OK);
	text[0] = '\0';
	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int q = 0; q < CT_NCCL_PROTOS; q++) {
			if (table[a][q] == before[a][q])
				continue;
			assert_true(table[a][q] == 0.0f && text[0] == '\0');
			snprintf(text, sizeof(text), "%d/%d %d", a, q, channels);
		}
	if (text[0] == '\0')
		assert_int_equal(channels, 0);
	return text;
}

static void *open_v5(const struct plugin *p, size_t ranks, size_t nodes,
	struct ct_nccl_constants *constants)
{
	struct ct_nccl_domains domains = { 1, 8, 8 };
	void *context = NULL;

	assert_int_equal(p->v5->init(&context, 7, ranks, nodes, keep_log, &domains, constants),
		CT_NCCL_OK);
	return context;
}

static void test_cells(void **state)
{
	const struct plugin *p = *state;
	void *c;

	write_rules(p, scope_here(p), some, "");
	c = open_v5(p, 16, 2, NULL);
	assert_int_equal(logged, 1);
	assert_int_equal(log_level, CT_NCCL_LOG_INFO);
	assert_string_equal(ask(p, c, ALLREDUCE, 0), "0/0 2");
	assert_string_equal(ask(p, c, ALLREDUCE, 65535), "0/0 2");
	assert_string_equal(ask(p, c, ALLREDUCE, 65536), "1/1 0");
	assert_string_equal(ask(p, c, ALLREDUCE, 1048576), "");
	assert_string_equal(ask(p, c, ALLREDUCE, 4194304), "4/2 48");
	assert_string_equal(ask(p, c, ALLREDUCE, (size_t)1 << 40), "");
	assert_string_equal(ask(p, c, BROADCAST, 1023), "");
	assert_string_equal(ask(p, c, BROADCAST, 4096), "1/2 1");
	assert_string_equal(ask(p, c, REDUCE, 4095), "");
	assert_string_equal(ask(p, c, REDUCE, 8191), "1/0 3");
	assert_string_equal(ask(p, c, ALLGATHER, 8), "");
	assert_string_equal(ask(p, c, REDUCE_SCATTER, 8), ""); /* the cell is not possible */
	assert_string_equal(ask(p, c, 5, 8), "");              /* send and receive */
	assert_string_equal(ask(p, c, -1, 8), "");
	assert_int_equal(p->v5->finalize(c), CT_NCCL_OK);
}

/* Versions 2, 3, 4 and 6 answer as 5 does. */
static void test_versions(void **state)
{
	const struct plugin *p = *state;
	float table[CT_NCCL_ALGOS][CT_NCCL_PROTOS];
	int algo = -1, proto = -1, channels = 0;
	void *c = NULL;

	write_rules(p, scope_here(p), some, "");
	assert_int_equal(p->v2->init(16, 2, keep_log, &c), CT_NCCL_OK);
	assert_int_equal(p->v2->choose(c, ALLREDUCE, 70000, 0, 0, 1, &algo, &proto, &channels), 0);
	assert_true(algo == RING && proto == LL128 && channels == 0);
	algo = proto = -1;
	assert_int_equal(p->v2->choose(c, ALLREDUCE, 5000000, 0, 0, 1, &algo, &proto, &channels), 0);
	assert_true(algo == -1 && proto == -1); /* no NVLS here */
	assert_int_equal(p->v2->choose(c, ALLREDUCE, 5000000, 0, 1, 1, &algo, &proto, &channels), 0);
	assert_true(algo == NVLS && proto == SIMPLE);
	assert_int_equal(channels, 32); /* as many as NCCL had then */
	assert_int_equal(p->v2->destroy(c), 0);

	assert_int_equal(p->v3->init(16, 2, keep_log, &c), CT_NCCL_OK);
	fill(table);
	channels = 0;
	/* NCCL 2.22 had six algorithms */
	assert_int_equal(p->v3->choose(c, ALLREDUCE, 5, 1, (float **)(void *)table, 6, 3, &channels), 0);
	assert_true(table[TREE][LL] == 0.0f && channels == 2);
	assert_int_equal(p->v3->choose(c, REDUCE_SCATTER, 8, 1, (float **)(void *)table, 6, 3, &channels), 0);
	assert_true(table[PAT][SIMPLE] == -1.0f);
	assert_int_equal(p->v3->destroy(c), 0);

	assert_int_equal(p->v4->init(16, 2, keep_log, &c), CT_NCCL_OK);
	fill(table);
	assert_int_equal(p->v4->choose(c, ALLREDUCE, 5, 1, (float **)(void *)table, 7, 3, 1, &channels), 0);
	assert_true(table[TREE][LL] == 0.0f);
	assert_int_equal(p->v4->destroy(c), 0);

	assert_int_equal(p->v6->init(&c, 7, 16, 2, keep_log, NULL, NULL), CT_NCCL_OK);
	fill(table);
	assert_int_equal(p->v6->choose(c, ALLREDUCE, 5, 1, (float **)(void *)table, 7, 3, 1, &channels), 0);
	assert_true(table[TREE][LL] == 0.0f);
	assert_int_equal(p->v6->finalize(c), 0);
	assert_null(p->v6->chunk);
}

struct refusal {
	const char *scope, *rules, *more, *why;
	int level;
};

/* Nothing is chosen, no constant is changed, and one line says why. */
static void refuse(const struct plugin *p, const struct refusal *r)
{
	struct ct_nccl_constants constants = { .base_us = { { 1 } } }, before = constants;
	void *c;

	write_rules(p, r->scope != NULL ? r->scope : scope_here(p), r->rules, r->more);
	c = open_v5(p, 16, 2, &constants);
	assert_int_equal(logged, 1);
	assert_int_equal(log_level, r->level);
	if (strstr(last_log, r->why) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", last_log, r->why);
	for (int func = 0; func < CT_NCCL_FUNCS; func++)
		for (size_t bytes = 1; bytes < (size_t)1 << 32; bytes *= 4)
			assert_string_equal(ask(p, c, func, bytes), "");
	assert_memory_equal(&constants, &before, sizeof(before));
	p->v5->finalize(c);
}

static void test_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ "\"nodes\":[2,4],\"fingerprint\":\"" MACHINE "\"", some, "", "another machine",
			CT_NCCL_LOG_INFO },
		{ "\"nodes\":[2,4]", some, "", "COLLTUNE_MACHINE is not set", CT_NCCL_LOG_INFO },
		{ "\"nodes\":[4,4]", some, "", "made for 4 to 4 nodes with 8 to 8 ranks each, here are 2 with 8",
			CT_NCCL_LOG_INFO },
		{ "\"nodes\":[2,4],\"libs\":{\"nccl\":\"2.27\"}", some, "", "made for NCCL 2.27, here is 2.28",
			CT_NCCL_LOG_INFO },
		{ NULL, RULE("allreduce", 0, 9, "\"algo\":\"trea\",\"proto\":\"ll\""), "",
			"\"trea\" is none of NCCL's; did you mean \"tree\"?", CT_NCCL_LOG_WARN },
		{ NULL, RULE("allreduce", 0, 9, "\"algo\":\"tree\",\"proto\":\"ll\",\"channels\":65"), "",
			"/rules/0/set/channels: not a number from 1 to 64", CT_NCCL_LOG_WARN },
		{ NULL, RULE("allreduce", 0, 9, "\"algo\":\"tree\",\"proto\":\"ll\",\"chanels\":6"), "",
			"did you mean \"channels\"?", CT_NCCL_LOG_WARN },
		{ NULL, RULE("alltoall", 0, 9, "\"algo\":\"ring\",\"proto\":\"ll\""), "",
			"NCCL's tuner is not asked for alltoall", CT_NCCL_LOG_WARN },
		{ NULL, some, ",\"constants\":{\"nccl\":{\"base_us.tree.ll\":7,\"hop_us.nat.ring.ll\":2}}",
			"hop_us.nat.ring.ll", CT_NCCL_LOG_WARN },
		{ NULL, some, ",\"rulez\":1", "unknown key", CT_NCCL_LOG_WARN },
		{ NULL, "{", "", ":", CT_NCCL_LOG_WARN },
	};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		refuse(*state, &refusals[i]);
}

static void test_machine_by_environment(void **state)
{
	const struct plugin *p = *state;
	void *c;

	write_rules(p, "\"nodes\":[2,4]", some, "");
	setenv("COLLTUNE_MACHINE", MACHINE, 1);
	c = open_v5(p, 16, 2, NULL);
	assert_string_equal(ask(p, c, ALLREDUCE, 8), "0/0 2");
	p->v5->finalize(c);
	setenv("COLLTUNE_MACHINE", "sha256:1", 1);
	c = open_v5(p, 16, 2, NULL);
	assert_string_equal(ask(p, c, ALLREDUCE, 8), "");
	p->v5->finalize(c);
	unsetenv("COLLTUNE_MACHINE");
}

static void test_files(void **state)
{
	const struct plugin *p = *state;
	void *c;

	write_rules(p, scope_here(p), some, "");
	assert_int_equal(chmod(p->path, 0666), 0);
	c = open_v5(p, 16, 2, NULL);
	assert_string_equal(ask(p, c, ALLREDUCE, 8), "");
	assert_non_null(strstr(last_log, "writable for everybody"));
	p->v5->finalize(c);
	assert_int_equal(chmod(p->path, 0600), 0);
	setenv("COLLTUNE_RULES", "/nonexistent/rules.json", 1);
	c = open_v5(p, 16, 2, NULL);
	assert_string_equal(ask(p, c, ALLREDUCE, 8), "");
	p->v5->finalize(c);
	unsetenv("COLLTUNE_RULES");
	logged = 0;
	c = open_v5(p, 16, 2, NULL);
	assert_int_equal(logged, 0);
	assert_string_equal(ask(p, c, ALLREDUCE, 8), "");
	p->v5->finalize(c);
	assert_int_equal(p->v5->finalize(NULL), CT_NCCL_OK);
	setenv("COLLTUNE_RULES", p->path, 1);
}

static void test_constants(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_constants k;
	void *c;

	memset(&k, 0, sizeof(k));
	write_rules(p, scope_here(p), "", ",\"constants\":{\"nccl\":{\"base_us.nvls_tree.ll128\":1.5,"
		"\"hop_us.net.ring.simple\":14.5,\"ring_ll128_GBps.hopper.4\":36.7},\"native\":{\"x\":1}}");
	c = open_v5(p, 16, 2, &k);
	assert_true(k.base_us[NVLS_TREE][LL128] == 1.5);
	assert_true(k.hop_us[2][RING][SIMPLE] == 14.5);
	assert_true(k.ring_ll128_GBps[2][2] == 36.7);
	k.base_us[NVLS_TREE][LL128] = k.hop_us[2][RING][SIMPLE] = k.ring_ll128_GBps[2][2] = 0;
	for (size_t i = 0; i < sizeof(k) / sizeof(double); i++)
		assert_true(((const double *)(const void *)&k)[i] == 0.0);
	p->v5->finalize(c);
}

/* One communicator, every cell: what a sweep does. */
static void test_sweep(void **state)
{
	const struct plugin *p = *state;
	struct ct_tuner_sweep *sweep = p->sweep();
	void *c;

	write_rules(p, scope_here(p), some, "");
	c = open_v5(p, 16, 2, NULL);
	assert_int_equal(sweep->abi, CT_TUNER_SWEEP_ABI);
	for (int a = 0; a < CT_NCCL_ALGOS; a++)
		for (int q = 0; q < CT_NCCL_PROTOS; q++) {
			char want[32];

			snprintf(want, sizeof(want), "%d/%d 3", a, q);
			atomic_store(&sweep->forced, a + 256 * q + 65536 * 3);
			assert_string_equal(ask(p, c, REDUCE, 64), a == PAT ? "" : want);
		}
	atomic_store(&sweep->forced, CT_TUNER_NONE);
	atomic_store(&sweep->watch, true);
	assert_string_equal(ask(p, c, ALLREDUCE, 64), "0/0 2");
	assert_int_equal(atomic_load(&sweep->seen), 2);
	assert_int_equal(sweep->bytes, 64);
	assert_true(sweep->cost_us[RING][SIMPLE] == 15.0f && sweep->cost_us[PAT][LL] == -1.0f);
	assert_int_equal(sweep->rule, 65536 * 2); /* tree, ll, 2 channels */
	assert_non_null(strstr(sweep->rules, "rules, sha256:"));
	assert_string_equal(ask(p, c, BROADCAST, 1), "");
	assert_true(sweep->func == BROADCAST && sweep->rule == CT_TUNER_NONE);
	/* told, and not obeyed */
	atomic_store(&sweep->muted, true);
	assert_string_equal(ask(p, c, ALLREDUCE, 64), "");
	assert_int_equal(sweep->rule, 65536 * 2);
	atomic_store(&sweep->muted, false);
	/* another rank is writing: nothing is spoilt */
	atomic_store(&sweep->writing, true);
	ask(p, c, BROADCAST, 1);
	assert_int_equal(sweep->func, ALLREDUCE);
	atomic_store(&sweep->writing, false);
	atomic_store(&sweep->watch, false);
	p->v5->finalize(c);
	setenv("COLLTUNE_RULES", "/nonexistent/rules.json", 1);
	p->v5->finalize(open_v5(p, 16, 2, NULL));
	setenv("COLLTUNE_RULES", p->path, 1);
	assert_non_null(strstr(sweep->rules, "/nonexistent/rules.json not used"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_machine_by_environment),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_sweep),
	};

	return cmocka_run_group_tests_name("plugin_tuner", tests, setup, teardown);
}

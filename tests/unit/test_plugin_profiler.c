/* SPDX-License-Identifier: BSD-3-Clause */
/* The profiler plugin as NCCL calls it: each version's struct, late and foreign handles, a full ring, what
 * it writes and what it refuses to write through. */
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

#include "base/base.h"
#include "plugin/plugin.h"
#include "plugin/nccl_profiler.h"

enum { RING = 8192 }; /* as docs/nccl.md says */
static const uint64_t comm = 0x1234;

struct plugin {
	void *library;
	const struct ct_nccl_profiler_v2 *v2;
	const struct ct_nccl_profiler_v3 *v3;
	const struct ct_nccl_profiler_v4 *v4;
	const struct ct_nccl_profiler_v5 *v5, *v6;
	char dir[32], path[96];
};

static char last_log[512], last_warning[512];

static void keep_log(int level, unsigned long subsystems, const char *file, int line, const char *format, ...)
{
	va_list args;

	(void)file;
	(void)line;
	assert_true((subsystems & CT_NCCL_LOG_PROFILE) != 0);
	va_start(args, format);
	vsnprintf(level == CT_NCCL_LOG_WARN ? last_warning : last_log, sizeof(last_log), format, args);
	va_end(args);
}

static const void *symbol(void *library, const char *name)
{
	const void *found = dlsym(library, name);

	if (found == NULL)
		fail_msg("%s is not exported", name);
	return found;
}

static int setup(void **state)
{
	struct plugin *p = calloc(1, sizeof(*p));
	const char *dir = getenv("COLLTUNE_MODULE_DIR");
	char path[4096];

	assert_non_null(p);
	assert_non_null(dir);
	snprintf(path, sizeof(path), "%s/libnccl-profiler-colltune.so", dir);
	p->library = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* as NCCL does */
	if (p->library == NULL)
		fail_msg("%s", dlerror());
	p->v2 = symbol(p->library, "ncclProfiler_v2");
	p->v3 = symbol(p->library, "ncclProfiler_v3");
	p->v4 = symbol(p->library, "ncclProfiler_v4");
	p->v5 = symbol(p->library, "ncclProfiler_v5");
	p->v6 = symbol(p->library, "ncclProfiler_v6");
	strcpy(p->dir, "/tmp/ct-profile-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/nccl-%016llx-3-%ld.jsonl", p->dir, (unsigned long long)comm,
		(long)getpid());
	setenv("COLLTUNE_NCCL_PROFILE", p->dir, 1);
	last_log[0] = last_warning[0] = '\0';
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct plugin *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	dlclose(p->library);
	free(p);
	return 0;
}

static struct ct_nccl_event_v5 collective(uint64_t number, const char *func, size_t count)
{
	return (struct ct_nccl_event_v5){ .type = CT_NCCL_EVENT_COLL, .rank = 3, .coll = { .number = number,
		.func = func, .count = count, .datatype = "ncclFloat32", .channels = 2, .algo = "RING",
		.proto = "SIMPLE" } };
}

/* The whole life of a collective whose channels run from FIRST to LAST. */
static void live(const struct ct_nccl_profiler_v5 *v5, void *context, struct ct_nccl_event_v5 coll,
	uint64_t first, uint64_t last)
{
	struct ct_nccl_event_v5 kernel = { .type = CT_NCCL_EVENT_KERNEL, .rank = 3 };
	struct ct_nccl_kernel_state end = { last - 5 };
	void *handle = NULL, *channels[2] = { NULL, NULL };

	assert_int_equal(v5->start(context, &handle, &coll), CT_NCCL_OK);
	assert_non_null(handle);
	assert_int_equal(v5->stop(handle), CT_NCCL_OK);
	kernel.parent = handle;
	for (int i = 0; i < 2; i++) {
		kernel.kernel.channel = (uint8_t)i;
		kernel.kernel.timer_ns = first + (i == 0 ? 7 : 0);
		assert_int_equal(v5->start(context, &channels[i], &kernel), CT_NCCL_OK);
		assert_non_null(channels[i]);
	}
	assert_int_equal(v5->state(channels[0], CT_NCCL_KERNEL_STOPPED, &end), CT_NCCL_OK);
	v5->stop(channels[0]);
	end.timer_ns = last;
	v5->state(channels[1], CT_NCCL_KERNEL_STOPPED, &end);
	v5->state(channels[1], 21, &end); /* a state of something else */
	v5->stop(channels[1]);
}

/* Line LINE (1 = the first) of what was written. */
static const char *line_of(const struct plugin *p, int line)
{
	static char text[1024];
	FILE *file = fopen(p->path, "re");

	if (file == NULL)
		fail_msg("%s was not written: %s", p->path, last_warning);
	text[0] = '\0';
	while (line-- > 0 && fgets(text, sizeof(text), file) != NULL)
		;
	fclose(file);
	return line < 0 ? text : "";
}

static void *open_v5(const struct ct_nccl_profiler_v5 *v5)
{
	void *context = NULL;
	int mask = 0;

	assert_int_equal(v5->init(&context, comm, &mask, "name", 2, 16, 3, keep_log), CT_NCCL_OK);
	assert_int_equal(mask, CT_NCCL_EVENT_COLL | CT_NCCL_EVENT_P2P | CT_NCCL_EVENT_KERNEL);
	return context;
}

static void a_collective_is_written(void **state)
{
	const struct plugin *p = *state;
	void *context = open_v5(p->v5);
	struct stat st;

	live(p->v5, context, collective(0, "AllReduce", 1024), 1000, 5000);
	live(p->v5, context, collective(4, "ReduceScatter", 1024), 9000, 9500);
	assert_int_equal(p->v5->finalize(context), CT_NCCL_OK);
	assert_string_equal(last_warning, "");
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_non_null(strstr(line_of(p, 1), "\"comm\":\"0000000000001234\""));
	assert_non_null(strstr(line_of(p, 1), "\"rank\":3,\"ranks\":16,\"nodes\":2,"));
	assert_non_null(strstr(line_of(p, 1), "\"clock\":\"gpu\",\"p2p_seen\":0,\"seen\":2}"));
	assert_string_equal(line_of(p, 2), "{\"kind\":\"collective\",\"coll\":\"allreduce\",\"number\":0,"
		"\"type\":\"float32\",\"algo\":\"ring\",\"proto\":\"simple\",\"channels\":2,\"bytes\":4096,"
		"\"start_ns\":1000,\"kernel_ns\":4000}\n");
	/* the size column is what the longer side holds: sixteen ranks' parts */
	assert_non_null(strstr(line_of(p, 3), "\"coll\":\"reduce_scatter\",\"number\":4,"));
	assert_non_null(strstr(line_of(p, 3), "\"bytes\":65536,\"start_ns\":9000,\"kernel_ns\":500}"));
	assert_non_null(strstr(last_log, "rank 3: 2 collectives, of 2 of them kernels took 0.004 ms; longest "
		"0.004 ms: allreduce number 0, 4096 bytes, ring/simple, 2 channels"));
}

/* Where a job was and what steered NCCL: so that profiles of several jobs can be compared. */
static void what_steers_is_told(void **state)
{
	static const char *const names[] = { "COLLTUNE_RULES", "NCCL_TUNER_PLUGIN", "NCCL_PROTO", "NCCL_ALGO" };
	const struct plugin *p = *state;
	char here[CT_SHA256_TEXT], want[128];

	for (size_t i = 0; i < 4; i++)
		unsetenv(names[i]);
	p->v5->finalize(open_v5(p->v5));
	assert_non_null(strstr(line_of(p, 1), "\"rules\":null,\"variables\":\"\","));
	assert_int_equal(ct_rules_fingerprint("", here), CT_OK);
	snprintf(want, sizeof(want), "\"fingerprint\":\"%s\",", here);
	assert_non_null(strstr(line_of(p, 1), want));

	setenv("COLLTUNE_RULES", "/etc/a \"b\".json", 1);
	setenv("NCCL_TUNER_PLUGIN", "/usr/lib/libnccl-tuner-colltune.so", 1);
	setenv("NCCL_ALGO", "allreduce:tree,ring", 1);
	setenv("NCCL_PROTO", "LL", 1);
	p->v5->finalize(open_v5(p->v5));
	assert_non_null(strstr(line_of(p, 1), "\"rules\":\"/etc/a _b_.json\","
		"\"variables\":\"NCCL_ALGO=allreduce:tree,ring NCCL_PROTO=LL\","));
	setenv("NCCL_TUNER_PLUGIN", "other", 1);
	p->v5->finalize(open_v5(p->v5));
	assert_non_null(strstr(line_of(p, 1), "NCCL_PROTO=LL NCCL_TUNER_PLUGIN=other\""));
	for (size_t i = 0; i < 4; i++)
		unsetenv(names[i]);
}

static void sends_and_receives_are_written(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v5 event = { .type = CT_NCCL_EVENT_P2P, .rank = 3, .p2p = { .func = "Send",
		.datatype = "ncclFloat64", .count = 100, .peer = 7, .channels = 2 } };
	struct ct_nccl_event_v5 kernel = { .type = CT_NCCL_EVENT_KERNEL, .kernel = { 0, 700 } };
	struct ct_nccl_kernel_state end = { 1000 };
	void *context = open_v5(p->v5), *handle = NULL, *channel = NULL;

	live(p->v5, context, collective(0, "AllReduce", 1024), 1000, 5000);
	p->v5->start(context, &handle, &event);
	kernel.parent = handle;
	p->v5->start(context, &channel, &kernel);
	p->v5->state(channel, CT_NCCL_KERNEL_STOPPED, &end);
	event.p2p.func = "Recv";
	p->v5->start(context, &handle, &event); /* NCCL tells no kernel of it */
	p->v5->finalize(context);
	assert_non_null(strstr(line_of(p, 1), "\"p2p_seen\":2,\"seen\":1}"));
	assert_non_null(strstr(line_of(p, 2), "\"kernel_ns\":4000}")); /* each has its own time */
	assert_string_equal(line_of(p, 3), "{\"kind\":\"p2p\",\"coll\":\"send\",\"number\":0,\"peer\":7,"
		"\"type\":\"float64\",\"channels\":2,\"bytes\":800,\"start_ns\":700,\"kernel_ns\":300}\n");
	assert_non_null(strstr(line_of(p, 4), "\"coll\":\"recv\",\"number\":1,"));
	assert_non_null(strstr(line_of(p, 4), "\"kernel_ns\":null}"));
}

static void version_6_is_as_version_5(void **state)
{
	const struct plugin *p = *state;
	void *context = open_v5(p->v6);

	live(p->v6, context, collective(0, "AllGather", 10), 1000, 5000);
	p->v6->finalize(context);
	assert_non_null(strstr(line_of(p, 2), "\"coll\":\"allgather\""));
	assert_non_null(strstr(line_of(p, 2), "\"bytes\":640,"));
}

static void without_kernels_no_time(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v5 coll = collective(0, "Broadcast", 3), other = { .type = 8 };
	void *context = open_v5(p->v5), *handle = NULL;

	p->v5->start(context, &handle, &coll);
	p->v5->stop(handle);
	other.parent = handle;
	p->v5->start(context, &handle, &other); /* a proxy's: not asked for */
	assert_null(handle);
	p->v5->finalize(context);
	assert_non_null(strstr(line_of(p, 2), "\"bytes\":12,\"start_ns\":null,\"kernel_ns\":null}"));
	assert_non_null(strstr(last_log, "1 collectives, of 0 of them"));
}

static void the_ring_keeps_the_last(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v5 coll, kernel = { .type = CT_NCCL_EVENT_KERNEL };
	void *context = open_v5(p->v5), *first = NULL, *late = NULL;
	struct ct_nccl_kernel_state end = { 77 };

	coll = collective(0, "AllReduce", 1);
	p->v5->start(context, &first, &coll);
	for (int i = 1; i < RING + 10; i++)
		live(p->v5, context, collective((uint64_t)i, "AllReduce", 1), 1000, 2000);
	kernel.parent = first; /* whose place has gone to another */
	kernel.kernel.timer_ns = 5;
	p->v5->start(context, &late, &kernel);
	assert_null(late);
	p->v5->state(late, CT_NCCL_KERNEL_STOPPED, &end);
	p->v5->stop(late);
	p->v5->finalize(context);
	assert_non_null(strstr(line_of(p, 1), "\"seen\":8202}"));
	assert_non_null(strstr(line_of(p, 2), "\"number\":10,"));
	assert_non_null(strstr(line_of(p, RING + 1), "\"number\":8201,"));
	assert_string_equal(line_of(p, RING + 2), "");
}

static void handles_of_a_closed_communicator_are_harmless(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v5 coll = collective(0, "AllReduce", 1);
	struct ct_nccl_kernel_state end = { 77 };
	void *context = open_v5(p->v5), *handle = NULL;

	p->v5->start(context, &handle, &coll);
	p->v5->finalize(context);
	p->v5->state((void *)((uintptr_t)handle | 1), CT_NCCL_KERNEL_STOPPED, &end);
	p->v5->stop(handle);
	p->v5->start(context, &handle, &coll);
	assert_null(handle);
	p->v5->start(NULL, &handle, &coll);
	assert_null(handle);
	assert_int_equal(p->v5->finalize(context), CT_NCCL_OK);
	assert_int_equal(p->v5->finalize(NULL), CT_NCCL_OK);
}

static void version_4_has_a_narrow_type(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v4 coll, kernel;
	struct ct_nccl_kernel_state end = { 700 };
	void *context = NULL, *handle = NULL;
	int mask = 0;

	memset(&coll, 0xff, sizeof(coll)); /* what lies between type and parent is anything */
	coll.type = CT_NCCL_EVENT_COLL;
	coll.coll = collective(6, "Reduce", 2).coll;
	kernel = coll;
	kernel.type = CT_NCCL_EVENT_KERNEL;
	p->v4->init(&context, &mask, "name", comm, 1, 4, 3, keep_log);
	p->v4->start(context, &handle, &coll);
	kernel.parent = handle;
	kernel.kernel = (struct ct_nccl_kernel){ 0, 400 };
	p->v4->start(context, &handle, &kernel);
	p->v4->state(handle, CT_NCCL_KERNEL_STOPPED, &end);
	p->v4->stop(handle);
	p->v4->finalize(context);
	assert_non_null(strstr(line_of(p, 2), "\"coll\":\"reduce\",\"number\":6,"));
	assert_non_null(strstr(line_of(p, 2), "\"kernel_ns\":300}"));
}

static void versions_2_and_3_tell_the_communicator_late(void **state)
{
	const struct plugin *p = *state;
	struct ct_nccl_event_v3 coll3 = { .type = CT_NCCL_EVENT_COLL, .rank = 3, .coll = { .comm = comm,
		.number = 2, .func = "AllReduce", .count = 5, .datatype = "ncclInt8", .channels = 1,
		.algo = "TREE", .proto = "LL" } };
	struct ct_nccl_event_v3 kernel = { .type = CT_NCCL_EVENT_KERNEL };
	struct ct_nccl_event_v2 coll2 = { .type = CT_NCCL_EVENT_COLL, .rank = 3, .coll = { .comm = comm,
		.number = 2, .func = "AllGather", .count = 5, .datatype = "ncclInt8", .channels = 1,
		.algo = "TREE", .proto = "LL" } };
	void *context = NULL, *handle = NULL;
	int mask = 0;

	p->v3->init(&context, &mask);
	assert_int_equal(mask, CT_NCCL_EVENT_COLL | CT_NCCL_EVENT_KERNEL);
	p->v3->start(context, &handle, &coll3);
	kernel.parent = handle;
	p->v3->start(context, &handle, &kernel);
	p->v3->state(handle, CT_NCCL_KERNEL_STOPPED, NULL);
	p->v3->stop(handle);
	p->v3->finalize(context);
	assert_non_null(strstr(line_of(p, 1), "\"ranks\":null,\"nodes\":null,"));
	assert_non_null(strstr(line_of(p, 1), "\"clock\":\"host\""));
	assert_non_null(strstr(line_of(p, 2), "\"algo\":\"tree\",\"proto\":\"ll\",\"channels\":1,\"bytes\":5,"));
	assert_null(strstr(line_of(p, 2), "\"kernel_ns\":null"));
	p->v2->init(&context, &mask);
	assert_int_equal(mask, CT_NCCL_EVENT_COLL);
	p->v2->start(context, &handle, &coll2);
	p->v2->stop(handle);
	p->v2->finalize(context);
	/* how much all ranks hold is not known without their number */
	assert_non_null(strstr(line_of(p, 2), "\"bytes\":null,\"start_ns\":null,\"kernel_ns\":null}"));
}

static void no_folder_or_a_link_is_told(void **state)
{
	const struct plugin *p = *state;
	void *context = open_v5(p->v5);
	char secret[64];
	FILE *file;

	setenv("COLLTUNE_NCCL_PROFILE", "/nonexistent/folder", 1);
	live(p->v5, context, collective(0, "AllReduce", 1), 1, 20);
	assert_int_equal(p->v5->finalize(context), CT_NCCL_OK);
	assert_non_null(strstr(last_warning, "no file written: /nonexistent/folder/nccl-"));
	assert_non_null(strstr(last_log, "rank 3: 1 collectives"));
	setenv("COLLTUNE_NCCL_PROFILE", p->dir, 1);
	snprintf(secret, sizeof(secret), "%s/secret", p->dir);
	file = fopen(secret, "we");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(symlink(secret, p->path), 0);
	context = open_v5(p->v5);
	p->v5->finalize(context);
	assert_non_null(strstr(last_warning, "not a regular file"));
	unlink(secret);
}

static void without_the_variable_only_a_line(void **state)
{
	const struct plugin *p = *state;
	void *context = open_v5(p->v5);

	unsetenv("COLLTUNE_NCCL_PROFILE");
	p->v5->finalize(context);
	assert_int_equal(access(p->path, F_OK), -1);
	assert_string_equal(last_log, "PROFILER/colltune: rank 3: 0 collectives, of 0 of them kernels took 0.000 ms");
}

static bool chosen(const struct ct_profiler *profiler, int rank, const void *send, const void *receive)
{
	struct ct_profiler_choice choice = { "", "", 0 };
	bool found = profiler->find(rank, send, receive, &choice);

	if (found)
		assert_true(strcmp(choice.algo, "ring") == 0 && strcmp(choice.proto, "simple") == 0 &&
			choice.channels == 2);
	return found;
}

static void a_process_that_measures_is_spared(void **state)
{
	const struct plugin *p = *state;
	const void *entry = symbol(p->library, "ct_profiler");
	struct ct_profiler *(*get)(void), *profiler;
	struct ct_nccl_event_v5 coll = collective(1, "AllReduce", 8);
	void *context = NULL, *handle;
	int mask = 1, buffers[4];

	memcpy(&get, &entry, sizeof(get));
	profiler = get();
	assert_int_equal(profiler->abi, CT_PROFILER_ABI);
	atomic_store(&profiler->sparing, true);
	context = open_v5(p->v5); /* whoever asked for the file gets it all */
	p->v5->finalize(context);
	unsetenv("COLLTUNE_NCCL_PROFILE");
	p->v5->init(&context, comm, &mask, "name", 2, 16, 3, keep_log);
	assert_int_equal(mask, 0);
	assert_int_equal(atomic_load(&profiler->comms), 2);
	profiler->watch(true);
	profiler->watch(true);
	profiler->watch(false);
	assert_int_equal(mask, CT_NCCL_EVENT_COLL);
	coll.coll.send = &buffers[0];
	coll.coll.receive = &buffers[1];
	p->v5->start(context, &handle, &coll);
	p->v5->stop(handle);
	profiler->watch(false);
	assert_int_equal(mask, 0);
	assert_true(chosen(profiler, 3, &buffers[0], &buffers[1]));
	assert_false(chosen(profiler, 3, &buffers[1], &buffers[0]));
	assert_false(chosen(profiler, 2, &buffers[0], &buffers[1]));
	coll.coll.receive = &buffers[2];
	for (int i = 0; i < 63; i++)
		p->v5->start(context, &handle, &coll);
	assert_true(chosen(profiler, 3, &buffers[0], &buffers[1]));
	p->v5->start(context, &handle, &coll);
	assert_false(chosen(profiler, 3, &buffers[0], &buffers[1])); /* too long ago */
	assert_true(chosen(profiler, 3, &buffers[0], &buffers[2]));
	p->v5->finalize(context);
	assert_false(chosen(profiler, 3, &buffers[0], &buffers[2]));
	profiler->watch(true); /* nobody's mask is left */
	profiler->watch(false);
	assert_int_equal(mask, 0);
	atomic_store(&profiler->sparing, false);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_collective_is_written), CASE(what_steers_is_told),
		CASE(sends_and_receives_are_written),
		CASE(version_6_is_as_version_5), CASE(without_kernels_no_time),
		CASE(the_ring_keeps_the_last), CASE(handles_of_a_closed_communicator_are_harmless),
		CASE(version_4_has_a_narrow_type), CASE(versions_2_and_3_tell_the_communicator_late),
		CASE(no_folder_or_a_link_is_told), CASE(without_the_variable_only_a_line),
		CASE(a_process_that_measures_is_spared),
	};

	return cmocka_run_group_tests_name("plugin_profiler", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is to blame when time runs out: made-up boards, and real ranks that fall silent. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/inside.h"

enum { RANKS = 4, SECOND = 1000000000 };

/* ---- made-up boards: four ranks of host "x", this one is rank 0 ------------------------------ */

static struct ct_slot slots[RANKS];
static uint32_t rank_of[RANKS] = { 0, 1, 2, 3 }, host_of[RANKS], pid_of[RANKS];
static struct ct_host host = { .name = "x", .ranks = RANKS };
static struct ct_world world = {
	.nranks = RANKS, .nhosts = 1, .local_ranks = RANKS, .host_of = host_of, .pid_of = pid_of,
	.hosts = &host,
};
static struct ct_board board = { .world = &world, .slots = slots, .rank_of = rank_of };
static char text[CT_SUSPECT_TEXT];

static const uint64_t now_ns = 100ull * SECOND;

static int begin(void **state)
{
	(void)state;
	memset(slots, 0, sizeof(slots));
	for (uint32_t i = 0; i < RANKS; i++) {
		pid_of[i] = (uint32_t)getpid();
		atomic_store(&slots[i].beat_ns, now_ns);
		atomic_store(&slots[i].phase, 5);
		ct_board_put(slots[i].phase_text, "allreduce 8 B, native/shm ring, samples");
	}
	return 0;
}

static void ask(void)
{
	ct_board_suspects(&board, now_ns, text, sizeof(text));
}

static void silent_rank(void **state)
{
	char expected[160];

	(void)state;
	atomic_store(&slots[2].beat_ns, now_ns - 5100000000);
	ask();
	snprintf(expected, sizeof(expected), "rank 2 (pid %u, host x) has given no sign of life "
		"for 5.1 s: stopped or dead", pid_of[2]);
	assert_string_equal(text, expected);
}

static void late_is_not_dead(void **state)
{
	(void)state;
	atomic_store(&slots[2].beat_ns, now_ns - 500000000);
	ask(); /* late, but its process runs */
	assert_null(strstr(text, "rank 2"));
}

static void dead_process(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	pid_of[3] = (uint32_t)child;
	atomic_store(&slots[3].beat_ns, now_ns - 300000000);
	ask();
	assert_non_null(strstr(text, "rank 3 (pid"));
	assert_non_null(strstr(text, "for 0.3 s: dead"));
}

static void stopped_process(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	pid_of[3] = (uint32_t)child;
	atomic_store(&slots[3].beat_ns, now_ns - 300000000);
	ask();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_non_null(strstr(text, "for 0.3 s: stopped"));
	assert_null(strstr(text, "dead"));
}

static void earlier_phase(void **state)
{
	(void)state;
	atomic_store(&slots[3].phase, 4);
	ct_board_put(slots[3].phase_text, "opening native/tcp");
	ask();
	assert_string_equal(text, "rank 3 is still in \"opening native/tcp\"");
}

static void most_awaited(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < RANKS; i++)
		atomic_store(&slots[i].place, CT_IN_MEASURED);
	ct_board_put(slots[0].awaits, "recv 2 of 6 from rank 1");
	ct_board_put(slots[2].awaits, "recv 1 of 6 from rank 1");
	ct_board_put(slots[3].awaits, "recv 1 of 6 from rank 1");
	ct_board_put(slots[1].awaits, "recv 3 of 6 from rank 0");
	ask();
	assert_string_equal(text, "rank 1, awaited by ranks 0 2 3; "
		"this rank waits in recv 2 of 6 from rank 1");
}

/* Rank 1 has finished and stands in a barrier; rank 0 never got its message. */
static void measured_tells_more(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < RANKS; i++) {
		atomic_store(&slots[i].place, CT_IN_CONTROL);
		ct_board_put(slots[i].awaits, "recv 1 of 2 from rank 0");
	}
	atomic_store(&slots[0].place, CT_IN_MEASURED);
	ct_board_put(slots[0].awaits, "recv 1 of 1 from rank 1");
	ask();
	assert_non_null(strstr(text, "rank 1, awaited by rank 0;"));
	assert_null(strstr(text, "awaited by ranks"));
}

static void nothing_known(void **state)
{
	(void)state;
	ask();
	assert_non_null(strstr(text, "nothing is known"));
}

static void texts_are_bounded_and_clean(void **state)
{
	char out[CT_BOARD_TEXT], longer[200];

	(void)state;
	memset(longer, 'x', sizeof(longer));
	longer[199] = '\0';
	longer[3] = '\033';
	ct_board_put(slots[0].phase_text, longer);
	ct_board_get(slots[0].phase_text, out);
	assert_int_equal(strlen(out), CT_BOARD_TEXT - 1);
	assert_int_equal(out[3], '?');
	for (size_t i = 0; i < RANKS; i++)
		atomic_store(&slots[i].phase, i);
	ct_board_suspects(&board, now_ns, text, 20);
	assert_int_equal(strlen(text), 19);
}

/* ---- real ranks ------------------------------------------------------------------------------ */

static char told[2][CT_SUSPECT_TEXT], told_phase[2][CT_BOARD_TEXT];
static atomic_int expired[2];

static void note_expiry(void *arg, const struct ct_expiry *expiry)
{
	(void)arg;
	snprintf(told[expiry->rank], sizeof(told[0]), "%s", expiry->suspect);
	snprintf(told_phase[expiry->rank], sizeof(told_phase[0]), "%s", expiry->phase);
	atomic_fetch_add(&expired[expiry->rank], 1);
}

static ct_status allreduce(struct ct_session *session)
{
	static const struct ct_candidate native = { .backend = "native", .net = "shm" };
	struct ct_test test = {
		.coll = CT_ALLREDUCE, .type = CT_FLOAT, .op = CT_SUM, .bytes = 8,
	};
	struct ct_measure_plan plan = {
		.candidates = &native, .ncandidates = 1, .tests = &test, .ntests = 1, .seed = 1,
		.stop = { .check = 1 },
	};

	return ct_measure_run(session, &plan);
}

static ct_status with_session(const struct ct_boot *boot, struct ct_session_attr attr,
	ct_status (*what)(struct ct_session *))
{
	struct ct_world w;
	struct ct_session *session = NULL;
	ct_status status = ct_world_make(boot, &w);

	if (status != CT_OK)
		return status;
	attr.world = &w;
	status = ct_session_open(&attr, &session);
	if (status == CT_OK)
		status = what(session);
	ct_session_close(session);
	ct_world_free(&w);
	return status;
}

/* Rank 1's tenth message never leaves. */
static ct_status silent_peer_main(const struct ct_boot *boot, void *arg)
{
	static const struct ct_net_wrap wrap = { .fault = "drop:nth=10:rank=1" };
	struct ct_session_attr attr = {
		.net_wrap = &wrap, .deadline_ns = 1500000000, .on_expire = note_expiry,
	};

	(void)arg;
	return with_session(boot, attr, allreduce);
}

static void peer_that_never_sends(void **state)
{
	ct_status each[2];

	(void)state;
	memset(told, 0, sizeof(told));
	atomic_store(&expired[0], 0);
	atomic_store(&expired[1], 0);
	assert_int_equal(ct_threads_run(2, 60000000000, silent_peer_main, NULL, each), CT_TIMEOUT);
	assert_int_equal(each[0], CT_TIMEOUT);
	assert_int_equal(each[1], CT_TIMEOUT);
	assert_int_equal(atomic_load(&expired[0]), 1); /* once */
	assert_int_equal(atomic_load(&expired[1]), 1);
	assert_non_null(strstr(told[0], "rank 1, awaited by rank 0"));
	assert_non_null(strstr(told_phase[0], "allreduce 8 B, native/shm"));
}

static ct_status late_barrier(struct ct_session *session)
{
	if (ct_session_world(session)->rank == 1) {
		char line[CT_SUSPECT_TEXT];
		struct pollfd never = { .fd = -1 };

		/* stays away from the barrier until rank 0's watchdog has spoken */
		while (atomic_load(&expired[0]) == 0)
			poll(&never, 1, 10);
		ct_session_suspects(session, line, sizeof(line));
		assert_true(line[0] != '\0');
		return CT_OK;
	}
	ct_session_phase(session, "all ranks meet");
	return ct_session_barrier(session);
}

static ct_status late_main(const struct ct_boot *boot, void *arg)
{
	struct ct_session_attr attr = { .deadline_ns = 300000000, .on_expire = note_expiry };

	(void)arg;
	return with_session(boot, attr, late_barrier);
}

static void rank_in_an_earlier_phase(void **state)
{
	ct_status each[2];

	(void)state;
	memset(told, 0, sizeof(told));
	atomic_store(&expired[0], 0);
	ct_threads_run(2, 60000000000, late_main, NULL, each);
	assert_int_equal(each[0], CT_TIMEOUT);
	assert_string_equal(told_phase[0], "all ranks meet");
	assert_non_null(strstr(told[0],
		"rank 1 is still in \"idle after: opening the control plane\""));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
	const struct CMUnitTest all[] = {
		TEST(silent_rank), TEST(late_is_not_dead), TEST(dead_process),
		TEST(stopped_process), TEST(earlier_phase), TEST(most_awaited), TEST(measured_tells_more),
		TEST(nothing_known), TEST(texts_are_bounded_and_clean), TEST(peer_that_never_sends),
		TEST(rank_in_an_earlier_phase),
	};

	return cmocka_run_group_tests_name("measure_watchdog", all, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "coll/mpi_rules.h"

/* Version texts as printed by the libraries (MPI_Get_library_version). */
static void test_library_words(void **state)
{
	char out[96], tiny[8];

	(void)state;
	ct_mpi_library_words("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, repo rev: v4.1.4",
		out, sizeof(out));
	assert_string_equal(out, "Open MPI v4.1.4");
	ct_mpi_library_words("MPICH Version:      4.0.2\nMPICH Release date: Thu Apr 7", out, sizeof(out));
	assert_string_equal(out, "MPICH Version: 4.0.2");
	ct_mpi_library_words("", out, sizeof(out));
	assert_string_equal(out, "");
	ct_mpi_library_words("Open MPI v4.1.4", tiny, sizeof(tiny));
	assert_true(strlen(tiny) < sizeof(tiny));
	assert_memory_equal(tiny, "Open M", 6);
}

/* Ids of Open MPI 4.1 as ompi_info lists them: allreduce 4 ring, bcast 6 binomial, barrier 6 tree. */
static void test_names(void **state)
{
	(void)state;
	assert_string_equal(ct_openmpi_algos(CT_ALLREDUCE)[4 - 1], "ring");
	assert_string_equal(ct_openmpi_algos(CT_BROADCAST)[6 - 1], "binomial");
	assert_string_equal(ct_openmpi_algos(CT_BARRIER)[6 - 1], "tree");
	assert_string_equal(ct_openmpi_algos(CT_REDUCE_SCATTER)[4 - 1], "butterfly");
	assert_string_equal(ct_openmpi_word(CT_REDUCE_SCATTER), "reduce_scatter_block");
	assert_null(ct_openmpi_algos(CT_P2P_LATENCY)[0]);
	assert_null(ct_openmpi_word(CT_P2P_DUPLEX));
}

static void test_knobs(void **state)
{
	struct ct_mpi_knobs ring = ct_mpi_knobs_of(CT_ALLREDUCE, "segmented_ring");
	struct ct_mpi_knobs chain = ct_mpi_knobs_of(CT_BROADCAST, "chain");
	int value = -1;

	(void)state;
	assert_int_equal(ct_mpi_knobs_of(CT_ALLREDUCE, "ring").nknobs, 0);
	assert_int_equal(ct_mpi_knobs_of(CT_ALLREDUCE, "chain").nknobs, 0);
	assert_string_equal(ct_mpi_knobs_of(CT_REDUCE, "chain").cvars[1], "chain_fanout");
	assert_int_equal(ct_mpi_knobs_of(CT_REDUCE, "in-order_binary").nknobs, 1);
	assert_int_equal(ct_mpi_knobs_of(CT_REDUCE, "linear").nknobs, 0);
	assert_int_equal(ring.nknobs, 1);
	assert_string_equal(ring.knobs[0].name, "segsize");
	assert_string_equal(ring.cvars[0], "segmentsize");
	assert_int_equal(chain.nknobs, 2);
	assert_string_equal(chain.cvars[1], "chain_fanout");
	assert_int_equal(ct_mpi_knob_value(&ring.knobs[0], 16384, &value), CT_OK);
	assert_int_equal(value, 16384);
	assert_int_equal(ct_mpi_knob_value(&ring.knobs[0], 0, &value), CT_OK);
	assert_int_equal(value, ring.knobs[0].values[0]);
	assert_int_equal(ct_mpi_knob_value(&chain.knobs[0], 0, &value), CT_OK);
	assert_int_equal(value, 0);
	assert_int_equal(ct_mpi_knob_value(&ring.knobs[0], 12345, &value), CT_INVALID);
	assert_non_null(strstr(ct_why(), "segsize is 12345"));
	assert_non_null(strstr(ct_why(), " 65536"));
	assert_int_equal(value, 0);
}

/* Each row: does the library hand over to another algorithm? Read off coll_base_*.c of v4.1.4; what
 * really runs is seen by tests/mpirun/mpi_row.t. */
static void test_substitutions(void **state)
{
	static const struct {
		ct_coll coll;
		const char *algo;
		uint32_t nranks;
		uint64_t count;
		int segment;
		bool runs;
	} rows[] = {
		{ CT_ALLREDUCE, "ring", 4, 3, 0, false },
		{ CT_ALLREDUCE, "ring", 4, 4, 0, true },
		{ CT_ALLREDUCE, "rabenseifner", 7, 3, 0, false },
		{ CT_ALLREDUCE, "rabenseifner", 7, 4, 0, true },
		{ CT_ALLREDUCE, "rabenseifner", 8, 7, 0, false },
		{ CT_ALLREDUCE, "segmented_ring", 4, 1000, 0, false },
		{ CT_ALLREDUCE, "segmented_ring", 4, 1023, 1024, false },
		{ CT_ALLREDUCE, "segmented_ring", 4, 1024, 1024, true },
		{ CT_ALLREDUCE, "segmented_ring", 4, 100, 2, false },
		{ CT_ALLREDUCE, "recursive_doubling", 3, 1, 0, true },
		{ CT_BROADCAST, "scatter_allgather", 5, 4, 0, false },
		{ CT_BROADCAST, "scatter_allgather_ring", 5, 5, 0, true },
		{ CT_BROADCAST, "split_binary_tree", 4, 1, 0, false },
		{ CT_BROADCAST, "split_binary_tree", 4, 2, 0, true },
		{ CT_BROADCAST, "split_binary_tree", 4, 513, 1024, true },
		{ CT_BROADCAST, "split_binary_tree", 4, 511, 1024, false },
		{ CT_BROADCAST, "chain", 4, 1, 1024, true },
		{ CT_ALLGATHER, "recursive_doubling", 6, 100, 0, false },
		{ CT_ALLGATHER, "recursive_doubling", 8, 100, 0, true },
		{ CT_ALLGATHER, "neighbor", 5, 100, 0, false },
		{ CT_ALLGATHER, "neighbor", 6, 100, 0, true },
		{ CT_ALLTOALL, "two_proc", 3, 100, 0, false },
		{ CT_ALLTOALL, "two_proc", 2, 100, 0, true },
		{ CT_BARRIER, "two_proc", 4, 0, 0, false },
		{ CT_BARRIER, "tree", 5, 0, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ct_mpi_case use = { rows[i].coll, rows[i].nranks, rows[i].count, 4,
			rows[i].segment };
		const char *why = ct_mpi_not_run(&use, rows[i].algo);

		if ((why == NULL) != rows[i].runs)
			fail_msg("row %zu (%s): %s", i, rows[i].algo, why != NULL ? why : "runs");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_library_words),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_knobs),
		cmocka_unit_test(test_substitutions),
	};

	return cmocka_run_group_tests_name("mpi_rules", tests, NULL, NULL);
}

# SPDX-License-Identifier: BSD-3-Clause
# Tests of mpi: "unit_tests += tests/unit/test_mpi_WHAT" per C test (its source is tests/unit/test_mpi_WHAT.c).

# What is known of Open MPI without calling it; not in the core, so compiled in.
unit_tests += tests/unit/test_mpi_rules
tests_unit_test_mpi_rules_SOURCES = tests/unit/test_mpi_rules.c \
	lib/coll/mpi_rules.c lib/coll/mpi_rules.h

mpirun_tests += tests/mpirun/mpi_boot.t tests/mpirun/mpi_pingpong.t tests/mpirun/mpi_row.t \
	tests/mpirun/comm.t tests/mpirun/export_run.t

# whichalgo.c is compiled by the test that preloads it.
EXTRA_DIST += tests/mpirun/whichalgo.c scripts/agree-mpi scripts/bench-peers \
	scripts/peers.py

if WITH_MPI
check_PROGRAMS += tests/mpirun/comm tests/mpirun/mpi_boot tests/mpirun/mpi_row tests/mpirun/pingpong \
	tests/mpirun/rules_run

# Linked as a program of a user would be.
tests_mpirun_comm_SOURCES = tests/mpirun/comm.c $(keep_open)
tests_mpirun_comm_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_mpirun_comm_LDADD = libcolltune-mpi.la libcolltune.la $(MPI_LIBS)
tests_mpirun_mpi_boot_SOURCES = tests/mpirun/mpi_boot.c $(keep_open)
tests_mpirun_mpi_boot_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
tests_mpirun_mpi_boot_LDADD = libcolltune-mpi.la libcolltune.la $(MPI_LIBS)

# Like the command: no MPI of its own, and the module finds our symbols in it.
tests_mpirun_mpi_row_LDADD = $(JANSSON_LIBS) $(HWLOC_LIBS)
tests_mpirun_mpi_row_LDFLAGS = $(AM_LDFLAGS) $(whole_core)
EXTRA_tests_mpirun_mpi_row_DEPENDENCIES = libcolltune-core.la

# Independent of colltune: plain MPI.
tests_mpirun_pingpong_SOURCES = tests/mpirun/pingpong.c $(keep_open)
tests_mpirun_pingpong_CPPFLAGS = $(MPI_CFLAGS)
tests_mpirun_pingpong_LDADD = $(MPI_LIBS)
tests_mpirun_rules_run_SOURCES = tests/mpirun/rules_run.c $(keep_open)
tests_mpirun_rules_run_CPPFLAGS = $(MPI_CFLAGS)
tests_mpirun_rules_run_LDADD = $(MPI_LIBS) -ldl
endif

# SPDX-License-Identifier: BSD-3-Clause
# Examples: built and run by the tests, never installed. As a program of a user they know the public headers
# only.
EXTRA_DIST += docs/examples/iris.csv docs/examples/training.md docs/examples/nccl-slurm.md \
	docs/examples/nccl-slurm.sbatch
shell_tests += tests/cli/training.t
mpirun_tests += tests/mpirun/training.t

check_PROGRAMS += docs/examples/train_env docs/examples/train_threads
docs_examples_train_env_SOURCES = docs/examples/train_env.c docs/examples/train.c docs/examples/train.h
docs_examples_train_env_LDADD = libcolltune.la
docs_examples_train_threads_SOURCES = docs/examples/train_threads.c docs/examples/train.c docs/examples/train.h
docs_examples_train_threads_LDADD = libcolltune.la

if WITH_MPI
check_PROGRAMS += docs/examples/train_mpi
docs_examples_train_mpi_SOURCES = docs/examples/train_mpi.c docs/examples/train.c docs/examples/train.h \
	$(keep_open)
docs_examples_train_mpi_CPPFLAGS = $(AM_CPPFLAGS) $(MPI_CFLAGS)
docs_examples_train_mpi_LDADD = libcolltune-mpi.la libcolltune.la $(MPI_LIBS)
endif

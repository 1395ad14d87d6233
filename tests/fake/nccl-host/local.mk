# SPDX-License-Identifier: BSD-3-Clause
# A stand-in for a library with NCCL's ABI and its device library, on host memory: tests only.
check_LTLIBRARIES += nccl-host.la
shell_tests += tests/fake/nccl-host/accept.t tests/fake/nccl-host/bench.t tests/fake/nccl-host/ladder.t \
	tests/fake/nccl-host/plugins.t
mpirun_tests += tests/fake/nccl-host/mpirun.t
EXTRA_DIST += tests/fake/nccl-host/accept.t tests/fake/nccl-host/bench.t tests/fake/nccl-host/ladder.t \
	tests/fake/nccl-host/plugins.t tests/fake/nccl-host/mpirun.t

nccl_host_la_SOURCES = tests/fake/nccl-host/call.c tests/fake/nccl-host/comm.c \
	tests/fake/nccl-host/fault.c tests/fake/nccl-host/gpu.c tests/fake/nccl-host/host.h \
	tests/fake/nccl-host/inside.h tests/fake/nccl-host/job.c tests/fake/nccl-host/meet.c
nccl_host_la_LIBADD = libcolltune-core.la
# Its copy of our core is its own.
nccl_host_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nonexistent \
	-export-symbols-regex '^(nccl|cu)[A-Z]'

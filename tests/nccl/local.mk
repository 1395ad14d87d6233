# SPDX-License-Identifier: BSD-3-Clause
# The real libnccl on a stand-in for CUDA, where configure found it. Not under a sanitizer: the stand-in is
# preloaded and rewrites libnccl's code in memory.
if WITH_NCCL
if !SANITIZE
check_LTLIBRARIES += fakecuda.la
check_PROGRAMS += tests/nccl/choices tests/nccl/moves tests/nccl/rings
shell_tests += tests/nccl/tuner_real.t tests/nccl/machines_real.t tests/nccl/moves.t tests/nccl/profiler_real.t \
	tests/nccl/backend_real.t tests/nccl/explain_real.t tests/nccl/tune_real.t
testbed_tests += tests/testbed/nccl.t
endif
# Only compiled: it says whether our prototypes are those of nccl.h and cuda.h.
check_LTLIBRARIES += libnccl-abi.la
endif
EXTRA_DIST += tests/nccl/gpu_check.t tests/nccl/tuner_real.t tests/nccl/machines_real.t tests/nccl/moves.t \
	tests/nccl/backend_real.t tests/nccl/explain_real.t tests/nccl/profiler_real.t tests/nccl/tune_real.t tests/nccl/stand-in tests/testbed/nccl.t
# Skipped where there is no GPU.
shell_tests += tests/nccl/gpu_check.t
# The emulator's own arithmetic: needs no libnccl.
unit_tests += tests/fake/test_fake_works
tests_fake_test_fake_works_SOURCES = tests/fake/test_fake_works.c tests/fake/cuda/kernel.h tests/fake/cuda/layout.h \
	tests/fake/cuda/works.c
tests_fake_test_fake_works_LDADD = $(CMOCKA_LIBS)

fakecuda_la_SOURCES = tests/fake/cuda/device.c tests/fake/cuda/door.c tests/fake/cuda/driver.c \
	tests/fake/cuda/fake.h tests/fake/cuda/fold.c tests/fake/cuda/kernel.c tests/fake/cuda/kernel.h \
	tests/fake/cuda/layout.h tests/fake/cuda/link.c tests/fake/cuda/memory.c tests/fake/cuda/nvml.c \
	tests/fake/cuda/p2p.c tests/fake/cuda/patch.c tests/fake/cuda/ring.c tests/fake/cuda/stream.c \
	tests/fake/cuda/vmm.c tests/fake/cuda/works.c
fakecuda_la_CPPFLAGS = -isystem $(NCCL_HOME)/include
# What is preloaded must be seen; most arguments mean nothing here.
fakecuda_la_CFLAGS = $(CT_CFLAGS) -fvisibility=default -Wno-unused-parameter
fakecuda_la_LDFLAGS = -module -avoid-version -shared -rpath /nonexistent

tests_nccl_choices_SOURCES = tests/nccl/choices.c
tests_nccl_choices_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(NCCL_HOME)/include
tests_nccl_choices_CFLAGS = $(AM_CFLAGS) -Wno-unused-parameter
tests_nccl_choices_LDADD = $(NCCL_LIBDIR)/libnccl.so.2
# The program is NCCL's profiler plugin too, so it shows its symbols.
tests_nccl_choices_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,$(NCCL_LIBDIR)

tests_nccl_rings_SOURCES = tests/nccl/rings.c
tests_nccl_rings_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(NCCL_HOME)/include
tests_nccl_rings_CFLAGS = $(AM_CFLAGS) -Wno-unused-parameter
tests_nccl_rings_LDADD = $(NCCL_LIBDIR)/libnccl.so.2
# NCCL's network plugin too.
tests_nccl_rings_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,$(NCCL_LIBDIR)

tests_nccl_moves_SOURCES = tests/nccl/moves.c
tests_nccl_moves_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(NCCL_HOME)/include
tests_nccl_moves_LDADD = $(NCCL_LIBDIR)/libnccl.so.2
tests_nccl_moves_LDFLAGS = $(AM_LDFLAGS) -Wl,-rpath,$(NCCL_LIBDIR)
EXTRA_tests_nccl_moves_DEPENDENCIES = tests/nccl/lib/libcuda.so.1
# The names by which the driver and NVML are opened.
tests/nccl/lib/libcuda.so.1: fakecuda.la
	$(AM_V_GEN)$(MKDIR_P) tests/nccl/lib && \
		ln -sf '$(abs_builddir)/.libs/fakecuda.so' tests/nccl/lib/libnvidia-ml.so.1 && \
		ln -sf '$(abs_builddir)/.libs/fakecuda.so' $@
CLEANFILES += tests/nccl/lib/libcuda.so.1 tests/nccl/lib/libnvidia-ml.so.1

libnccl_abi_la_SOURCES = tests/nccl/abi.c
libnccl_abi_la_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(NCCL_HOME)/include
libnccl_abi_la_CFLAGS = $(AM_CFLAGS) -Wconversion

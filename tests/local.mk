# SPDX-License-Identifier: BSD-3-Clause
# All tests print TAP. A C test is one line in its area's .mk, "unit_tests += tests/unit/test_x",
# and its source tests/unit/test_x.c; a shell test is "shell_tests += tests/cli/x.t".
# mpirun_tests are shell tests that start MPI: they are left out where a sanitizer cannot follow.
# testbed_tests need the virtual machine of scripts/testbed: "make check-testbed", not "make check".
unit_tests =
shell_tests =
mpirun_tests =
testbed_tests =

unit_tests += tests/abi/structs

include tests/unit/base.mk
include tests/unit/boot.mk
include tests/unit/net.mk
include tests/unit/coll.mk
include tests/unit/measure.mk
include tests/unit/model.mk
include tests/unit/topo.mk
include tests/unit/rules.mk
include tests/unit/tune.mk
include tests/unit/accept.mk
include tests/unit/api.mk
include docs/examples/local.mk
include tests/unit/bench.mk
include tests/unit/mpi.mk
include tests/fake/local.mk
include tests/fake/nccl-host/local.mk
include tests/unit/plugin.mk
include tests/nccl/local.mk
include tests/fabric/local.mk

include tests/fuzz/local.mk

AM_CPPFLAGS += -DCT_TEST_SRCDIR='"$(abs_top_srcdir)"'
# For MPI programs that do not link the archive: $(keep_open) among their sources.
if SANITIZE
keep_open = tests/keep_open.c
core_sources += $(keep_open)
endif
EXTRA_DIST += tests/keep_open.c

LDADD = libcolltune-core.la $(CMOCKA_LIBS)

TESTS =
if WITH_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
TESTS += $(shell_tests) $(check_tests)
if WITH_MPI
TESTS += $(mpirun_tests)
endif

tap_driver = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/scripts/build-aux/tap-driver.sh
LOG_DRIVER = $(tap_driver)
LOG_COMPILER = $(SHELL) $(srcdir)/tests/run-tap
TEST_EXTENSIONS = .t
T_LOG_DRIVER = $(tap_driver)
T_LOG_COMPILER = $(SHELL) $(srcdir)/tests/run-tap bash

# Slow unwinding sees through libraries without frame pointers, so a leak is told by its caller; a
# test may preload a witness of its own.
asan_options = detect_stack_use_after_return=1:fast_unwind_on_malloc=0:verify_asan_link_order=0

AM_TESTS_ENVIRONMENT = \
	COLLTUNE='$(abs_builddir)/colltune'; export COLLTUNE; \
	COLLTUNE_MODULE_DIR='$(abs_builddir)/.libs'; export COLLTUNE_MODULE_DIR; \
	CT_SRCDIR='$(abs_top_srcdir)'; export CT_SRCDIR; \
	CT_BUILDDIR='$(abs_top_builddir)'; export CT_BUILDDIR; \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	MPIRUN='$(MPIRUN)'; export MPIRUN; \
	ASAN_OPTIONS="$$ASAN_OPTIONS:$(asan_options)"; export ASAN_OPTIONS; \
	LSAN_OPTIONS='suppressions=$(abs_top_srcdir)/tests/lsan.supp:print_suppressions=0'; \
	export LSAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1; export UBSAN_OPTIONS; \
	OMPI_ALLOW_RUN_AS_ROOT=1; export OMPI_ALLOW_RUN_AS_ROOT; \
	OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM; \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	CC='$(CC)'; export CC; \
	CPPFLAGS='$(CPPFLAGS) $(JANSSON_CFLAGS) $(HWLOC_CFLAGS)'; export CPPFLAGS; \
	MPI_CFLAGS='$(MPI_CFLAGS)'; export MPI_CFLAGS;

EXTRA_DIST += $(shell_tests) $(mpirun_tests) tests/testbed/counters.t tests/testbed/fabrics.t tests/testbed/rails.t \
	tests/testbed/raw.t tests/testbed/roce.t tests/testbed/roce_congest.t tests/testbed/roce_two.t tests/testbed/slow.t tests/testbed/two.t \
	tests/testbed/verbs.t tests/testbed/words.sh tests/run-tap tests/tap.sh tests/lsan.supp

# All that "make check" compiles, without running it.
.PHONY: programs check-all check-sanitized check-testbed
programs: all $(check_PROGRAMS) $(check_LTLIBRARIES)

if WITH_VERBS
if WITH_MPI
testbed_tests += tests/testbed/counters.t tests/testbed/fabrics.t tests/testbed/rails.t tests/testbed/raw.t \
	tests/testbed/roce.t tests/testbed/roce_congest.t tests/testbed/roce_two.t tests/testbed/slow.t tests/testbed/two.t tests/testbed/verbs.t
endif
endif
# way=recheck: only the files of tests that failed the last time, as "make recheck" does for check-all
way = check
check-all:
	$(MAKE) $(AM_MAKEFLAGS) $(way)

# A file boots a machine that is emulated: it may take longer than others.
check-testbed: all
	CT_TEST_SECONDS=1600 $(MAKE) $(AM_MAKEFLAGS) $(way) TESTS='$(testbed_tests)'

# The tests that a sanitizer build is for. The thread sanitizer does not follow MPI's own threads, and where
# one thread computes for minutes it has nothing to find.
one_thread = tests/unit/test_accept_isolate tests/unit/test_coll_schedule tests/unit/test_tune_recorded \
	tests/unit/test_tune_search
if SANITIZE_THREAD
sanitized_tests = $(unit_tests)
not_sanitized = $(one_thread)
else
sanitized_tests = $(unit_tests) $(shell_tests) $(mpirun_tests)
# a browser, and searches that take the same ways as those of test_tune_search
not_sanitized = tests/cli/report_browser.t tests/unit/test_tune_recorded
endif
check-sanitized:
	chosen=; for test in $(sanitized_tests); do \
		case ' $(not_sanitized) ' in *" $$test "*) ;; *) chosen="$$chosen $$test" ;; esac; \
	done; $(MAKE) $(AM_MAKEFLAGS) $(way) TESTS="$$chosen"

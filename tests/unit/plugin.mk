# SPDX-License-Identifier: BSD-3-Clause
# Tests of the plugins, which are opened as NCCL opens them.
unit_tests += tests/unit/test_plugin_tuner
tests_unit_test_plugin_tuner_LDFLAGS = $(AM_LDFLAGS) -Wl,--export-dynamic-symbol=ncclGetVersion
EXTRA_tests_unit_test_plugin_tuner_DEPENDENCIES = libnccl-tuner-colltune.la
unit_tests += tests/unit/test_plugin_profiler
EXTRA_tests_unit_test_plugin_profiler_DEPENDENCIES = libnccl-profiler-colltune.la
# Instructions of a look-up, and of an event. A sanitizer adds its own, and cannot run under valgrind.
if !SANITIZE
check_PROGRAMS += tests/tuner_cost tests/profiler_cost
tests_tuner_cost_LDADD = -ldl
tests_profiler_cost_LDADD = -ldl
shell_tests += tests/cli/tuner_cost.t tests/cli/profiler_cost.t
endif
EXTRA_DIST += tests/tuner_cost.c tests/cli/tuner_cost.t tests/profiler_cost.c tests/cli/profiler_cost.t

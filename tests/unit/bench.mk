# SPDX-License-Identifier: BSD-3-Clause
# Tests of bench. The command is no part of the core: what is tested is compiled in.
unit_tests += tests/unit/test_bench_plan tests/unit/test_bench_table
tests_unit_test_bench_plan_SOURCES = tests/unit/test_bench_plan.c \
	bench/plan.c bench/plan.h bench/job.h
tests_unit_test_bench_table_SOURCES = tests/unit/test_bench_table.c bench/table.c bench/table.h

unit_tests += tests/unit/test_bench_machines
tests_unit_test_bench_machines_SOURCES = tests/unit/test_bench_machines.c \
	bench/machines.c bench/machines.h bench/job.h

unit_tests += tests/unit/test_bench_nccl
tests_unit_test_bench_nccl_SOURCES = tests/unit/test_bench_nccl.c \
	bench/nccl_log.c bench/nccl_log.h bench/nccl_variables.c bench/nccl_variables.h

unit_tests += tests/unit/test_bench_told
tests_unit_test_bench_told_SOURCES = tests/unit/test_bench_told.c bench/told_class.c bench/told_class.h \
	bench/nccl_variables.c bench/nccl_variables.h

unit_tests += tests/unit/test_bench_congest
tests_unit_test_bench_congest_SOURCES = tests/unit/test_bench_congest.c \
	bench/congest_run.c bench/congest_spread.c bench/congest.h bench/job.h

unit_tests += tests/unit/test_bench_tap
tests_unit_test_bench_tap_SOURCES = tests/unit/test_bench_tap.c bench/roce_tap.c bench/roce_tap.h

shell_tests += \
	tests/cli/accept_threads.t \
	tests/cli/badinput.t \
	tests/cli/bench_compare.t \
	tests/cli/ladder.t \
	tests/cli/list_rows.t \
	tests/cli/report.t tests/cli/report_browser.t \
	tests/cli/manual.t \
	tests/cli/nccl_job.t tests/cli/nccl_rules.t \
	tests/cli/topo_tree.t \
	tests/cli/view_dir.t \
	tests/golden/golden.t
mpirun_tests += \
	tests/mpirun/cli_bench.t \
	tests/mpirun/alike.t \
	tests/mpirun/cli_others.t \
	tests/mpirun/hang_deadline.t \
	tests/mpirun/accept_killed.t \
	tests/mpirun/hang_signal.t \
	tests/mpirun/ladder.t \
	tests/mpirun/roce.t
EXTRA_DIST += tests/cli/browser.py tests/mpirun/ranks.sh \
	tests/golden/allreduce-0.jsonl tests/golden/allreduce-1.jsonl \
	tests/golden/help.txt tests/golden/help-accept.txt tests/golden/help-bench.txt \
	tests/golden/help-compare.txt tests/golden/help-export.txt tests/golden/help-tune.txt \
	tests/golden/help-list.txt tests/golden/help-perftest.txt tests/golden/help-report.txt tests/golden/help-topo.txt \
	tests/golden/help-nccl.txt tests/golden/help-view.txt \
	tests/golden/replay.csv tests/golden/replay.txt

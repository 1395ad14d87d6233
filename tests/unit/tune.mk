# SPDX-License-Identifier: BSD-3-Clause
# Tests of tune.
unit_tests += tests/unit/test_tune_search tests/unit/test_tune_recorded tests/unit/test_tune_winners
unit_tests += tests/unit/test_tune_alike tests/unit/test_tune_join
EXTRA_DIST += tests/unit/tune_table.h tests/fixtures/costs.txt
shell_tests += tests/cli/tune.t tests/cli/tune_launch.t
mpirun_tests += tests/mpirun/tune_run.t
mpirun_tests += tests/mpirun/verify.t

# SPDX-License-Identifier: BSD-3-Clause
# Tests of accept, of advise and of compare, which stands on it.
unit_tests += \
	tests/unit/test_accept_isolate \
	tests/unit/test_accept_judge \
	tests/unit/test_accept_leaves \
	tests/unit/test_accept_run \
	tests/unit/test_accept_soak \
	tests/unit/test_advise_alarms \
	tests/unit/test_advise_compare \
	tests/unit/test_advise_fabric \
	tests/unit/test_advise_node \
	tests/unit/test_advise_roce \
	tests/unit/test_advise_roce_plan \
	tests/unit/test_advise_ladder \
	tests/unit/test_advise_rules
shell_tests += tests/cli/compare_sets.t
shell_tests += tests/cli/compare_lossy.t
EXTRA_DIST += tests/fixtures/compare.txt tests/fixtures/rounds40.jsonl
# roce: values and configurations.
shell_tests += tests/cli/roce_recommend.t tests/cli/roce_config.t tests/cli/roce_sonic.t tests/cli/roce_check.t tests/cli/roce_watch.t \
	tests/cli/roce_congest.t
EXTRA_DIST += tests/roce/trees.py tests/roce/sonic_model.py
EXTRA_DIST += tests/fixtures/sonic-stock.json tests/golden/help-roce.txt \
	tests/golden/roce-sonic.json tests/golden/roce-cumulus.txt tests/golden/roce-eos.txt \
	tests/golden/roce-nxos.txt tests/golden/roce-os10.txt tests/golden/roce-junos.txt \
	tests/golden/roce-dcb.txt tests/golden/roce-mlnx_qos-unit.txt
shell_tests += tests/cli/accept_pretend.t tests/cli/launch_recipes.t tests/cli/accept_fault.t tests/cli/accept_killed.t

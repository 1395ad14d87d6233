# SPDX-License-Identifier: BSD-3-Clause
# Tests of accept and of advise.
unit_tests += \
	tests/unit/test_accept_judge \
	tests/unit/test_accept_run \
	tests/unit/test_advise_alarms \
	tests/unit/test_advise_compare \
	tests/unit/test_advise_rules
EXTRA_DIST += tests/fixtures/rounds40.jsonl

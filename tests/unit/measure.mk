# SPDX-License-Identifier: BSD-3-Clause
# Tests of measure.
unit_tests += \
	tests/unit/test_measure_loop \
	tests/unit/test_measure_native \
	tests/unit/test_measure_ports \
	tests/unit/test_measure_record \
	tests/unit/test_measure_torture \
	tests/unit/test_measure_watchdog
EXTRA_DIST += tests/unit/measure_fake.h
shell_tests += tests/cli/schema_result.t

# SPDX-License-Identifier: BSD-3-Clause
# Tests of boot: "unit_tests += tests/unit/test_boot_WHAT" per C test (its source is tests/unit/test_boot_WHAT.c).
unit_tests += \
	tests/unit/test_boot_env \
	tests/unit/test_boot_launcher \
	tests/unit/test_boot_pair \
	tests/unit/test_boot_threads

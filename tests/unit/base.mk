# SPDX-License-Identifier: BSD-3-Clause
# Tests of base: "unit_tests += tests/unit/test_base_WHAT" per C test (its source is tests/unit/test_base_WHAT.c).
unit_tests += tests/unit/test_base_json
unit_tests += tests/unit/test_base_option
unit_tests += tests/unit/test_base_paired
unit_tests += tests/unit/test_base_random
unit_tests += tests/unit/test_base_sha256
unit_tests += tests/unit/test_base_stats
unit_tests += tests/unit/test_base_status
unit_tests += tests/unit/test_base_units

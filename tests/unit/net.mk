# SPDX-License-Identifier: BSD-3-Clause
# Tests of net: "unit_tests += tests/unit/test_net_WHAT" per C test (its source is tests/unit/test_net_WHAT.c).
unit_tests += \
	tests/unit/test_mem_kinds \
	tests/unit/test_net_fault \
	tests/unit/test_net_open \
	tests/unit/test_net_process \
	tests/unit/test_net_storm \
	tests/unit/test_net_stranger
EXTRA_DIST += tests/unit/net_ranks.h

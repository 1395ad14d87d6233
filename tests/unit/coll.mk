# SPDX-License-Identifier: BSD-3-Clause
# Tests of coll: "unit_tests += tests/unit/test_coll_WHAT" per C test (its source is tests/unit/test_coll_WHAT.c).
unit_tests += \
	tests/unit/test_coll_native \
	tests/unit/test_coll_predict \
	tests/unit/test_coll_reduce \
	tests/unit/test_coll_schedule \
	tests/unit/test_coll_verify
unit_tests += tests/unit/test_gpu_library
unit_tests += tests/unit/test_coll_nccl
EXTRA_tests_unit_test_coll_nccl_DEPENDENCIES = nccl-host.la

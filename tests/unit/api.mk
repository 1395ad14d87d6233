# SPDX-License-Identifier: BSD-3-Clause
# Tests of api: through the shared library and its public header alone, but for those of ct_comm, which
# need the core's threads, verified data and torture.
unit_tests += \
	tests/unit/test_api_comm \
	tests/unit/test_api_comm_rules \
	tests/unit/test_api_expire \
	tests/unit/test_api_job \
	tests/unit/test_api_tune
tests_unit_test_api_expire_LDADD = libcolltune.la $(CMOCKA_LIBS)
tests_unit_test_api_job_LDADD = libcolltune.la $(CMOCKA_LIBS)
tests_unit_test_api_tune_LDADD = libcolltune.la $(CMOCKA_LIBS)
EXTRA_DIST += tests/unit/api_ranks.h tests/unit/comm_ranks.h

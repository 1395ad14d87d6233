# SPDX-License-Identifier: BSD-3-Clause
# Tests of model.
unit_tests += tests/unit/test_model_expect
unit_tests += tests/unit/test_model_loggp

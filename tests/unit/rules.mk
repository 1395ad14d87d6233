# SPDX-License-Identifier: BSD-3-Clause
# Tests of rules, and of their schema.
unit_tests += tests/unit/test_rules_parse
unit_tests += tests/unit/test_rules_pick
shell_tests += tests/cli/schema_rules.t
EXTRA_DIST += tests/fixtures/rules.json tests/fixtures/rules-bad.json tests/fixtures/rules-export.json results/rules.schema.json
shell_tests += tests/cli/export.t

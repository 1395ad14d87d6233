# SPDX-License-Identifier: BSD-3-Clause
# results: measured here, never edited by hand; the schema is checked in the tests.
EXTRA_DIST += results/README.md results/schema.json results/verdict.schema.json
# Read by tests/cli/compare_lossy.t.
EXTRA_DIST += \
	results/testbed-soft-roce-emulated/20261122-f801710-clean.jsonl \
	results/testbed-soft-roce-emulated/20261122-f801710-lossy.jsonl

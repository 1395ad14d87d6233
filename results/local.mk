# SPDX-License-Identifier: BSD-3-Clause
# results: measured here, never edited by hand; the schema is checked in the tests.
EXTRA_DIST += results/README.md results/schema.json

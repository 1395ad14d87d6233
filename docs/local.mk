# SPDX-License-Identifier: BSD-3-Clause
# docs: what is installed and what travels in the tarball.
dist_man_MANS += docs/man/colltune.1
EXTRA_DIST += docs/backends.md docs/counters.md docs/design.md docs/fakeib.md docs/formats.md docs/measuring.md docs/nccl.md docs/roce.md docs/testbed.md

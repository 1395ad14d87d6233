# SPDX-License-Identifier: BSD-3-Clause
# scripts: recipes for people, and the checks of the source that "make check" runs.
check_tests = \
	scripts/checks/abi.t \
	scripts/checks/headers.t \
	scripts/checks/layers.t \
	scripts/checks/listed.t \
	scripts/checks/man.t \
	scripts/checks/shell.t \
	scripts/checks/sizes.t \
	scripts/checks/spdx.t \
	scripts/checks/symbols.t \
	scripts/checks/tarball.t

EXTRA_DIST += scripts/capture $(check_tests) \
	scripts/checks/headers \
	scripts/checks/layers \
	scripts/checks/listed \
	scripts/checks/man \
	scripts/checks/shell \
	scripts/checks/sizes \
	scripts/checks/spdx \
	scripts/checks/symbols \
	scripts/checks/tarball \
	scripts/demo scripts/gpu-check scripts/setup scripts/test \
	scripts/bench-fabric scripts/bench-perftest scripts/bench-perftest.py scripts/bench-tune \
	scripts/cost-table scripts/count-instructions scripts/count-instructions.py \
	scripts/bench-ucx scripts/bench-training scripts/bench-tune-testbed \
	scripts/testbed scripts/testbed-guest scripts/testbed-init scripts/testbed-rsh

# Native collectives against the MPI library's own, on this machine; minutes, not a test.
.PHONY: bench-peers
bench-peers: all
	COLLTUNE='$(abs_builddir)/colltune' COLLTUNE_MODULE_DIR='$(abs_builddir)/.libs' \
		$(srcdir)/scripts/bench-peers
# Where accept runs.
EXTRA_DIST += scripts/mpirun-accept scripts/slurm/accept.sbatch scripts/slurm/health-check \
	scripts/kubernetes/Containerfile scripts/kubernetes/mpijob.yaml scripts/reframe/colltune_accept.py

# What a search is worth beside an exhaustive sweep; minutes, not a test.
.PHONY: bench-tune
bench-tune: all
	COLLTUNE='$(abs_builddir)/colltune' COLLTUNE_MODULE_DIR='$(abs_builddir)/.libs' \
		$(srcdir)/scripts/bench-tune

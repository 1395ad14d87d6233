# SPDX-License-Identifier: BSD-3-Clause
# Tests of topo. The captured trees are made by hand: no links in them, so that a tarball keeps them.
unit_tests += tests/unit/test_topo_counters
EXTRA_DIST += tests/unit/tree.h
unit_tests += tests/unit/test_topo_ends
unit_tests += tests/unit/test_topo_file
unit_tests += tests/unit/test_topo_hide
unit_tests += tests/unit/test_topo_machine
unit_tests += tests/unit/test_topo_tree
EXTRA_DIST += tests/fixtures/sysroot-2nic tests/fixtures/sysroot-2x56
unit_tests += tests/unit/test_topo_diff
shell_tests += tests/cli/topo_diff.t
unit_tests += tests/unit/test_topo_matrix
shell_tests += tests/cli/topo_nccl.t
EXTRA_DIST += tests/fixtures/nccl-topology.dtd
shell_tests += tests/cli/topo_draw.t
shell_tests += tests/cli/topo_capture.t
unit_tests += tests/unit/test_topo_config
shell_tests += tests/cli/topo_details.t
shell_tests += tests/cli/topo_nvlink.t
EXTRA_DIST += tests/fake/nvml.c
shell_tests += tests/cli/topo_place.t tests/cli/topo_rails.t
shell_tests += tests/cli/topo_machines.t
shell_tests += tests/cli/fabric_lldp.t

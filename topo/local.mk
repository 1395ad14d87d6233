# SPDX-License-Identifier: BSD-3-Clause
# topo: this node as data.
core_sources += \
	topo/binding.c \
	topo/config.c topo/config.h \
	topo/details.c \
	topo/counters.c topo/counters.h \
	topo/devices.c \
	topo/diff.c \
	topo/ends.c topo/ends.h topo/netstats.c \
	topo/fabric.c topo/fabric.h \
	topo/fabric_file.c \
	topo/fabric_plan.c \
	topo/fabric_text.c topo/lldp.c \
	topo/file.c \
	topo/hash.c \
	topo/hide.c \
	topo/machine.c topo/machine.h \
	topo/matrix.c \
	topo/node.c \
	topo/numa.c \
	topo/nvml.c \
	topo/pci.c \
	topo/poll.c \
	topo/place.c \
	topo/rails.c topo/rides.c \
	topo/settings.c \
	topo/sysfs.c topo/sysfs.h \
	topo/topo.h \
	topo/tree.c \
	topo/vocabulary.c \
	topo/xml.c

machinesdir = $(pkgdatadir)/machines
dist_machines_DATA = \
	topo/machines/cloud-vm.json \
	topo/machines/cpu-2socket.json \
	topo/machines/dgx-a100-8rail.json \
	topo/machines/hgx-h100-8rail.json \
	topo/machines/npu-8x910.json \
	topo/machines/pcie-4gpu-2roce.json
EXTRA_DIST += topo/machines/README.md

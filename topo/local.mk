# SPDX-License-Identifier: BSD-3-Clause
# topo: this node as data.
core_sources += \
	topo/binding.c \
	topo/devices.c \
	topo/diff.c \
	topo/file.c \
	topo/hash.c \
	topo/hide.c \
	topo/machine.c topo/machine.h \
	topo/node.c \
	topo/settings.c \
	topo/sha256.c topo/sha256.h \
	topo/sysfs.c topo/sysfs.h \
	topo/topo.h \
	topo/tree.c \
	topo/xml.c

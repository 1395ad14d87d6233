# SPDX-License-Identifier: BSD-3-Clause
# rdma: devices, ports, GIDs and errors of libibverbs; part of the module verbs, never of the library.
verbs_module_sources += lib/rdma/device.c lib/rdma/error.c lib/rdma/rdma.h

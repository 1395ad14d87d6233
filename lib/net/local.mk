# SPDX-License-Identifier: BSD-3-Clause
# net: how bytes move.
core_sources += \
	lib/net/fault.c \
	lib/net/net.h \
	lib/net/queue.h \
	lib/net/registry.c \
	lib/net/self.c \
	lib/net/shm.c \
	lib/net/shm_ring.c lib/net/shm_ring.h \
	lib/net/tcp.c lib/net/tcp.h \
	lib/net/tcp_iface.c \
	lib/net/tcp_link.c \
	lib/net/trace.c \
	lib/net/wrap.c lib/net/wrap.h
# The row "verbs": a module of its own, never of the library.
verbs_module_sources += \
	lib/net/verbs.c lib/net/verbs.h \
	lib/net/verbs_event.c \
	lib/net/verbs_lazy.c \
	lib/net/verbs_link.c \
	lib/net/verbs_memory.c \
	lib/net/verbs_message.c \
	lib/net/verbs_rail.c \
	lib/net/verbs_shared.c \
	lib/net/verbs_wire.c

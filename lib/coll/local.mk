# SPDX-License-Identifier: BSD-3-Clause
# coll: schedules, their executor and checker, and the collective libraries.
core_sources += \
	lib/coll/algos.c \
	lib/coll/allgather.c \
	lib/coll/allreduce.c \
	lib/coll/allreduce_pow2.c \
	lib/coll/alltoall.c \
	lib/coll/barrier.c \
	lib/coll/broadcast.c \
	lib/coll/buffers.c \
	lib/coll/check.c \
	lib/coll/coll.h \
	lib/coll/execute.c lib/coll/execute.h \
	lib/coll/gather.c \
	lib/coll/generate.h \
	lib/coll/in_order.c \
	lib/coll/native.c lib/coll/native.h \
	lib/coll/nccl.c lib/coll/nccl_api.c lib/coll/nccl_api.h lib/coll/nccl_bounded.c \
	lib/coll/nccl_call.c lib/coll/nccl_cells.c lib/coll/nccl_comm.c lib/coll/nccl_told.c \
	lib/coll/openmpi.c \
	lib/coll/order.c lib/coll/order.h \
	lib/coll/p2p.c \
	lib/coll/predict.c \
	lib/coll/reduce.c lib/coll/reduce.h \
	lib/coll/reduce_root.c \
	lib/coll/reduce_scatter.c \
	lib/coll/registry.c \
	lib/coll/schedule.c lib/coll/schedule.h \
	lib/coll/trace.c lib/coll/trace.h \
	lib/coll/trace_lines.c lib/coll/trace_record.c \
	lib/coll/verify.c

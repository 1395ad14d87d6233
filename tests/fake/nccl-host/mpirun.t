#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Backend nccl over a STAND-IN for its library and driver, with a process for each rank.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

host=$COLLTUNE_MODULE_DIR/nccl-host.so
for n in 2 4; do
	for coll in allreduce alltoall broadcast reduce; do
		run timeout -s KILL 300 "$MPIRUN" --oversubscribe -n $n "$COLLTUNE" bench $coll --coll nccl \
			--nccl-lib "$host" --gpu-lib "$host" -b 8 -e 100000 -f 100 -n 1 --max-iters 2 \
			--budget 1ms
		is "$coll in $n processes: exit status" "$status" 0
		like "$coll in $n processes: right" "$out" '# Out of bounds values : 0 OK'
	done
done
run timeout -s KILL 300 "$MPIRUN" --oversubscribe -n 2 "$COLLTUNE" bench allreduce --coll native,mpi,nccl \
	--nccl-lib "$host" --gpu-lib "$host" -b 4K -e 4K -n 1 --max-iters 2 --budget 1ms
is "beside native and MPI: three tables" "$status $(grep -c '^ *4096' <<< "$out")" "0 3"
tap_done

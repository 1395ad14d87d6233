#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --place: each rank beside its GPU and NIC, in words of launchers and libraries.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
machines=$CT_SRCDIR/topo/machines

ok "hgx, a rank for each GPU" "$COLLTUNE" topo --load "$machines/hgx-h100-8rail.json" --place 8
like "hgx: the first rank" "$out" '^0 +nvml0 +mlx5_0 +0 +0-13 +0-13,112-125$'
like "hgx: the last rank" "$out" '^7 +nvml7 +mlx5_7 +1 +98-111 +98-111,210-223$'
like "hgx: rankfile" "$out" '^rank 4=\+n0 slot=56-69$'
like "hgx: order of the rails" "$out" 'NCCL_IB_HCA==mlx5_0,mlx5_1,mlx5_2,mlx5_3,mlx5_4,mlx5_5,mlx5_6,mlx5_7$'
like "hgx: device of one rank" "$out" '^rank 3 of each node: UCX_NET_DEVICES=mlx5_3:1$'
# PUs 0-13 and 112-125: fourteen bits each
like "hgx: mask" "$out" 'mask_cpu:0x3fff0000000000000000000000003fff,'
ok "hgx, two ranks" "$COLLTUNE" topo --load "$machines/hgx-h100-8rail.json" --place 2
like "hgx, two ranks: one on each socket" "$out" '^1 +nvml4 +mlx5_4 +1 +56-111 '
ok "two NICs, four GPUs" "$COLLTUNE" topo --load "$machines/pcie-4gpu-2roce.json" --place 4
like "two NICs: shared by the GPUs of a socket" "$out" '^1 +nvml1 +mlx5_0 +0 +16-31 '
like "two NICs: each told once" "$out" 'NCCL_IB_HCA==mlx5_0,mlx5_1$'
ok "more ranks than cores" "$COLLTUNE" topo --place 100
run "$COLLTUNE" topo --place 5000
is "too many ranks: exit" "$status" 2
run "$COLLTUNE" topo --place 0
is "no ranks: exit" "$status" 2
like "no ranks: range" "$err" 'place.*1 to 4096'
ok "this node" "$COLLTUNE" topo --place 1
like "this node: no GPU" "$out" '^0 '
tap_done

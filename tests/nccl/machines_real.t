#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The XML that colltune exports for each machine with NVIDIA GPUs, inside the real libnccl on a STAND-IN
# for CUDA (tests/fake/cuda): it is accepted, its NVLinks are taken from it, and over two such HGX machines
# NCCL's search finds one ring for each NIC.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99
command -v xmllint > /dev/null || { [ -z "${CI-}" ] || { echo "Bail out! no xmllint"; exit 99; }; skip_all "no xmllint"; }

mkdir "$tmp/lib"
ln -s "$CT_BUILDDIR/.libs/fakecuda.so" "$tmp/lib/libnvidia-ml.so.1"
cd "$tmp" || exit 99

# nccl GPUS FILE NAME=VALUE… COMMAND…: with this topology; no NVLink but what the file tells
nccl() {
	local gpus=$1 file=$2 busids
	shift 2
	busids=$(sed -n '/class="0x0302*00"/s/.*busid="\([^"]*\)".*/\1/p' "$file" | paste -sd,)
	run timeout -s KILL 720 env LD_PRELOAD="$CT_BUILDDIR/.libs/fakecuda.so" LD_LIBRARY_PATH="$tmp/lib" CT_FAKE_KERNELS=0 \
		CT_FAKE_GPUS="$gpus" CT_FAKE_BUSIDS="$busids" CT_FAKE_NVLINKS=0 NCCL_TOPO_FILE="$file" \
		NCCL_CONF_FILE=/dev/null NCCL_SOCKET_IFNAME=lo NCCL_IB_DISABLE=1 NCCL_TUNER_PLUGIN=none \
		NCCL_DEBUG=INFO NCCL_DEBUG_SUBSYS=INIT,GRAPH,NET NCCL_DEBUG_FILE="$tmp/log" "$@"
}

# of FILE XPATH: how many
of() {
	xmllint --xpath "string(count($2))" "$1"
}

seen=0
for machine in "$CT_SRCDIR"/topo/machines/*.json; do
	name=${machine##*/}
	"$COLLTUNE" topo --load "$machine" --nccl-xml m.xml > /dev/null 2>&1 || continue
	gpus=$(grep -c 'class="0x0302*00".*vendor="0x10de"' m.xml)
	[ "$gpus" -gt 1 ] || continue
	seen=$((seen + 1))
	nccl "$gpus" m.xml NCCL_NET_PLUGIN=none NCCL_PROFILER_PLUGIN=STATIC_PLUGIN \
		NCCL_TOPO_DUMP_FILE="$tmp/dump.xml" "$CT_BUILDDIR/tests/nccl/choices" "$gpus" 65536
	is "$name: accepted, five collectives chosen" "$status $(grep -c . <<< "$out")" "0 5"
	is "$name: all GPUs in NCCL's own file" "$(of dump.xml //gpu)" "$gpus"
	is "$name: the NVLinks are ours" "$(of dump.xml "//nvlink[@count > 0]")" \
		"$(of m.xml "//nvlink[@count > 0]")"
done
is "machines with NVIDIA GPUs" "$seen" 3

"$COLLTUNE" topo --load "$CT_SRCDIR/topo/machines/hgx-h100-8rail.json" --nccl-xml hgx.xml > /dev/null
nccl 8 hgx.xml NCCL_NET_PLUGIN=STATIC_PLUGIN NCCL_GRAPH_DUMP_FILE="$tmp/graph.xml" \
	NCCL_TOPO_DUMP_FILE="$tmp/two.xml" "$CT_BUILDDIR/tests/nccl/rings" 8 mlx5_{0..7}
is "two HGX machines: one communicator of 16 GPUs" "$status" 0
is "the NICs are where our file says, two below each switch" "$(of two.xml '//pci[@class="0x060400"][count(.//net) = 2]')" 4
ring='/graphs/graph[@id="0"]'
is "as many rings as NICs" "$(of graph.xml "$ring/channel")" 8
is "each ring begins at a NIC of its own" "$(xmllint --xpath "$ring/channel/net[1]/@dev" graph.xml |
	sort -u | grep -c dev)" 8
is "each ring passes all GPUs" "$(of graph.xml "$ring/channel[count(gpu) = 8]")" 8
tap_done

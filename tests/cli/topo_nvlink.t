#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# NVLink, by a made-up libnvidia-ml and by what nvidia-smi said in a captured tree.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
# shellcheck disable=SC2086
ok "the made-up library is built" ${CC:-cc} -shared -fPIC -o libnvidia-ml.so.1 "$CT_SRCDIR/tests/fake/nvml.c"
with() {
	env LD_LIBRARY_PATH="$tmp" "$@"
}

ok "a switch: read" with "$COLLTUNE" topo --save switch.json
like "a switch: tree" "$out" 'gpu nvml3: NVIDIA H100 80GB HBM3, nvidia, PCI 0000:40:00.0 10de:2330'
like "a switch: links" "$out" 'NVLink switch:18 at 26.562 GB/s each'
ok "a switch: matrix" "$COLLTUNE" topo --load switch.json --matrix
like "matrix without NICs" "$out" 'no matrix: 4 GPUs and|NV18'
ok "mesh: read" with env CT_FAKE_NVLINK=mesh CT_FAKE_GPUS=3 "$COLLTUNE" topo --save mesh.json
like "mesh: links" "$out" 'NVLink 0000:20:00.0:4 0000:30:00.0:4'
ok "no GPUs" with env CT_FAKE_GPUS=0 "$COLLTUNE" topo
unlike "no GPUs: none" "$out" 'gpu nvml'
run "$COLLTUNE" topo --load switch.json --diff mesh.json
like "--diff tells changed links" "$out" '/gpus/0000:10:00.0/nvlink: switch:18 \| 0000:20:00.0:4 0000:30:00.0:4'

# A captured tree: two GPUs of an eight-GPU board and what nvidia-smi says about them.
cp -r "$CT_SRCDIR/tests/fixtures/sysroot-2nic" tree
chmod -R u+w tree
mkdir -p tree/said
printf '\tGPU0\tNIC0\tCPU Affinity\nGPU0\t X \tPIX\t0-7\nGPU7\tNV99\t X \nGPU\nGPU0\nGPU18446744073709551617\tNV4\n' > tree/said/nvidia-smi-topo
ok "nvidia-smi: odd rows do no harm" "$COLLTUNE" topo --sysroot tree --matrix
like "matrix: by PCI" "$out" 'nvml0 +PIX|nvml0 +PHB|nvml0 +NODE|nvml0 +SYS'
tap_done

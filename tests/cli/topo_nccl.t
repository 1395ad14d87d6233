#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --nccl-xml: NCCL's topology file of the machines in topo/machines.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
if ! command -v xmllint > /dev/null; then
	[ -z "${CI-}" ] || { echo "Bail out! no xmllint"; exit 99; }
	skip_all "no xmllint"
fi

for machine in hgx-h100-8rail pcie-4gpu-2roce; do
	ok "$machine" "$COLLTUNE" topo --load "$CT_SRCDIR/topo/machines/$machine.json" --nccl-xml "$machine"
	like "$machine: what is left out" "$out" "^written: $machine; left out, "
	ok "$machine: grammar" xmllint --noout --dtdvalid "$CT_SRCDIR/tests/fixtures/nccl-topology.dtd" \
		"$machine"
done

count() {
	xmllint --xpath "string(count($1))" hgx-h100-8rail
}
# As in the file that a cloud gives for such a machine (azhpc-images, ndv5-topo.xml): CPUs hold
# switches, switches hold GPUs and NICs side by side.
is "hgx: sockets" "$(count /system/cpu)" 2
is "hgx: switches, each one node" "$(count '/system/cpu/pci[@class="0x060400"]')" 4
is "hgx: GPUs below switches" "$(count '/system/cpu/pci/pci[@class="0x030200"]')" 8
is "hgx: NICs below switches" "$(count '/system/cpu/pci/pci[@class="0x020700"]/nic/net')" 8
is "hgx: the interface on a root port" "$(count '/system/cpu/pci[@class="0x020000"]')" 1
is "hgx: a NIC's speed" "$(xmllint --xpath 'string(//net[@name="mlx5_7"]/@speed)' hgx-h100-8rail)" 400000
is "hgx: a link" "$(xmllint --xpath 'string(//pci[@busid="0000:18:00.0"]/@link_speed)' hgx-h100-8rail)" \
	"32.0 GT/s PCIe"
is "hgx: every link" "$(count '//pci[not(@link_speed) or not(@link_width)]')" 0
is "hgx: the uplink of a switch, from hwloc's bandwidth" \
	"$(xmllint --xpath 'string(//pci[@busid="0000:16:00.0"]/@link_speed)' hgx-h100-8rail)" "32.0 GT/s PCIe"
# As NCCL writes NVLinks to switches that cannot be seen.
is "hgx: NVLinks" "$(count '/system/cpu/pci/pci/gpu/nvlink[@target="fffffff:ffff:ff" and @count="18" and
	@tclass="0x068000"]')" 8
is "hgx: CPUs of socket 0" "$(xmllint --xpath 'string(//cpu[1]/@affinity)' hgx-h100-8rail)" \
	000000ff,ffffffff,ffff0000,00000000,00ffffff,ffffffff
# NCCL's way to write AMD's family 25 (Zen 4): CPUID's 15, and 10 shifted by four bits
is "pcie: family" "$(xmllint --xpath 'string(//cpu[1]/@familyid)' pcie-4gpu-2roce)" 175
is "for all to read" "$(stat -c %a hgx-h100-8rail)" 644

# Three GPUs in a ring of direct NVLinks: each by the other's address and class.
python3 - "$CT_SRCDIR/topo/machines/pcie-4gpu-2roce.json" > mesh.json <<- 'EOF'
	import json, sys
	m = json.load(open(sys.argv[1]))
	gpus = m["gpus"]
	for a in range(3):
	    gpus[a]["nvlink"] = " ".join("%s:4" % gpus[b]["pci"] for b in range(3) if b != a)
	json.dump(m, sys.stdout)
EOF
ok "mesh" "$COLLTUNE" topo --load mesh.json --nccl-xml mesh.xml
like "mesh: one GPU has none" "$out" 'left out, .*NVLinks of 1 GPUs'
ok "mesh: grammar" xmllint --noout --dtdvalid "$CT_SRCDIR/tests/fixtures/nccl-topology.dtd" mesh.xml
is "mesh: links" "$(xmllint --xpath 'count(//gpu/nvlink[@count="4" and @tclass="0x030200" and @target=//pci/@busid])' mesh.xml)" 6

run "$COLLTUNE" topo --sysroot "$CT_SRCDIR/tests/fixtures/sysroot-2x56" --nccl-xml none
is "no devices: exit" "$status" 3
like "no devices: why" "$err" 'none: not written: no GPU and no NIC'
ok "no devices: no file" test ! -e none
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What stands beside a device in sysfs, from a prepared tree: configuration space, IOMMU, GIDs,
# interrupts, memory windows, virtual functions, bonds, disks; and each of them in --diff.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
cp -r "$CT_SRCDIR/tests/fixtures/sysroot-2nic" tree
chmod -R u+w tree
nic=tree/sys/bus/pci/devices/0000:18:00.0
gpu=tree/sys/bus/pci/devices/0000:17:00.0
port=tree/sys/class/infiniband/mlx5_0/ports/1

# put FILE TEXT
put() {
	mkdir -p "${1%/*}"
	printf '%s\n' "$2" > "$1"
}

# config FILE CONTROL BYTES: PCI Express at 0x40 with this device control register, low byte first
config() {
	mkdir -p "${1%/*}"
	{
		printf '\263\025\000\000\000\000\020\000'
		head -c 44 /dev/zero
		printf '\100'
		head -c 11 /dev/zero
		printf '\020\000\002\000\000\000\000\000'
		# shellcheck disable=SC2059
		printf "$2"
		head -c $(($3 - 74)) /dev/zero
	} | head -c "$3" > "$1"
}

# machine FILE: what the tree says now
machine() {
	"$COLLTUNE" topo --sysroot tree --save "$1" > "$1.txt"
}

config "$nic/config" '\066\051' 4096
put "$nic/iommu_group/type" DMA-FQ
put "$nic/local_cpulist" 0-7
put "$nic/msi_irqs/40" ''
put "$nic/msi_irqs/41" ''
put "$nic/msi_irqs/42" ''
put tree/proc/irq/40/effective_affinity_list 3
put tree/proc/irq/41/effective_affinity_list 12-13
put tree/proc/irq/42/effective_affinity_list '0-4294967295'
put "$nic/sriov_numvfs" 2
put "$nic/sriov_totalvfs" 16
put tree/sys/class/infiniband/mlx5_0/fw_ver 28.39.1002
put tree/sys/class/infiniband/mlx5_0/board_id MT_0000000838
put "$port/gids/0" fe80:0000:0000:0000:0e42:a1ff:fe77:8899
put "$port/gids/1" 0000:0000:0000:0000:0000:0000:0000:0000
put "$port/gids/3" 0000:0000:0000:0000:0000:ffff:0a01:0203
put "$port/gid_attrs/types/0" 'IB/RoCE v1'
put "$port/gid_attrs/types/3" 'RoCE v2'
put "$gpu/resource" '0x000000009a000000 0x000000009affffff 0x0000000000040200
0x0000201000000000 0x000020100fffffff 0x000000000014220c'
put "$gpu/resource1_resize" 000000000003ff00
put tree/sys/kernel/iommu_groups/0/type DMA-FQ
put tree/sys/kernel/iommu_groups/1/type DMA
put tree/sys/module/nvidia_peermem/refcnt 0
put tree/proc/driver/nvidia/version 'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  550.54'
put tree/sys/class/net/ens1f0np0/master/uevent INTERFACE=bond0
put tree/sys/class/net/bond0/mtu 9000
put tree/sys/class/net/bond0/bonding/mode '802.3ad 4'
put tree/sys/class/net/bond0/bonding/slaves 'ens1f0np0 ens1f1np1'
put tree/sys/class/nvme/nvme0/address 0000:65:00.0
put tree/sys/class/nvme/nvme0/model 'SAMSUNG MZQL23T8HCLS-00A07              '
put tree/sys/class/nvme/nvme0/state live

ok "read" machine a.json
tree=$(cat a.json.txt)
like "tree: the port's line" "$tree" 'firmware 28.39.1002, GIDs 0 v1 link-local, 3 v2 IPv4, MaxReadReq 512, relaxed ordering on, IOMMU DMA-FQ, virtual functions 2, interrupts 2 \(1 served far away\)'
like "tree: the window of the GPU" "$tree" 'window 256 MiB'
like "tree: the bond" "$tree" 'part of bond0, MaxReadReq'
like "tree: IOMMU" "$tree" 'iommu +translating'
like "tree: peer memory" "$tree" 'peer_memory +nvidia_peermem'
like "tree: dma-buf" "$tree" 'dma_buf +yes$'
like "tree: configuration space" "$tree" 'pci_config +whole'
like "tree: the disk" "$tree" 'nvme nvme0: SAMSUNG MZQL23T8HCLS-00A07, live'
like "file: largest window possible, 2^29 MiB by bit 17" "$(cat a.json)" '"bar_most_bytes": 137438953472'
like "file: the bond's mode" "$(cat a.json)" '"bond": "802.3ad 4, 2 interfaces"'
like "file: MTU of RoCE under 9000" "$(cat a.json)" '"mtu": 4096'
ok "the file loads, and equals itself" "$COLLTUNE" topo --load a.json --diff a.json
is "nothing differs" "$out" "equal: a.json and a.json"

# change NAME FILE TEXT PATH: one planted change, and the one difference that it must make
change() {
	cp "$2" "$tmp/.kept"
	put "$2" "$3"
	machine b.json
	run "$COLLTUNE" topo --load a.json --diff b.json
	cp "$tmp/.kept" "$2"
	like "--diff: $1" "$out" "^  $4: "
	is "--diff: $1, and nothing else" "$(grep -c '^  ' <<< "$out")" "${5:-1}"
}

change firmware tree/sys/class/infiniband/mlx5_0/fw_ver 28.40.1000 /rdma/0000:18:00.0:1/firmware
change GID "$port/gid_attrs/types/3" 'IB/RoCE v1' /rdma/0000:18:00.0:1/gids
change "IOMMU of a device" "$nic/iommu_group/type" identity '/(rdma|nics)/0000:18:00.0(:1)?/iommu' 2
change "IOMMU" tree/sys/kernel/iommu_groups/0/type identity /settings/iommu
change driver "$gpu/uevent" DRIVER=nouveau /gpus/0000:17:00.0/driver
change governor tree/sys/devices/system/cpu/cpufreq/policy0/scaling_governor ondemand /settings/governor
change "bond" tree/sys/class/net/bond0/bonding/mode 'balance-xor 2' /nics/bond0/bond
config "$nic/config" '\066\131' 4096
machine b.json
run "$COLLTUNE" topo --load a.json --diff b.json
like "--diff: MaxReadReq" "$out" '^  /rdma/0000:18:00.0:1/max_read_bytes: 512 \| 4096$'
like "the class is the same for all that" "$(tail -n 2 a.json.txt | grep hash)" "$(grep hash b.json.txt)"

# What a user without root sees
config "$nic/config" '\066\051' 64
machine c.json
like "64 bytes: said" "$(cat c.json.txt)" 'pci_config +not readable: .*root reads the rest'
unlike "64 bytes: nothing invented" "$(cat c.json.txt)" 'MaxReadReq|relaxed'
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# scripts/capture: what it collects here is what colltune sees here; it stays bounded; what says who
# the machine is does not get out.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
capture=$CT_SRCDIR/scripts/capture
export COLLTUNE

# Two PCI functions with whole configuration spaces: a serial number at 0x100, MAC and GUID in texts.
make_tree() {
	local at=$1/sys/bus/pci/devices/0000:18:00.0
	cp -r "$CT_SRCDIR/tests/fixtures/sysroot-2nic" "$1"
	chmod -R u+w "$1"
	mkdir -p "$at" "$1/sys/class/infiniband/mlx5_0/ports/1/gids" "$1/sys/class/net/enx0c42a1778899"
	sed -i 's/name="enx0c42a1001122"/name="enx0c42a1778899"/' "$1/hwloc.xml"
	echo 1500 > "$1/sys/class/net/enx0c42a1778899/mtu"
	{
		head -c 52 /dev/zero
		printf '\100' # capabilities begin at 0x40
		head -c 11 /dev/zero
		printf '\020\000' # PCI Express, the last
		head -c 190 /dev/zero
		printf '\003\000\001\000\021\042\063\104\125\146\167\210'
		head -c 3828 /dev/zero
	} > "$at/config"
	echo fe80:0000:0000:0000:0e42:a1ff:fe77:8899 > "$1/sys/class/infiniband/mlx5_0/ports/1/gids/0"
	echo 0000:0000:0000:0000:0000:ffff:0a01:0203 > "$1/sys/class/infiniband/mlx5_0/ports/1/gids/1"
}

ok "this node" "$capture" here
ok "this node: the captured tree is read" "$COLLTUNE" topo --sysroot here --save here.json
ok "this node: saved as it is" "$COLLTUNE" topo --save direct.json
run "$COLLTUNE" topo --load direct.json --diff here.json
is "this node: no difference between both" "$out" "equal: direct.json and here.json"
like "this node: what is missing is a list" "$(wc -l < here/missing)" '^[0-9]+$'
ok "an archive" "$capture" here.tar.gz
mkdir unpacked
ok "an archive: unpacked" tar -xzf here.tar.gz -C unpacked
ok "an archive: read" "$COLLTUNE" topo --sysroot unpacked --diff here.json

make_tree tree
ln -s /dev/zero tree/sys/class/net/ens1f0np0/endless
rm tree/proc/sys/kernel/numa_balancing
mkfifo tree/proc/sys/kernel/numa_balancing
ln -sf /dev/zero tree/sys/devices/system/cpu/smt/active
yes "$(printf '\001\377noise')" | head -c 1000000 > tree/sys/class/net/ens1f0np0/operstate
ok "a prepared tree" timeout 360 "$capture" --root tree out
ok "a prepared tree: read" "$COLLTUNE" topo --sysroot out
like "a prepared tree: pipes and devices are left out" "$out" 'numa_balancing +not readable'
ok "a prepared tree: no file above 64 KiB but the XML" test -z "$(find out -size +64k ! -name hwloc.xml)"
is "addresses: serial number in the configuration space" \
	"$(od -An -tx1 -j 256 -N 12 out/sys/bus/pci/devices/0000:18:00.0/config | tr -d ' \n')" 030001000000000000000000
is "addresses: GID of the link" "$(cat out/sys/class/infiniband/mlx5_0/ports/1/gids/0)" \
	fe80:0000:0000:0000:0000:0000:0000:0001
is "addresses: GID of IPv4" "$(cat out/sys/class/infiniband/mlx5_0/ports/1/gids/1)" \
	0000:0000:0000:0000:0000:ffff:0000:0001
ok "addresses: names of interfaces" test -e out/sys/class/net/enx000000000000/mtu
is "addresses: none anywhere" "$(grep -rEil '77:?88:?99|fe77:8899|0a01:0203' out)" ""
ok "--identify" "$capture" --identify --root tree kept
ok "--identify: keeps the bytes" cmp tree/sys/bus/pci/devices/0000:18:00.0/config \
	kept/sys/bus/pci/devices/0000:18:00.0/config

ok "--list" "$capture" --list
like "--list: says what" "$out" 'sys/class/net/\*/mtu'
not_ok "there already" "$capture" out
like "there already: says so" "$err" 'out is there already'
not_ok "no OUT" "$capture"
not_ok "unknown option" "$capture" --all out2
tap_done

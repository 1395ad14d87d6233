#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --rails: rail i is the same card at the same place on every node; what differs is named.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
hgx=$CT_SRCDIR/topo/machines/hgx-h100-8rail.json

mkdir nodes
for n in 1 2 3 4; do
	cp "$hgx" "nodes/n$n.json"
done
ok "four equal nodes" "$COLLTUNE" topo --rails --load nodes
like "equal: a rail" "$out" '^3 +mlx5_3 +0000:3b:00.0 +0000:36:00.0 +0 +3 +400 +4 of 4$'
like "equal: no finding" "$out" '^findings: none$'

# findings: those of $out, one a line
findings() {
	printf '%s\n' "$out" | awk '/^  - / { if (f != "") print f; f = substr($0, 5); more = 1; next }
		/^    [^ ]/ && more && !/^    (why|set|undo|gain|from): / { sub(/^ +/, ""); f = f " " $0; next }
		{ more = 0 } END { if (f != "") print f }'
}

# changed NAME FINDINGS PYTHON: node n2 with rdma, nics and gpus changed
changed() {
	python3 - "$hgx" nodes/n2.json <<- EOF
		import json, sys
		m = json.load(open(sys.argv[1]))
		rdma, nics, gpus = m["rdma"], m["nics"], m["gpus"]
		$3
		json.dump(m, open(sys.argv[2], "w"))
	EOF
	run "$COLLTUNE" topo --rails --load nodes
	is "$1: exit" "$status" 1
	is "$1: findings" "$(findings | grep -c .)" "$2"
}
changed "a rail is down" 1 'rdma[5]["state"] = "DOWN"'
like "a rail is down: named" "$(findings)" '^warning \(rail-missing\): n2: rail 5, mlx5_5 at PCI 0000:6b:00.0, is down$'
changed "a rail is slower" 1 'rdma[2]["pcie_width"] = nics[2]["pcie_width"] = 4'
like "a rail is slower: named" "$(findings)" '^warning \(rail-missing\): n2: rail 2, mlx5_2 at PCI 0000:39:00.0, is slower than its other rails$'
changed "a card is gone" 1 'del rdma[7]; del nics[7]'
like "a card is gone: named" "$(findings)" '^warning \(rail-missing\): n2: rail 7, mlx5_7 at PCI 0000:8b:00.0, is not there$'
changed "two names change places" 1 'rdma[0]["name"], rdma[1]["name"] = "mlx5_1", "mlx5_0"'
like "two names change places: named" "$(findings)" '^warning \(rail-names\): n2: the card at PCI 0000:19:00.0, rail 0, is called mlx5_1, on other nodes mlx5_0$'
changed "GPUs are numbered otherwise" 1 'gpus.reverse()'
like "GPUs are numbered otherwise: named" "$(findings)" '^warning \(rail-order\): n2: mlx5_[0-7] at PCI [0-9a-f:.]+ comes before rails .* on 3 other nodes$'

# Devices that are on no PCI, as soft RoCE: a rail is known by its name.
mkdir soft
for n in 1 2 3; do
	python3 - "$hgx" "soft/n$n.json" <<- 'EOF'
		import json, sys
		m = json.load(open(sys.argv[1]))
		for device in m["rdma"]:
		    device["pci"] = ""
		json.dump(m, open(sys.argv[2], "w"))
	EOF
done
run "$COLLTUNE" topo --rails --load soft
is "no PCI: alike" "$status $(grep -c '^findings: none$' <<< "$out")" "0 1"
sed -i 's/"mlx5_6"/"rxe6"/' soft/n2.json
run "$COLLTUNE" topo --rails --load soft
is "no PCI: one is called otherwise" "$(findings)" \
	"warning (rail-missing): n2: rail 6, mlx5_6, is not there"

cp "$CT_SRCDIR/topo/machines/dgx-a100-8rail.json" nodes/n2.json
run "$COLLTUNE" topo --rails --load nodes
like "another machine: said once" "$(findings | grep -c 'rail-order')" '^1$'
like "another machine: named" "$(findings)" 'n2: none of its NICs sits where the rails of 3 other nodes do'

# Leaves: rail i of each node at leaf L(i), as a saved fabric says; n3's rails 1 and 2 changed places.
cp "$hgx" nodes/n2.json
cat > c.yaml <<- 'EOF'
	schema: colltune-cluster/1
	link: infiniband
	leaves:
	  - {name: L1, rail: 1, hosts: ["n[1-4]"]}
	  - {name: L2, rail: 2, hosts: ["n[1-4]"]}
EOF
run "$COLLTUNE" topo --fabric --cluster c.yaml --save fabric
ok "leaves as declared" "$COLLTUNE" topo --rails --load nodes --leaves fabric
like "leaves: told" "$out" '^1 +mlx5_1 .* 4 of 4  L2$'
like "leaves: not told" "$out" '^2 +mlx5_2 .* 4 of 4  not known$'
sed 's/"n3 HCA-1"/"n3 HCA-x"/; s/"n3 HCA-2"/"n3 HCA-1"/; s/"n3 HCA-x"/"n3 HCA-2"/' fabric > swapped
run "$COLLTUNE" topo --rails --load nodes --leaves swapped
is "leaves swapped: exit" "$status" 1
is "leaves swapped: both" "$(findings | grep -c 'rail-leaf): n3: rail [01], mlx5_[01], is at leaf L[12], on most nodes at L[12]')" 2

ok "two files" "$COLLTUNE" topo --rails --load nodes/n1.json,nodes/n4.json
like "two files: both" "$out" '^rails of 2 nodes, as on n[14]$'
run "$COLLTUNE" topo --rails
like "this node alone" "$out$err" 'one node alone tells little|no node told'
mkdir none
run "$COLLTUNE" topo --rails --load none
is "an empty folder: exit" "$status" 2
run "$COLLTUNE" topo --rails --matrix
is "with another view: exit" "$status" 2
run "$COLLTUNE" topo --leaves fabric
is "leaves without rails: exit" "$status" 2
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune topo --fabric --lldp: answers of lldpd, in the shapes that lldpcli 1.0.16 wrote for two lldpd in
# network namespaces, and that lldpd's tests/integration/test_lldpcli.py expects of it.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

# chassis NAME, a switch; port NAME TYPE
chassis() {
	printf '"chassis":{"%s":{"id":{"type":"mac","value":"96:77:e8:fc:39:cc"},"capability":[%s,%s]}}' "$1" \
		'{"type":"Bridge","enabled":true}' '{"type":"Station","enabled":false}'
}
port() {
	printf '"port":{"id":{"type":"%s","value":"%s"},"descr":"%s","ttl":"120"}' "$2" "${3-$1}" "$1"
}

# One interface is an object, several are an array, in json0 everything is.
printf '{"lldp":{"interface":{"eth0":{"via":"LLDP","rid":"1",%s,%s}}}}' \
	"$(chassis leaf1.example.com)" "$(port swp1 ifname)" > node1.json
printf '{"lldp":{"interface":[{"eth0":{%s,%s}},{"eth1":{%s,%s}}]}}' "$(chassis leaf1)" "$(port swp2 ifname)" \
	"$(chassis leaf2)" "$(port swp2 mac 96:77:e8:fc:39:cd)" > node2.json
cat > node3.json << 'JSON'
{"lldp":[{"interface":[{"name":"eth0","via":"LLDP","rid":"1",
 "chassis":[{"id":[{"type":"mac","value":"00:00:00:00:00:02"}],"name":[{"value":"leaf2"}],
  "capability":[{"type":"Bridge","enabled":true}]}],
 "port":[{"id":[{"type":"ifname","value":"swp3"}],"descr":[{"value":"to node3"}],"ttl":[{"value":"120"}]}]}]}]}
JSON
run "$COLLTUNE" topo --fabric --lldp node1.json,node2.json,node3.json --dot f.dot --save f.json
is "three hosts: partial" "$status" 5
like "three hosts: read" "$out" '^fabric: Ethernet, read from lldpd of 3 systems$'
like "three hosts: joined" "$out" '^  3 hosts with 4 adapters, 2 switches \(2 leaves\), 4 links$'
like "three hosts: said" "$out" 'partial: only cables at the 3 systems that answered are seen'
like "a port whose id is an address has its description's name" "$(cat f.json)" '"name": "swp2"'
is "Graphviz: every cable" "$(grep -c -e ' -- ' f.dot)" 4
run "$COLLTUNE" topo --fabric --load f.json
like "saved and loaded" "$out" '3 hosts with 4 adapters, 2 switches'

# Compared with what was declared: node4 was not asked; node1 and node3 are as told, or swapped.
cluster() {
	printf 'schema: colltune-cluster/1\nname: c\nlink: ethernet\nspeed: 100\nleaves:\n'
	printf '  - {name: leaf1, hosts: [%s, node2], uplinks: [{to: spine1}]}\n' "$1"
	printf '  - {name: leaf2, hosts: [node2, %s, node4], uplinks: [{to: spine1}]}\n' "$2"
}
cluster node1 node3 > good.yaml
run "$COLLTUNE" topo --fabric --lldp node1.json,node2.json,node3.json --cluster good.yaml
is "as declared: exit" "$status" 5
unlike "as declared: nothing but that it is partial" "$out" 'warning'
cluster node3 node1 > swapped.yaml
run "$COLLTUNE" topo --fabric --lldp node1.json,node2.json,node3.json --cluster swapped.yaml
is "swapped: exit" "$status" 1
like "swapped: found" "$out" 'warning \(fabric-cable-swapped\)|warning \(fabric-[a-z-]*\): node[13]'

# A running lldpd's answer, through a lldpcli of ours that also wants to be asked rightly.
mkdir -p fake
printf '#!/bin/sh\n[ "$*" = "-f json show neighbors" ] && cat "%s/node1.json"\n' "$tmp" > fake/lldpcli
chmod +x fake/lldpcli
if [ ! -e /sys/class/infiniband ] || [ -z "$(ls /sys/class/infiniband)" ]; then
	run env PATH="$tmp/fake:$PATH" "$COLLTUNE" topo --fabric
	like "a running lldpd" "$out" '1 host with 1 adapter, 1 switch \(1 leaf\), 1 link'
	printf '#!/bin/sh\nexit 1\n' > fake/lldpcli
	run env PATH="$tmp/fake:$PATH" "$COLLTUNE" topo --fabric
	like "no lldpd runs" "$err" 'lldpcli: failed'
fi

# refused NAME TEXT REGEX
refused() {
	printf '%s' "$2" > bad.json
	run "$COLLTUNE" topo --fabric --lldp bad.json
	is "$1: exit" "$status" 2
	like "$1: why" "$err" "$3"
}
refused "something else" '{"a":1}' 'bad.json: /lldp: missing'
refused "cut off" '{"lldp":{"interf' 'bad.json'
refused "no chassis" '{"lldp":{"interface":{"eth0":{"port":{}}}}}' 'interface eth0: a neighbour without chassis'
refused "no objects" '{"lldp":{"interface":[1,2]}}' '/lldp/interface: not what lldpcli writes'
run "$COLLTUNE" topo --fabric --lldp node1.json,node1=node2.json
like "one host twice" "$err" 'node1 answered twice'
run "$COLLTUNE" topo --lldp node1.json
like "without --fabric" "$err" '--lldp needs --fabric'
tap_done

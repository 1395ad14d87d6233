#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Cluster files: what they declare, as a fabric and against one; errors with their lines.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

cat > c.yaml << 'END'
schema: colltune-cluster/1
name: four leaves
link: infiniband
speed: 200
oversubscription: 1
leaves:
  - name: L0
    hosts: ["H[0-3]"]
    uplinks: [{to: "S[0-3]"}]
  - name: L1
    hosts: ["H[4-7]"]
    uplinks: [{to: "S[0-3]"}]
  - name: L2
    hosts: [H8, "H[9-10,11]"]
    uplinks: [{to: "S[0-1]", cables: 2}]
END

run "$COLLTUNE" topo --fabric --cluster c.yaml --save declared
is "as a fabric: exit" "$status" 0
like "as a fabric: said" "$out" '^fabric: InfiniBand, as declared in c.yaml$'
like "as a fabric: counted" "$out" \
	'^  12 hosts with 12 adapters, 7 switches \(3 leaves, 4 spines\), 24 links$'
like "as a fabric: rates" "$out" '^  links: 24 x 4x HDR \(200 Gbit/s\)$'
ok "as a fabric: from its file" "$COLLTUNE" topo --fabric --load declared

ok "against itself" "$COLLTUNE" topo --fabric --load declared --cluster c.yaml
like "against itself: nothing" "$out" '^findings: none$'

# Host H3 and H5 change places in the file; H12 is missing; L1 should have S3 twice.
sed 's/H\[0-3\]/H[0-2,5]/; s/H\[4-7\]/H[3-4,6-7,12]/' c.yaml > other.yaml
run "$COLLTUNE" topo --fabric --load declared --cluster other.yaml
is "two hosts elsewhere, one missing: exit" "$status" 1
like "two hosts elsewhere" "$out" '\(fabric-cable-swapped\): swapped: H5 is at L1\[[0-9]\], H3 at L0$'
like "one missing" "$out" '\(fabric-cable-missing\): H12 has no link to L1, where it is declared$'
is "nothing else" "$(grep -c '^  - ' <<< "$out")" 2

sed '0,/to: "S\[0-3\]"/s//to: "S[0-3]", cables: 2/' c.yaml > other.yaml
run "$COLLTUNE" topo --fabric --load declared --cluster other.yaml
is "more uplinks declared: one finding each" "$(grep -c 'L0: 1 cable to S[0-3] missing' <<< "$out")" 4

sed 's/oversubscription: 1/oversubscription: 0.5/' c.yaml > other.yaml
run "$COLLTUNE" topo --fabric --load declared --cluster other.yaml
like "oversubscription" "$out" 'L0: 4 cables down, 4 up: 1.00:1, declared is at most 0.50:1$'
sed 's/speed: 200/speed: 400/' c.yaml > other.yaml
run "$COLLTUNE" topo --fabric --load declared --cluster other.yaml
like "speed" "$out" 'links of level 0 have 200 Gbit/s, 400 are declared$'

# refused NAME SED REGEX
refused() {
	sed "$2" c.yaml > bad.yaml
	run "$COLLTUNE" topo --fabric --cluster bad.yaml
	is "$1: exit" "$status" 2
	is "$1: one line" "$(wc -l <<< "$err")" 1
	like "$1: where" "$err" "$3"
}
refused "an unknown key" 's/oversubscription/oversubscripton/' 'bad.yaml:[45]: Unexpected key: oversubscripton'
refused "a wrong word" 's/infiniband/infinband/' 'bad.yaml:3: '
refused "no number" 's/speed: 200/speed: fast/' 'bad.yaml:4: '
refused "a broken range" 's/H\[4-7\]/H[4-/' 'bad.yaml: "H\[4-": wanted is NAME'
refused "a range backwards" 's/H\[4-7\]/H[7-4]/' 'bad.yaml: "H\[7-4\]": wanted'
refused "a leaf twice" 's/name: L1/name: L0/' 'bad.yaml: leaf "L0" is there twice'
refused "another schema" 's,cluster/1,cluster/2,' 'bad.yaml: schema is not colltune-cluster/1'
refused "broken YAML" 's/^leaves:/leaves: [/' 'bad.yaml:[0-9]+: '
run "$COLLTUNE" topo --fabric --cluster none.yaml
is "no such file: exit" "$status" 3
tap_done

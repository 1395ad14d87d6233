#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Two machines of scripts/testbed as two hosts, and a link that is slow one way: the verdict names the way. Of
# two hosts nobody can tell whether the cable or an end of it is slow: what is named is the way between them.
# Started outside, the test starts itself again inside.
if [ -z "${CT_IN_TESTBED-}" ]; then
	exec "$CT_SRCDIR/scripts/testbed" --guests 2 --hosts 2 --seconds 1500 run -- \
		env CT_IN_TESTBED=1 MPIRUN="$MPIRUN" bash "$CT_SRCDIR/tests/testbed/slow.t"
fi
. "${CT_SRCDIR:?}/tests/tap.sh"

# times: how many times slower the worst way is, as a whole number; 0 = none is named
times() {
	local n
	n=$(sed -En 's/^ +1\. testbed[12] to testbed[12]: ([0-9]+)\..* than the way back$/\1/p' <<< "$out")
	echo "${n:-0}"
}

rate 1 2mbit # what this machine sends: 4 KiB take 16 ms
run timeout 900 "$MPIRUN" -n 2 "$COLLTUNE" accept --net verbs --ib-dev rxe1 -e 4K --stages pairs --rounds 1 \
	--no-algorithms --budget 5s --timeout 900s
said=$(tr -s '\n ' ' ' <<< "$out")
like "one way limited: named" "$out" '^ +1\. testbed1 to testbed2: [0-9.]+ times slower .* than the way back$'
ok "one way limited: by far" [ "$(times)" -ge 2 ]
like "one way limited: in the verdict" "$said" 'verdict: .*slow: testbed1 to testbed2'

# The same two hosts by their rails and by a cluster file with a leaf for each. The rails have no way to each other,
# so messages go by tcp, and rails are compared as they are.
cat > "$tmp/cluster.yaml" <<- 'END'
	schema: colltune-cluster/1
	link: ethernet
	speed: 10
	leaves: [{name: left, hosts: [testbed1]}, {name: right, hosts: [testbed2]}]
END
plain 1
# by_leaves STAGES: accept by two ranks of each host
by_leaves() {
	run timeout 900 "$MPIRUN" -n 4 "$COLLTUNE" accept --net tcp -e 4K --stages "$1" --rounds 1 --no-algorithms \
		--budget 5s --timeout 600s --cluster "$tmp/cluster.yaml"
}
by_leaves environment,pairs,rails
like "a leaf for each host: ends with a verdict" "$status" '^[015]$'
like "a leaf for each host: pairs across them" "$out" '^pairs: [0-9]+ rounds? of disjoint pairs of 2 hosts'
like "two rails each, alike" "$out" '^rails: of 2 hosts compared, 0 findings$'
on testbed2 link_down 2
by_leaves environment,rails
like "a rail is down: named by the stage rails" "$out" '^rails: testbed2: rail 1, rxe2, is down$'
like "a rail is down: named by the stage environment" "$out" '^environment: /rdma/rxe2:1/state is DOWN on testbed2, most have ACTIVE$'
like "a rail is down: in the suggestions" "$out" '^  - warning \(rail-missing\): testbed2: rail 1, rxe2, is down$'
on testbed2 link_up 2
on testbed2 ip link set e2 mtu 1500
by_leaves environment,rails
like "another MTU of a rail: named" "$out" '^environment: /[^ ]*mtu is [0-9]+ on testbed2, '
sed -i 's/testbed1/other1/' "$tmp/cluster.yaml"
by_leaves environment
like "a cluster file that lacks a host: said" "$err" 'cluster.yaml: 1 of 2 hosts are not in it; they count as one leaf'
tap_done

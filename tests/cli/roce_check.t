#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce facts, check: a healthy tree of each driver and each planted fault that it can show give
# exactly the planted finding; hosts that differ; the rules' own words; bad input. The trees are synthetic.
. "${CT_SRCDIR:?}/tests/tap.sh"
python3 "$CT_SRCDIR/tests/roce/trees.py" "$tmp/trees" > "$tmp/list" || exit 99
if "$COLLTUNE" roce record lo 2>&1 | grep -q 'built without libmnl'; then
	skip_all "built without libmnl"
fi
rules_of() {
	grep -o '^  - [a-z]* ([a-z-]*)' <<< "$out" | sed 's/.*(//; s/)//' | tr '\n' ' '
}

trees=0
while read -r tree rule; do
	run "$COLLTUNE" roce check --sysroot "$tmp/trees/$tree"
	[ "$rule" != - ] && want="$rule " || want=
	is "$tree" "$(rules_of)$(grep '^colltune roce:' <<< "$err")" "$want"
	trees=$((trees + 1))
done < "$tmp/list"
ok "at least 60 trees" test "$trees" -ge 60

run "$COLLTUNE" roce check --sysroot "$tmp/trees/mlx5-data-priority" --json "$tmp/c.json"
is "a warning: exit status" "$status" 1
like "labelled" "$out" '^host mlx5, synthetic: mlx5, data-priority: mlx5_0 port 1; 1 finding$'
like "evidence" "$out" 'mlx5_0 port 1: default_roce_tos gives DSCP 8, which goes to priority 1;$'
like "what to set, with the interface's name" "$out" 'set:  dcb app add dev eth2 dscp-prio 26:3'
like "how to undo it" "$out" 'undo: dcb app del dev eth2'
like "source" "$out" 'from: NVIDIA/nccl issue 2383'
is "JSON" "$(python3 -c '
import json, sys
c = json.load(open(sys.argv[1]))
p = c["hosts"][0]["ports"][0]
print(c["schema"], p["dcb"]["pfc"], p["dcb"]["priority_of_dscp"][26], p["cm_tos"], "traffic_class" in p,
      p["counts"]["cnp_tx"], p["statistics"]["rx_pause"][3])' "$tmp/c.json")" \
	"colltune-roce-check/1 8 3 34 False 48000 2000"
run "$COLLTUNE" roce check --sysroot "$tmp/trees/mlx5-dcqcn-off"
is "advice only: exit status" "$status" 0

run "$COLLTUNE" roce facts --sysroot "$tmp/trees/rxe-healthy"
like "what a driver lacks is said" "$out" 'PFC, ETS, DSCP map +not exposed'
like "and why" "$out" 'not read: eth2: PFC, ETS and DSCP map \(DCB\): the captured tree has no said/dcb-eth2'
run "$COLLTUNE" roce facts --sysroot "$tmp/trees/mlx5-healthy"
like "PFC of both ends" "$out" 'PFC on priorities +0x08, at the other end 0x08'
like "the other end's classes and applications" "$(tr -s ' \n' ' ' <<< "$out")" \
	'other end: class, share 0:0 0%, 1:1 0%, .* 3:3 50%, .* other end: applications selector 3 4791 to 3'
like "DSCP map" "$out" 'trust +dscp; DSCP 26 to priority 3, 48 to 6'
run "$COLLTUNE" roce facts --sysroot "$tmp/trees/bnxt-healthy"
like "DCQCN of bnxt_re" "$out" 'congestion control: alt_vlan_dscp 48, cc_mode 1, enable_cc 1, tos_dscp 26$'
run "$COLLTUNE" roce facts --sysroot "$tmp/trees/mlx5-healthy"
like "what only a vendor's tool tells" "$(tr -s ' \n' ' ' <<< "$out")" \
	'not read: mlx5_0: slow restart, adaptive retransmission: only a vendor.s tool tells'
like "MTU of both layers" "$out" 'MTU of RDMA +4096'

# What each library's flows left on, as the tree has it.
run "$COLLTUNE" roce check --sysroot "$tmp/trees/rxe-library-told" --json "$tmp/ride.json"
all=$(tr -s ' \n' ' ' <<< "$out")
like "a library that leaves otherwise than told" "$all" \
	'mpi was told traffic class 106 \(DSCP 26, by the capture\), but 56 % of 900 packets left with DSCP 0'
like "on what it rode" "$all" 'rode: rxe0: mpi rode on DSCP 0 \(56 %\), DSCP 26 \(44 %\); priority not exposed; told 106, DSCP 26'
is "on what it rode: JSON" "$(python3 -c '
import json, sys
r = json.load(open(sys.argv[1]))["hosts"][0]["ports"][0]["rides"][0]
print(r["who"], r["told"], r["packets_of_dscp"], "bytes_of_priority" in r, "sent" in r)' "$tmp/ride.json")" \
	"mpi 106 {'0': 500, '26': 400} False False"
run "$COLLTUNE" roce check --sysroot "$tmp/trees/bnxt-library-told-priority"
like "an adapter shows priorities only" "$(tr -s ' \n' ' ' <<< "$out")" \
	'of 9 MB of RDMA at most 0.004 MB left on its priority 3; priority 0 carried 9.1 MB.* rode on DSCP not exposed; priority 0 \(100 %\);'

# Three hosts, one with another MTU and no RoCE v2 address.
same="$tmp/trees/irdma-healthy,$tmp/trees/irdma-healthy"
run "$COLLTUNE" roce check --sysroot "$same,$tmp/trees/irdma-roce-mtu"
like "the odd host is named" "$out" '\(hosts-differ\): irdma0: mtu: irdma has 1500; the other 2 have 4200'
unlike "what is the same is not" "$out" 'irdma0: dcb'
run "$COLLTUNE" roce check --sysroot "$same,$tmp/trees/irdma-gid-version"
like "GIDs by number and kind" "$out" 'irdma0: gids: irdma has 0 v1 link-local, 1 v1 IPv4; the other 2'
run "$COLLTUNE" roce check --sysroot "$tmp/trees/irdma-healthy,$tmp/trees/irdma-roce-mtu"
like "one against one" "$out" 'irdma has 4200, irdma has 1500; no value has a majority'
cp -r "$tmp/trees/irdma-healthy" "$tmp/deaf"
echo 5 > "$tmp/deaf/sys/class/infiniband/irdma0/ports/1/hw_counters/cnpHandled"
cp -r "$tmp/deaf" "$tmp/deaf2"
run "$COLLTUNE" roce check --sysroot "$tmp/deaf,$tmp/deaf2"
like "notifications that do not arrive" "$out" \
	'warning \(cnp-lost\): all hosts together sent 96000 notifications, 30 came'

ok "rules are listed" "$COLLTUNE" roce check --list-rules
is "each fault's rule is a rule" "$(awk '$2 != "-" { print $2 }' "$tmp/list" | sort -u |
	grep -vxF "$(awk '{ print $1 }' <<< "$out")")" ""
is "each rule but those between hosts has a tree" "$(awk '{ print $1 }' <<< "$out" |
	grep -vxF -e "$(awk '$2 != "-" { print $2 }' "$tmp/list")" | tr '\n' ' ')" "cnp-lost hosts-differ "
ok "a rule explained" "$COLLTUNE" roce check --explain ecn-late
like "complaint" "$out" '^complaint: 17 of docs/roce.md'
run "$COLLTUNE" roce check --explain ecn-lat
is "an unknown rule: exit status" "$status" 2
like "an unknown rule: the nearest" "$err" 'did you mean "ecn-late"'

# Answers of DCB that are damaged
for cut in 20 150 500 800; do
	cp -r "$tmp/trees/mlx5-healthy" "$tmp/cut"
	head -c "$cut" "$tmp/trees/mlx5-healthy/said/dcb-eth2" > "$tmp/cut/said/dcb-eth2"
	ok "an answer cut at $cut" "$COLLTUNE" roce check --sysroot "$tmp/cut"
	like "an answer cut at $cut: said" "$out" 'not read: eth2: PFC.*(no answer of DCB|not hexadecimal)'
	rm -r "$tmp/cut"
done
cp -r "$tmp/trees/mlx5-healthy" "$tmp/odd"
sed -i 's/^98/ff/' "$tmp/odd/said/dcb-eth2"
ok "a length that lies" "$COLLTUNE" roce check --sysroot "$tmp/odd"
run "$COLLTUNE" roce check --sysroot "$tmp/none"
is "no such tree: exit status" "$status" 3
run "$COLLTUNE" roce check --sysroot "$tmp/trees/mlx5-healthy" --window 1s
is "a captured tree has no window: exit status" "$status" 2
run "$COLLTUNE" roce record nosuch0
is "record of no interface: exit status" "$status" 3
like "record of no interface" "$err" 'nosuch0: (no such network interface|No such device)'
run "$COLLTUNE" roce watchh
like "a verb misspelt" "$err" 'no verb "watchh"; did you mean "watch"'
run "$COLLTUNE" roce check --traffic -t 3 --net tcp --span 200ms --json "$tmp/t.json"
like "--traffic by threads: exit status" "$status" '^[15]$' # one way may be slower than the other here
like "--traffic by threads: a library that the job lacks" "$(tr -s ' \n' ' ' <<< "$out")" 'not proved: .*mpi: backend mpi'
like "--traffic by threads: both directions" "$(cat "$tmp/t.json")" '"forward_Bps": [1-9]'
run "$COLLTUNE" roce check --traffic
is "--traffic alone: exit status" "$status" 2
run "$COLLTUNE" roce check
like "this machine" "$out" '^1 host, '
# what has no port is not healthy, it was not judged
if grep -q '^host .*: no RoCE port;' <<< "$out"; then
	is "a machine without RoCE: inconclusive" "$status" 5
	like "a machine without RoCE: why" "$out" '^nothing was judged: no active RoCE port$'
fi
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce watch over a synthetic tree whose counters somebody turns meanwhile, its result directory in
# colltune view, Prometheus' text, a host without ports.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
python3 "$CT_SRCDIR/tests/roce/trees.py" trees > list || exit 99
tree=trees/mlx5-healthy

# Every turn counts something: words sent, a NAK, two marks, pause sent to the network; notifications are set back.
cat > turn.py <<- 'END'
	import os, re, sys
	tree = sys.argv[1]
	port = tree + "/sys/class/infiniband/mlx5_0/ports/1/"
	said = open(tree + "/said/ethtool-S-eth2").read()
	def put(path, text):
	    open("new", "w").write(f"{text}\n")
	    os.replace("new", path)
	i = 0
	while not os.path.exists("stop"):
	    i += 1
	    put(port + "counters/port_xmit_data", 2000000000000 + 25000 * i)
	    put(port + "hw_counters/packet_seq_err", 100 + i)
	    put(port + "hw_counters/np_ecn_marked_roce_packets", 50000 + 2 * i)
	    put(port + "hw_counters/np_cnp_sent", 47000 - i)
	    put(tree + "/said/ethtool-S-eth2", re.sub("(tx_prio3_pause_duration: ).*", rf"\g<1>{i}",
	        re.sub("(tx_prio3_pause: ).*", rf"\g<1>{10 * i}", said)))
	    open("started", "w").close()
END
timeout 180 python3 turn.py "$tree" &
for ((i = 0; i < 2400; i++)); do
	[ -e started ] && break
	sleep 0.05
done
ok "watch" "$COLLTUNE" roce watch --sysroot "$tree" --interval 300ms --duration 1500ms --out w --json w.json \
	--prometheus w.prom
touch stop
wait
looks=$(grep -c '^ *[0-9.]* s .* mlx5_0:1 ' <<< "$out")
like "a line for each look" "$looks" '^[1-5]$'
like "what rises is shown" "$out" 'tx [0-9.]+ .B/s .*pause in 0  pause out [1-9][0-9]*  marks [1-9][0-9]*  CNPs >=[1-9][0-9]*  again [1-9]'
like "share of the time that it pauses others" "$out" 'pauses others [0-9.]+%'
like "who originates the pause" "$out" '^pause begins at .* mlx5_0:1$'
is "a record for each look" "$(grep -c '"kind": *"look"' w/watch.jsonl)" "$looks"
is "newest look as JSON" "$(python3 -c '
import json
p = json.load(open("w.json"))["hosts"][0]["ports"][0]
print(p["rate_of"], "marks" in p, p["drops"], "rx_pause_share" in p, p["at_least"])')" "RDMA True 0 True ['cnps']"
like "Prometheus: type" "$(cat w.prom)" '^# TYPE colltune_port_tx_Bps gauge$'
like "Prometheus: sample" "$(cat w.prom)" '^colltune_port_marks\{host="[^"]+",device="mlx5_0",port="1"\} [0-9]+$'
ok "view" "$COLLTUNE" view w
like "view: state" "$out" 'roce, done'
like "view: the port with its history" "$out" '^ +tx (▁|▂|▃|▄|▅|▆|▇|█)+  again '
printf '{"kind":"look","hosts":[{"ports":[{"device":3},7]},9]}\nnonsense\n' >> w/watch.jsonl
ok "view: foreign lines" "$COLLTUNE" view w
like "view: foreign lines are counted" "$out" '^1 lines could not be read'

run "$COLLTUNE" roce watch --sysroot trees/rxe-healthy --interval 100ms --duration 200ms
like "what soft RoCE does not have is no 0" "$out" 'paused -  pauses others -  pause in -  pause out -  marks -  CNPs -  again 0  lost 0'
run "$COLLTUNE" roce watch --sysroot trees/irdma-healthy --interval 100ms --duration 300ms --json ice.json --prometheus ice.prom
like "ice counts pause frames, but no time: no share" "$out" 'paused -  pauses others -  pause in 0  pause out 0 '
is "no share of ice in JSON and Prometheus" "$(grep -c 'pause_share' ice.json ice.prom | tr '\n' ' ')" "ice.json:0 ice.prom:0 "
like "pause frames of ice in Prometheus" "$(cat ice.prom)" 'colltune_port_rx_pause\{[^}]*\} 0'
mkdir -p none/sys
run "$COLLTUNE" roce watch --sysroot none --duration 1s
is "no port: exit status" "$status" 3
like "no port: said" "$err" 'no host of the job has an RDMA port'
tap_done

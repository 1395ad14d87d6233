#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune roce recommend: values, their words, JSON, bad input.
. "${CT_SRCDIR:?}/tests/tap.sh"
unset COLLTUNE_SPEED

ok "values" "$COLLTUNE" roce recommend --speed 100 --cable 40 --buffer 32M --cell 144 --json "$tmp/r.json"
like "says that nothing was measured" "$out" '^computed, not measured'
like "bytes, cells, us and BDP" "$out" '^\* ecn.kmin +125952 bytes +875 +10.08 +1.01$'
like "traffic class" "$out" '^\* env.NCCL_IB_TC +106 '
like "a published profile" "$out" '^  SONiC, AZURE_LOSSLESS +1048576 +2097152 +5% +83.89 +167.77 +8.39$'
unlike "no profile of another speed" "$out" 'SimAI, HPN7'
is "JSON: every value has formula and source" "$(python3 -c '
import json, sys
f = json.load(open(sys.argv[1]))
v = {r["id"]: r for r in f["values"]}
print(f["schema"], all(r["formula"] and r["source"] for r in f["values"]),
      v["mtu.path"]["value"], v["dscp.data"]["line_us"], len(f["published"]))' "$tmp/r.json")" \
	"colltune-roce/1 True 4096.0 None 10"

ok "800 Gb/s" "$COLLTUNE" roce recommend --speed 800
like "without published delays the other formula" "$out" '^  headroom.qbb +- bytes'
like "what an unknown buffer means" "$out" '^note: without --buffer'

# The link by a cluster file: what an option changes goes first.
cat > "$tmp/c.yaml" << 'END'
schema: colltune-cluster/1
link: ethernet
speed: 400
roce: {cable: 30, lossless-mtu: 4192, buffer: 64M, ports: 64}
leaves: [{name: L0, hosts: [a, b]}]
END
ok "by a cluster file" "$COLLTUNE" roce recommend --cluster "$tmp/c.yaml" --json "$tmp/c.json"
like "by a cluster file: said" "$out" \
	'^link: 400 Gb/s, 30 m, MTU 9216, lossless 4192; switch: 64 ports, buffer 67108864 bytes .*c.yaml and the options$'
ok "by options" "$COLLTUNE" roce recommend --speed 400 --cable 30 --lossless-mtu 4192 --buffer 64M --ports 64 \
	--json "$tmp/o.json"
ok "the same values" diff "$tmp/c.json" "$tmp/o.json"
ok "an option beside the file" "$COLLTUNE" roce recommend --cluster "$tmp/c.yaml" --cable 7
like "an option beside the file goes first" "$out" '^link: 400 Gb/s, 7 m, '
ok "a configuration by a cluster file" "$COLLTUNE" roce switch-config --nos sonic --cluster "$tmp/c.yaml"
unlike "a configuration: no line of ours in it" "$out" '^link:'

# The link by a host's ports.
ok "by a captured tree" "$COLLTUNE" roce recommend --sysroot "$CT_SRCDIR/tests/fixtures/sysroot-2nic"
like "by a captured tree: said" "$out" '^link: [0-9]+ Gb/s, as [a-z0-9_]+ port 1 of '

# bad WORDS WHY
bad() {
	read -ra words <<< "$1"
	run "$COLLTUNE" roce "${words[@]}"
	is "$1: exit status" "$status" 2
	is "$1: one line" "$(wc -l <<< "$err")" 1
	like "$1: why" "$err" "$2"
}
bad "recommend" 'needs --speed'
bad "recommend --speed 100 --cable -5" 'cable length is -5 m'
bad "recommend --speed 100 --cable 1e9" 'cable'
bad "recommend --speed 100 --buffer -3" 'no size'
bad "recommend --speed 100 --buffer 1M" 'smaller than the headrooms of 32 ports'
bad "recommend --speed 56" 'no response time is published for 56 Gb/s'
bad "recommend --speed 100 --rtt 0" 'rtt'
bad "recommend --speed 100 --ports 0" 'ports'
bad "recommend --speed 100 --alpha 0" 'alpha'
bad "recommend --speed 100 --port-mtu 1500" 'lossless MTU'
sed 's/cable: 30/cable: -30/' "$tmp/c.yaml" > "$tmp/cable.yaml"
bad "recommend --cluster $tmp/cable.yaml" 'cable.yaml: roce: cable length is -30 m, 0 to 100000 are possible'
sed 's/64M/-64M/' "$tmp/c.yaml" > "$tmp/buffer.yaml"
bad "recommend --cluster $tmp/buffer.yaml" 'buffer.yaml: roce: buffer "-64M" is no size'
sed 's/cable:/kable:/' "$tmp/c.yaml" > "$tmp/key.yaml"
bad "recommend --cluster $tmp/key.yaml" 'key.yaml:4'
sed 's/ethernet/infiniband/' "$tmp/c.yaml" > "$tmp/ib.yaml"
bad "recommend --cluster $tmp/ib.yaml" 'ib.yaml: link is infiniband, RoCE needs ethernet'
bad "recommend --sysroot a,b" '--sysroot: the link is that of one tree'
bad "advise" 'no verb "advise"; known: recommend, switch-config'
tap_done

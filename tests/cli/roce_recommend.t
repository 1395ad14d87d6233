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
values() {
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["values"])' "$1"
}
is "the same values" "$(values "$tmp/c.json")" "$(values "$tmp/o.json")"
like "each input's origin" "$out" '^inputs from: speed: --speed; cable: --cable; lossless MTU: --lossless-mtu; '
is "each input's origin: a file's" "$(grep -c '": ".*/c.yaml"' "$tmp/c.json")" 5
ok "an option beside the file" "$COLLTUNE" roce recommend --cluster "$tmp/c.yaml" --cable 7
like "an option beside the file goes first" "$out" '^link: 400 Gb/s, 7 m, '
ok "a configuration by a cluster file" "$COLLTUNE" roce switch-config --nos sonic --cluster "$tmp/c.yaml"
unlike "a configuration: no line of ours in it" "$out" '^link:'

# The link by a host's ports.
ok "by a captured tree" "$COLLTUNE" roce recommend --sysroot "$CT_SRCDIR/tests/fixtures/sysroot-2nic"
like "by a captured tree: said" "$out" '^link: [0-9]+ Gb/s, as [a-z0-9_]+ port 1 of '

# What a host's ports tell beside the rate: MTU, cable as mlx5 keeps it, priorities with PFC, its own buffer.
tree() {
	PYTHONDONTWRITEBYTECODE=1 python3 - "$CT_SRCDIR/tests/roce" "$tmp/$1" "$2" "$3" <<- 'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import trees
		m = trees.healthy("mlx5")
		m.update(mtu=int(sys.argv[3]))
		m["dcb"].update(pfc=0x18, delay=int(sys.argv[4]), buffer=70000)
		trees.write(sys.argv[2], m, "planted")
	END
}
tree facts 2200 30
ok "by facts" "$COLLTUNE" roce recommend --sysroot "$tmp/facts" --buffer 32M --json "$tmp/f.json"
all=$(tr -s ' \n' ' ' <<< "$out")
like "by facts: origins" "$all" 'inputs from: speed: rate of mlx5_0 port 1; cable: cable length set in eth2; lossless MTU: RDMA MTU 2048 of mlx5_0 \+ 96 bytes of headers; buffer: --buffer; lossless priorities: PFC 0x18 of eth2; the rest: default'
like "by facts: the adapter's own buffer" "$all" 'eth2: buffer 1 of its lossless priority 3 has 70000 bytes, headroom.nic is 61648: too small|eth2: buffer 1 of its lossless priority 3 has 70000 bytes, headroom.nic is 61648 '
ok "the same by options" "$COLLTUNE" roce recommend --speed 100 --cable 30 --lossless-mtu 2144 --lossless-priorities 2 \
	--buffer 32M --json "$tmp/g.json"
is "by facts: the same values as by options" "$(values "$tmp/f.json")" "$(values "$tmp/g.json")"
ok "an option beside facts" "$COLLTUNE" roce recommend --sysroot "$tmp/facts" --cable 3 --lossless-priorities 8
like "an option beside facts goes first" "$out" '^RoCE at 100 Gb/s, 3 m of cable, port MTU 9216, lossless MTU 2144'
like "an option beside facts: origin" "$(tr -s ' \n' ' ' <<< "$out")" 'cable: --cable; .*lossless priorities: --lossless-priorities'
tree default 9300 7
ok "by facts, larger MTU" "$COLLTUNE" roce recommend --sysroot "$tmp/default" --cluster "$tmp/c.yaml"
like "a file before facts, and mlx5's 7 m, its default, is no fact" "$(tr -s ' \n' ' ' <<< "$out")" \
	'speed: [^;]*c.yaml; cable: [^;]*c.yaml; port MTU: MTU of eth2, which is larger than 9216; lossless MTU: [^;]*c.yaml; '

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
bad "recommend --speed 100 --lossless-priorities 9" 'lossless-priorities'
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

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune export --verify: a preloaded witness sees that the algorithms of the rules run; that the gain
# is there is told, and not asked of this machine.
. "${CT_SRCDIR:?}/tests/tap.sh"

cat > "$tmp/rules.json" << 'END'
{"schema":"colltune-rules/1","scope":{"machine":"sha256:0000000000000000000000000000000000000000000000000000000000000000","nodes":[1,1],"ranks_per_node":[2,2]},"rules":[
{"coll":"allreduce","backend":"mpi","type":"any","bytes":[8,4095],"set":{"algo":"nonoverlapping"}},
{"coll":"alltoall","backend":"mpi","type":"any","bytes":[64,8191],"set":{"algo":"pairwise"}},
{"coll":"allgather","backend":"mpi","type":"any","bytes":[64,8191],"set":{"algo":"ring"}},
{"coll":"broadcast","backend":"mpi","type":"any","bytes":[1024,65535],"set":{"algo":"chain","segsize":4096,"fanout":2}},
{"coll":"reduce","backend":"mpi","type":"any","bytes":[64,64],"set":{"algo":"in-order_binary","segsize":0}},
{"coll":"gather","backend":"mpi","type":"any","bytes":[64,64],"set":{"algo":"linear_sync"}},
{"coll":"scatter","backend":"mpi","type":"any","bytes":[64,64],"set":{"algo":"linear_nb"}},
{"coll":"alltoall","backend":"mpi","type":"any","bytes":[16384,16384],"set":{"algo":"linear_sync","requests":4}}]}
END
ok "verify" timeout 900 "$COLLTUNE" export "$tmp/rules.json" --to openmpi --same-arguments -o "$tmp/rules.conf" \
	--verify --launch "$MPIRUN --oversubscribe"
like "every algorithm that ran is the rule's" "$out" \
	'^verify: the algorithm of the rules ran at 15 sizes, another one at 0$'
like "but that of a rule which the file cannot say" "$err" '/rules/7: alltoall .* left out'
is "each is measured beside the default" "$(grep -cE '^verify: check: /rules/[0-7] ' <<< "$out")" 16

run "$COLLTUNE" export "$tmp/rules.json" --to openmpi-json -o "$tmp/rules6.json" --verify
is "another format: exit status" "$status" 3
like "another format: written, not verified" "$err" 'was written, and not verified'
run "$COLLTUNE" export "$tmp/rules.json" --to openmpi -o "$tmp/rules.conf" --verify --module-dir "$tmp"
is "no witness: exit status" "$status" 3
like "no witness: message" "$err" 'colltune-witness.so'
run "$COLLTUNE" export "$tmp/rules.json" --to openmpi -o "$tmp/rules.conf" --verify --launch ' '
is "no command: exit status" "$status" 2
tap_done

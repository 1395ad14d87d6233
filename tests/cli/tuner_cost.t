#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a look-up of the NCCL tuner plugin costs, in instructions counted by callgrind: fewer than 200
# with 100 rules, and no more than a bisection's few steps more with 10,000.
. "${CT_SRCDIR:?}/tests/tap.sh"
plan 5
cost="$(dirname "$COLLTUNE")/tests/tuner_cost"
plugin=$COLLTUNE_MODULE_DIR/libnccl-tuner-colltune.so

# rules N: N rules that cover 0 … 2^24 - 1, next to each other
rules() {
	python3 - "$1" "$(colltune_fingerprint)" <<- 'EOF' > "$tmp/rules.json"
		import json, sys
		n = int(sys.argv[1])
		ends = [2**24 * i // n for i in range(n + 1)]
		print(json.dumps({"schema": "colltune-rules/1", "scope": {"machine": sys.argv[2],
		    "nodes": [2, 2], "ranks_per_node": [8, 8]}, "rules": [
		    {"coll": "allreduce", "backend": "nccl", "type": "any", "bytes": [a, b - 1],
		     "set": {"algo": "ring", "proto": "simple", "channels": 4}}
		    for a, b in zip(ends, ends[1:])]}))
	EOF
	chmod 600 "$tmp/rules.json"
}
colltune_fingerprint() {
	printf 'sha256:%064d' 1
}
# instructions CALLS: all that the program executes
instructions() {
	COLLTUNE_RULES=$tmp/rules.json COLLTUNE_MACHINE=$(colltune_fingerprint) \
		valgrind --tool=callgrind --callgrind-out-file=/dev/null "$cost" "$plugin" \
		ncclTunerPlugin_v5 "$1" 2>&1 | awk '/Collected/ { print $NF }'
}
# per_call: of one look-up with its share of the asking loop
per_call() {
	echo $((($(instructions 21000) - $(instructions 1000)) / 20000))
}

rules 100
is "every look-up meets a rule" "$(COLLTUNE_RULES=$tmp/rules.json \
	COLLTUNE_MACHINE=$(colltune_fingerprint) "$cost" "$plugin" ncclTunerPlugin_v5 1000)" 1000
of_100=$(per_call)
ok "100 rules: $of_100 instructions, fewer than 200" test "$of_100" -gt 0 -a "$of_100" -lt 200
rules 1
of_1=$(per_call)
ok "1 rule: $of_1 instructions, no more than with 100" test "$of_1" -gt 0 -a "$of_1" -le "$of_100"
rules 10000
of_10000=$(per_call)
# a hundredfold is seven halvings more
ok "10,000 rules: $of_10000 instructions, at most 100 more" \
	test "$of_10000" -ge "$of_100" -a "$of_10000" -le $((of_100 + 100))
echo '{' > "$tmp/rules.json"
is "a broken file: no opinion" "$(COLLTUNE_RULES=$tmp/rules.json "$cost" "$plugin" \
	ncclTunerPlugin_v5 1000)" 0
tap_done

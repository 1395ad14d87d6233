#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune bench between processes: right data, nccl-tests' columns, JSON and CSV, broken transports.
. "${CT_SRCDIR:?}/tests/tap.sh"
python=/usr/bin/python3 # Debian's, which python3-jsonschema belongs to
quick=(--budget 30ms -n 6 -w 2)

bench() {
	local ranks=$1
	shift
	run timeout 360 "$MPIRUN" --oversubscribe -n "$ranks" "$COLLTUNE" bench "$@" "${quick[@]}"
}

# Fields of the rows as nccl-tests' scripts take them: size is 1, #wrong 9 and 13.
rows() {
	awk '$1 ~ /^[0-9]+$/' <<< "$out"
}

# sizes FIRST FACTOR LAST: as nccl-tests counts them
sizes() {
	awk -v b="$1" -v f="$2" -v e="$3" 'BEGIN { for (; b <= e; b *= f) print b }'
}

for ranks in 2 4; do
	rm -f "$tmp"/records.* "$tmp"/flat.*
	bench "$ranks" allreduce -b 8 -e 16M -f 4 -c 1 --coll native,mpi --json "$tmp/records.jsonl" \
		--csv "$tmp/flat.csv"
	is "allreduce, $ranks ranks: exit status" "$status" 0
	is "allreduce, $ranks ranks: nothing wrong" "$(rows | awk '{ print $9, $13 }' | sort -u)" "0 0"
	is "allreduce, $ranks ranks: every size, for each backend" "$(rows | awk '{ print $1 }')" \
		"$(sizes 8 4 16777216; sizes 8 4 16777216)"
	is "allreduce, $ranks ranks: thirteen columns" "$(rows | awk '{ print NF }' | sort -u)" 13
	like "allreduce, $ranks ranks: a block each" "$(grep '^# allreduce: ' <<< "$out" | tr '\n' ' ')" \
		'^# allreduce: native/auto default # allreduce: mpi default'
	is "allreduce, $ranks ranks: the footer" \
		"$(grep -c '^# Out of bounds values : 0 OK$' <<< "$out")" 2
	is "allreduce, $ranks ranks: the average" \
		"$(grep -Ec '^# Avg bus bandwidth    : [0-9.e+-]+ *$' <<< "$out")" 2
done

if "$python" -c 'import jsonschema' 2> /dev/null; then
	run "$python" - "$CT_SRCDIR/results/schema.json" "$tmp/records.jsonl" "$tmp/flat.csv" << 'END'
import csv
import json
import sys

import jsonschema

validator = jsonschema.Draft7Validator(json.load(open(sys.argv[1], encoding="utf-8")))
records = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
rows = list(csv.DictReader(open(sys.argv[3], encoding="utf-8", newline="")))
for record in records:
    validator.validate(record)
points = [r for r in records if r["kind"] == "point"]
assert records[0]["kind"] == "environment" and len(points) == len(records) - 1 == 44, len(records)
assert len(rows) == len(points), len(rows)
for row, point in zip(rows, points):
    assert None not in row and None not in row.values(), row
    assert row["coll"] == point["coll"] and int(row["bytes"]) == point["bytes"], row
    assert int(row["median_ns"]) == point["median_ns"], row
    assert row["wrong"] == "0" and row["status"] == "success", row
END
	is "--json is valid by the schema, --csv tells the same" "$status$err" 0
else
	skip "--json is valid by the schema, --csv tells the same" "python3-jsonschema is not installed"
fi

bench 4 allreduce -b 8 -e 16K -f 4 -c 1 --coll native,mpi --net-fault corrupt:nth=3
is "a corrupt transport: exit status" "$status" 1
like "a corrupt transport: said in the head" "$out" '^# FAULT INJECTED: corrupt:nth=3'
is "a corrupt transport: backend native is marked" \
	"$(rows | head -n 6 | awk '$9 > 0 && $13 > 0' | wc -l)" 6
is "a corrupt transport: backend mpi is right" \
	"$(rows | tail -n 6 | awk '{ print $9, $13 }' | sort -u)" "0 0"
like "a corrupt transport: the footer" "$out" '^# Out of bounds values : [1-9][0-9]* FAILED$'

bench 4 p2p -e 1K -f 128 --coll native,mpi --pairs 0-2,1-3 --stats
is "p2p: exit status" "$status" 0
is "p2p: three tables of two sizes for each backend" "$(rows | wc -l)" 12
like "p2p: the direction is said" "$out" '^#   duplex; rates of each direction of one pair'
like "p2p: the pairs are said" "$out" '^# pairs: 0-2,1-3'
like "p2p: --stats adds columns" "$out" '#wrong +p50 +p95 +p99 +low +high +expect +effic +samples'
is "p2p: --stats adds them on the right" "$(rows | awk '{ print NF }' | sort -u)" 22

bench 3 alltoall -e 4K -f 8 -d int64 --net tcp
is "alltoall over tcp: exit status" "$status" 0
like "alltoall over tcp: said" "$out" '^# alltoall: native/tcp default'
is "alltoall over tcp: nothing wrong" "$(rows | awk '{ print $9 }' | sort -u)" 0
like "alltoall over tcp: why there is no in place" "$out" '^# N/A: alltoall, in place: .*in place'

bench 2 barrier --coll native,mpi
is "barrier: exit status" "$status" 0
is "barrier: one row each, in place not measured" \
	"$(rows | awk '{ print $1, $10, $11, $12, $13 }' | sort -u)" "0 N/A N/A N/A N/A"

bench 2 allreduce -e 8 -d half --coll mpi
is "a type that a backend lacks: exit status" "$status" 3
like "a type that a backend lacks: why" "$err" '^colltune bench: .*half'
is "a type that a backend lacks: one line" "$(grep -c '^colltune' <<< "$err")" 1

bench 2 allreduce -b 8 -e 4
is "a wrong argument under a launcher: exit status" "$status" 2
is "a wrong argument under a launcher: one line" "$(grep -c '^colltune' <<< "$err")" 1
bench 2 p2p --pairs 0-1,2-3
is "more pairs than ranks: exit status" "$status" 2
is "more pairs than ranks: one line" "$(grep '^colltune' <<< "$err")" \
	"colltune bench: --pairs: no rank 2 in a job of 2"
tap_done

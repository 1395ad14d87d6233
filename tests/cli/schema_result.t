#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Records as the library writes them are valid by results/schema.json, and broken ones are not.
. "${CT_SRCDIR:?}/tests/tap.sh"
python=/usr/bin/python3 # Debian's, which python3-jsonschema belongs to
if ! "$python" -c 'import jsonschema' 2> /dev/null; then
	echo "1..0 # SKIP python3-jsonschema is not installed"
	exit 0
fi
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if ! CT_TEST_WRITE="$tmp/points.jsonl" "$CT_BUILDDIR/tests/unit/test_measure_record" > /dev/null 2>&1 ||
	[ ! -s "$tmp/points.jsonl" ]; then
	echo "1..0 # SKIP tests/unit/test_measure_record is not built"
	exit 0
fi
exec "$python" - "$CT_SRCDIR/results/schema.json" "$tmp/points.jsonl" << 'END'
import copy
import json
import sys

import jsonschema

schema = json.load(open(sys.argv[1], encoding="utf-8"))
records = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8")]
number = failed = 0


def check(good, what):
    global number, failed
    number += 1
    failed += not good
    print("%sok %d - %s" % ("" if good else "not ", number, what))


jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
for i, record in enumerate(records):
    check(validator.is_valid(record), "line %d, %s" % (i + 1, record["kind"]))
check([r["kind"] for r in records] == ["environment"] + ["point"] * 3, "an environment, then points")
check("samples_ns" in records[1] and "histogram" in records[2], "both forms of samples")


def broken(record, what, change):
    other = copy.deepcopy(record)
    change(other)
    check(not validator.is_valid(other), "refused: " + what)


point = records[1]
broken(point, "unknown key", lambda r: r.update(colour=1))
broken(point, "unknown counter", lambda r: r["counters"].update(colour=1))
broken(point, "unknown part of ports", lambda r: r["ports"].update(colour=1))
broken(point, "counter that is no number", lambda r: r["ports"]["counts"].update(seq_naks="1"))
broken(point, "missing median", lambda r: r.pop("median_ns"))
broken(point, "fraction of a nanosecond", lambda r: r.update(median_ns=1.5))
broken(point, "negative time", lambda r: r.update(max_ns=-1))
broken(point, "another schema", lambda r: r.update(schema="colltune-result/2"))
broken(point, "unknown operation", lambda r: r.update(coll="gossip"))
broken(point, "no samples", lambda r: r.pop("samples_ns"))
broken(point, "samples twice", lambda r: r.update(histogram=[]))
broken(records[2], "bucket out of range", lambda r: r.update(histogram=[[3776, 1]]))
broken(records[0], "environment without seed", lambda r: r.pop("seed"))
print("1..%d" % number)
sys.exit(failed > 0)
END

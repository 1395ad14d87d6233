#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# results/rules.schema.json says the same as the parser, as far as a JSON Schema can: it takes the
# good fixture and refuses each bad one whose fault it can express.
. "${CT_SRCDIR:?}/tests/tap.sh"

python=/usr/bin/python3 # Debian's, which python3-jsonschema belongs to
schema=$CT_SRCDIR/results/rules.schema.json
fixtures=$CT_SRCDIR/tests/fixtures
run "$python" -c 'import jsonschema'
is "python3-jsonschema is there" "$status" 0

cat > "$tmp/check.py" << 'PYTHON'
import json, sys
from jsonschema import Draft7Validator

schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)
if sys.argv[2] == "good":
    errors = [e.message for e in validator.iter_errors(json.load(open(sys.argv[3])))]
    sys.exit("\n".join(errors) if errors else 0)
for case in json.load(open(sys.argv[3])):
    refused = not validator.is_valid(case["file"])
    print("%s\t%s" % ("same" if refused == case["schema"] else "differs", case["name"]))
PYTHON

ok "the design's example is valid" "$python" "$tmp/check.py" "$schema" good "$fixtures/rules.json"
run "$python" "$tmp/check.py" "$schema" bad "$fixtures/rules-bad.json"
is "the bad ones could be read" "$status" 0
like "there are bad ones" "$out" same
unlike "each fault that a schema can express is refused, the others not" "$out" differs
tap_done

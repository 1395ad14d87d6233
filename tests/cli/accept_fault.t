#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Real pairs: a rank whose receives are late is named by the verdict; what is written follows its schema; a
# profile is found, judged, and refused when it is wrong; what a good machine reaches becomes one.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
python=/usr/bin/python3
profiles=$CT_SRCDIR/lib/accept/profiles

# valid NAME FILE: FILE follows results/verdict.schema.json
valid() {
	if ! "$python" -c 'import jsonschema' 2> /dev/null; then
		skip "$1" "python3-jsonschema is not installed"
		return
	fi
	ok "$1" "$python" -c '
import json, sys, jsonschema
schema = json.load(open(sys.argv[1], encoding="utf-8"))
jsonschema.Draft7Validator.check_schema(schema)
jsonschema.Draft7Validator(schema).validate(json.load(open(sys.argv[2], encoding="utf-8")))' \
		"$CT_SRCDIR/results/verdict.schema.json" "$2"
}

run timeout 900 "$COLLTUNE" accept -t 6 --net shm --budget 4s --rounds 1 -e 1M --no-algorithms \
	--stages pairs --net-fault delay:rank=2:ms=100 --json fault.json --matrix heat.svg
like "a late rank: named" "$out" '^ +1\. rank 2, (all rails both ways|receiving only): [0-9.]+ times slower'
like "a late rank: the verdict names it" "$(sed -n '/^verdict:/,/^[^ v]/p' <<< "$out" | tr -s '\n ' ' ')" \
	'slow: rank 2, '
valid "a late rank: JSON by its schema" fault.json
is "heat map: a cell for each pair, the diagonal empty" \
	"$(grep -o '<title>rank [0-5] to rank [0-5]:' heat.svg | sort -u | wc -l) $(grep -o 'class="none"' heat.svg | wc -l)" \
	"30 6"
is "heat map: what goes to the late rank is above twice the median" \
	"$(tr -d '\n' < heat.svg | grep -Eo 'class="s4"> *<title>rank [0-5] to rank [0-5]' | grep -c 'to rank 2$')" 5

cat > mine.yaml << 'EOF'
schema: colltune-profile/1
name: mine
figures:
  - {operation: allreduce, to: 4K, time_us: 0.001, pass: 0.9, warn: 0.8, source: "nobody reaches that"}
  - {operation: allreduce, backend: nccl, from: 1G, busbw: 400, source: "not here"}
waivers:
  - {part: rank 3, reason: "cable is ordered", until: 2020-01-31}
  - {part: "allreduce", reason: "known", until: 2999-12-31}
EOF
run timeout 900 "$COLLTUNE" accept -t 2 --budget 2s --rounds 1 -e 4K --no-algorithms \
	--stages collectives --profile ./mine.yaml --json profile.json
like "profile: its figure" "$out" '^  allreduce +any +from +0 +expected +1 ns +effic\. 0\.00'
like "profile: what cannot be measured here says so" "$out" 'not measured here: needs backend nccl'
like "profile: an expired waiver" "$out" 'waiver: rank 3 until 2020-01-31 \(expired\): cable is ordered'
valid "profile: JSON by its schema" profile.json
run timeout 900 "$COLLTUNE" accept -t 2 --budget 2s --rounds 1 -e 4K --stages environment --no-algorithms \
	--profile cpu-cluster --profile-dir "$profiles"
like "profile: by name" "$out" '^profile cpu-cluster: '
for f in "$profiles"/*.yaml; do
	run timeout 180 "$COLLTUNE" accept --budget 1s --stages environment --profile "$f"
	like "profile: $(basename "$f") is read" "$out" "^profile $(basename "$f" .yaml): "
done

# bad NAME TEXT: the profile ./bad.yaml is refused with one line
bad() {
	run timeout 180 "$COLLTUNE" accept --budget 1s --stages environment --profile "${3:-./bad.yaml}" \
		--profile-dir "$profiles"
	is "$1: exit status, lines" "$status $(grep -c . <<< "$err")" "2 1"
	like "$1: message" "$err" "$2"
}
sed 's/waivers:/waifers:/' mine.yaml > bad.yaml
bad "misspelt key" 'bad\.yaml:6: .*waifers; did you mean "waivers"\?'
sed 's/time_us: 0.001/busbw: 1, time_us: 1/' mine.yaml > bad.yaml
bad "both units" 'either busbw'
sed 's/2020-01-31/soon/' mine.yaml > bad.yaml
bad "no day" 'until soon'
sed 's/operation: allreduce, to/operation: allredcue, to/' mine.yaml > bad.yaml
bad "no such operation" 'did you mean "allreduce"'
bad "no such profile" 'no profile "cpu-clutser" in .*did you mean "cpu-cluster"' cpu-clutser

run timeout 900 "$COLLTUNE" accept -t 2 --budget 3s --rounds 2 -e 4K --no-algorithms --stages collectives \
	--calibrate good.yaml
if [ -e good.yaml ]; then
	run timeout 180 "$COLLTUNE" accept --budget 1s --stages environment --profile ./good.yaml
	like "calibrate: can be read again" "$out" '^profile calibrated: '
else
	like "calibrate: rounds too far apart are no basis" "$err" 'whose rounds agree within a tenth'
fi

run timeout 900 "$COLLTUNE" accept -t 2 --budget 1s --rounds 1 -e 4K --no-algorithms --stages soak --soak 1s \
	--json soak.json
like "soak: what it says" "$out" '^soak: allreduce, [0-9]+ points: '
valid "soak: JSON by its schema" soak.json
tap_done

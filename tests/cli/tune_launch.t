#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# colltune tune --launch: settings that need a launch of their own, by a launcher whose answers are known.
. "${CT_SRCDIR:?}/tests/tap.sh"

cat > "$tmp/launcher" <<'END'
#!/bin/sh
printf '%s\n' "$*" >> "$0.log"
case "$*" in
*FAST=1*) ns=500 ;;
*SLOW=1*) ns=2000 ;;
*BAD=1*) exit 3 ;;
*) ns=1000 ;;
esac
echo "some words of the job"
echo "# time coll=allreduce bytes=8 ns=$ns"
echo "# time coll=allreduce bytes=32 ns=$((ns * 2))"
END
chmod +x "$tmp/launcher"
set -- --launch "$tmp/launcher -n 4 \$(touch $tmp/shell);" --settings 'FAST=1;SLOW=1|2;BAD=1' -e 32 \
	--launches "$tmp/kept.jsonl"

ok "settings are launched in turns" timeout 360 "$COLLTUNE" tune allreduce "$@" --budget 100s
like "the faster one is found" "$out" '^  FAST=1 +8 +2\.000 \[ +2\.000 +2\.000\] .* faster$'
like "a plainly slower one is left early" "$out" '^  SLOW=1 +2 +0\.500 .* slower, left$'
like "one that changes nothing" "$out" '^  SLOW=2 +8 +1\.000 .* equivalent$'
like "one that does not run" "$out" '^  BAD=1 +0 .* does not run here$'
like "the list of suggestions" "$out" '^Suggestions'
like "what to set" "$out" '    set:  FAST=1 in the environment'
like "how to undo it" "$out" '    undo: unset FAST'
is "no shell took part" "$([[ -e $tmp/shell ]] && echo shell)" ""
is "the launcher got its words, env and the command" \
	"$(grep -cE '^-n 4 \$\(touch .*/shell\); env FAST=1 /.*colltune tune allreduce --times ' "$tmp/launcher.log")" 8

n=$(wc -l < "$tmp/launcher.log")
ok "the same again goes on from what was kept" timeout 360 "$COLLTUNE" tune allreduce "$@" --budget 100s
like "and need not launch" "$out" "^# 0 launches in this run, $n of an earlier one"
is "nor did it" "$(wc -l < "$tmp/launcher.log")" "$n"

head -4 "$tmp/kept.jsonl" > "$tmp/part.jsonl"
ok "half of it" timeout 360 "$COLLTUNE" tune allreduce "${@:1:6}" --launches "$tmp/part.jsonl"
like "is taken up" "$out" "^# $((n - 3)) launches in this run, 3 of an earlier one"

# bad NAME TEXT STATUS ARGUMENT…
bad() {
	local name=$1 text=$2 code=$3
	shift 3
	run timeout 180 "$COLLTUNE" tune allreduce "$@"
	is "$name: exit status, lines" "$status $(grep -c . <<< "$err")" "$code 1"
	like "$name: message" "$err" "$text"
}
cat > "$tmp/slow" << 'END'
#!/bin/sh
i=0
while [ $i -lt 20000 ]; do i=$((i + 1)); done
exec "${0%/*}/launcher" "$@"
END
chmod +x "$tmp/slow"
bad "a budget for one launch only" 'budget of 1.00 ms is too small' 2 --launch "$tmp/slow" --settings FAST=1 -e 32 \
	--budget 1ms
bad "launches of another command" 'of another command' 2 "$@" -b 16
bad "a launcher that is not there" 'not installed' 3 --launch "$tmp/none"
bad "a launch that says nothing" 'printed no times' 3 --launch true
bad "a launch that fails" 'failed' 3 --launch false
bad "no words" 'no command' 2 --launch ' '
bad "settings that are none" 'NAME=VALUE' 2 --launch true --settings 'A B'
bad "settings without a launch" 'need --launch' 2 --settings A=1
printf '%s' '{"schema":"colltune-' > "$tmp/cut.jsonl"
mkfifo "$tmp/fifo"
bad "a file of launches that is a FIFO" 'not a regular file' 3 --launch true --launches "$tmp/fifo"
ln -s "$tmp/cut.jsonl" "$tmp/link"
bad "a file of launches that is a link" 'symbolic link' 3 --launch true --launches "$tmp/link"
bad "a file that was cut" 'ends within a line' 2 --launch true --launches "$tmp/cut.jsonl"

ok "the ranks' side: times of the default" timeout 360 "$COLLTUNE" tune allreduce broadcast -t 2 --net shm \
	-e 32 -f 4 --times
is "a line for each size" "$(grep -cE '^# time coll=(allreduce|broadcast) bytes=(8|32) ns=[0-9]+$' <<< "$out")" 4
ok "a search beside a stream of memory" timeout 360 "$COLLTUNE" tune allreduce -t 2 --net shm -e 64 -f 8 \
	--no-model --overlap memory -o "$tmp/memory.json"
like "which is told" "$out" '^# overlap memory: a thread of each rank worked meanwhile \([1-9][0-9]* turns'
like "and said in the file" "$(cat "$tmp/memory.json")" '"overlap": "memory"'
ok "its rules beside the default" timeout 360 "$COLLTUNE" tune --check "$tmp/memory.json" -t 3 --net shm --budget 10s
like "with what they were found beside" "$out" '^# check: found while a thread .* \(--overlap memory\)$'
like "and for how many ranks" "$out" '^# check: rules for .* 2 to 2 ranks each; here 3 .* outside'
ok "a search beside computations" timeout 360 "$COLLTUNE" tune allreduce -t 2 --net shm -e 64 -f 8 \
	--no-model --overlap compute -o "$tmp/compute.json"
like "said in the file, too" "$(cat "$tmp/compute.json")" '"overlap": "compute"'
tap_done

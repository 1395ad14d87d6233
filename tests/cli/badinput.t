#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Bad input gets one line on stderr: exit status 2 if an argument or an input file is wrong, 3 if
# something cannot be opened, written or run here. Nothing is lost, nothing half-written.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99
: > file
touch before

# bad STATUS LINE COMMAND…: LINE is a regular expression for all of stderr; stdout stays empty
bad() {
	local want=$1 line=$2 good=1
	shift 2
	run timeout 90 "$@"
	[ "$status" -eq "$want" ] && [ -z "$out" ] && [ "$(wc -l < .err)" -eq 1 ] &&
		grep -Eqx -e "$line" .err && good=0
	tap_result "$good" "$(printf '%q ' "${@##*/}")" "exit $status, wanted $want; line wanted: $line
$out
$err"
}

bench() {
	bad "$1" "colltune bench: $2" "$COLLTUNE" bench "${@:3}"
}

bad 2 "colltune: no command given; .*" "$COLLTUNE"
bad 2 'colltune: no command "bnch"; did you mean "bench"\?' "$COLLTUNE" bnch
bad 2 'colltune: no command "x\?y"; .*' "$COLLTUNE" $'x\ny'

# Options
bench 2 'needs an argument: p2p\|.*'
bench 2 'no operation "allreduc"; did you mean allreduce\?' allreduc
bench 2 'no operation "all\?reduce"; .*' $'all\nreduce'
bench 2 'unexpected argument "more"' allreduce more
bench 2 'unknown option --min-byts; did you mean --min-bytes\?' allreduce --min-byts=8
bench 2 'unknown option --min-byts; did you mean --min-bytes\?' allreduce --min-byts 8
bench 2 'unknown option -q; see --help' allreduce -q
bench 2 'option --net- fits several options' allreduce --net-=x
bench 2 'option --stats takes no value' allreduce --stats=1
bench 2 'option -b needs a value' allreduce -b
bench 2 'option --pairs needs a value' p2p --pairs
bench 2 '--boot: unknown choice "slurm"; known: auto, mpi, single, env' allreduce --boot slurm
bad 2 'colltune bench: unknown environment variable COLLTUNE_MIN_BYTE; did you mean COLLTUNE_MIN_BYTES\?' \
	env COLLTUNE_MIN_BYTE=8 "$COLLTUNE" bench allreduce
bad 2 'colltune bench: COLLTUNE_MIN_BYTES: "x" is no size .*' \
	env COLLTUNE_MIN_BYTES=x "$COLLTUNE" bench allreduce

# Values
bench 2 '-b, --min-bytes: "many" is no size .*' allreduce -b many
bench 2 '-b, --min-bytes: "8q" is no size: .*' allreduce -b 8q
bench 2 '-b, --min-bytes: "-4" is no size .*' allreduce -b -4
bench 2 '-b 1G is above -e 8' allreduce -b 1G -e 8
bench 2 '-f, --step-factor: 0\.5 is outside 1 to 1e\+06' allreduce -f 0.5
bench 2 '-f 1 never reaches -e; .*' allreduce -f 1
bench 2 '-n, --iters: .*' allreduce -n 0
bench 2 '-T, --timeout: "soon" is no time .*' allreduce -T soon
bench 2 '-a 1: only 3 .*' allreduce -a 1
bench 2 'unknown reduction "avg"; known: sum, prod, min, max' allreduce -o avg
bench 2 'unknown data type "complex"; known: .*' allreduce -d complex
bench 2 '-r 2: no such rank in a job of 2' broadcast -t 2 -r 2
bench 2 'p2p needs at least 2 ranks: .*' p2p
bench 2 '--pairs: no rank 2 in a job of 2' p2p -t 2 --pairs 0-1,2-3
bench 2 '--pairs: rank 1 stands twice in "0-1,1-2"' p2p -t 3 --pairs 0-1,1-2
bench 2 '--pairs: "0:1" is not a list such as 0-1,2-3' p2p -t 2 --pairs 0:1
bench 2 '--kinds: no kind "onway"; did you mean oneway' p2p -t 2 --kinds onway
bench 2 'no backend is called ncl.*' allreduce --coll ncl
bench 2 'unknown transport "smh"; did you mean shm\?' allreduce --net smh
bench 2 'no algorithm "rng" for allreduce; did you mean "ring"\?' allreduce --algo rng
bench 2 '--net-fault: unknown kind "explode"; .*' allreduce --net-fault explode
bench 2 '--net-fault: nth=x: .*' allreduce --net-fault drop:nth=x
bench 2 'unknown log level "loud"; .*' allreduce --log loud
bench 2 'unknown log area "nett"; did you mean "net"\?' allreduce --log info:nett
bench 2 '--resume needs --out DIR.*' allreduce --resume
bench 2 '--coll trace and --replay PREFIX need each other.*' allreduce --coll trace
bad 2 'colltune accept: unknown stage "mop"; .*' "$COLLTUNE" accept --stages mop
bad 2 'colltune view: needs an argument: DIR' "$COLLTUNE" view

# What cannot be opened, written or run
bench 3 'file/out: Not a directory' allreduce -e 8 --out file/out
bench 3 'cannot write file/points: Not a directory' allreduce -e 8 --json file/points
bench 3 'cannot write none/flat: No such file or directory' allreduce -e 8 --csv none/flat
bench 3 'module folder here: an absolute path is needed' allreduce --coll mpi --module-dir here
bench 3 'module .*: No such file or directory.*' allreduce --coll mpi --module-dir "$tmp"
bad 3 'colltune topo: file/machine: Not a directory' "$COLLTUNE" topo --save file/machine
bad 3 'colltune topo: none: No such file or directory' "$COLLTUNE" topo --load none
bad 3 'colltune view: none/run\.json: No such file or directory' "$COLLTUNE" view none
bad 3 'colltune accept: file/out: Not a directory' "$COLLTUNE" accept --out file/out
bad 3 'colltune bench: started by Open MPI with 2 processes .*' env OMPI_COMM_WORLD_SIZE=2 \
	OMPI_COMM_WORLD_RANK=0 "$COLLTUNE" bench allreduce --boot single
is "nothing is left behind" "$(find . -newer before ! -name '.out' ! -name '.err' ! -name .)" ""

# Input files
run "$COLLTUNE" topo --save machine
sed 's#colltune-machine/1#colltune-machine/9#' machine > other
head -c 200 machine > "cut"
bad 2 'colltune topo: other: /schema: "colltune-machine/9" is not "colltune-machine/1"' \
	"$COLLTUNE" topo --load other
bad 2 'colltune topo: cut:[0-9]+: .*' "$COLLTUNE" topo --load cut

short=(allreduce -t 2 -b 8 -e 32 --budget 1ms)
ok "a small run" "$COLLTUNE" bench "${short[@]}" --out whole
bench 2 'whole: exists; .*' "${short[@]}" --out whole
bench 2 'whole: was made with another max-bytes: .*' allreduce -t 2 -b 8 -e 64 --budget 1ms \
	--out whole --resume
cp -r whole shorter
truncate -s -20 shorter/points.jsonl
cp -r shorter copy
bench 2 '.*points\.jsonl:5: the last line is cut off.*' "${short[@]}" --out shorter --resume
ok "a truncated result file stays as it was" diff -r shorter copy
cp -r whole broken
sed -i '2s/.$//' broken/points.jsonl
cp -r broken copy2
bench 2 '.*points\.jsonl:2:.*' "${short[@]}" --out broken --resume
ok "a broken result file stays as it was" diff -r broken copy2
bench 3 'none/points\.jsonl: No such file or directory' "${short[@]}" --out none --resume
not_ok "--resume makes no directory" [ -e none ]

# A sound option list is still understood.
ok "abbreviated options" "$COLLTUNE" bench allreduce --min=8 --max-b 8 --budg=1ms
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Output that must not change by chance. allreduce-0.jsonl and allreduce-1.jsonl are allreduce.0 and
# allreduce.1 as two ranks recorded them:
#   colltune bench allreduce -t 2 -b 8 -e 8K -f 8 -n 12 --max-iters 12 -w 2 --record allreduce
# With CT_GOLDEN=write the files are written anew instead of compared; read the difference then.
. "${CT_SRCDIR:?}/tests/tap.sh"
here=$CT_SRCDIR/tests/golden
unset ARGP_HELP_FMT

# golden NAME TEXT
golden() {
	if [ "${CT_GOLDEN-}" = write ]; then
		printf '%s\n' "$2" > "$here/$1"
	fi
	printf '%s\n' "$2" > "$tmp/$1"
	ok "$1" diff "$here/$1" "$tmp/$1"
}

# The words of this machine and of this build are left out.
plain() {
	sed -E -e '1s/colltune [0-9][^ ]*/colltune VERSION/' -e '1s/\([^)]*\)/(HOST)/' \
		-e '/^# oversubscribed: /,/ too$/d' <<< "$out"
}

replay=(bench allreduce -t 2 -b 8 -e 8K -f 8 -n 12 --max-iters 12 -w 2 --budget 60s
	--coll trace --replay allreduce)
cd "$tmp" || exit 99
cp "$here/allreduce-0.jsonl" allreduce.0
cp "$here/allreduce-1.jsonl" allreduce.1
ok "replay" "$COLLTUNE" "${replay[@]}" --csv flat.csv
golden replay.txt "$(plain)"
golden replay.csv "$(cut -d, -f1-25,27 flat.csv)" # without oversubscribed
ok "replay again" "$COLLTUNE" "${replay[@]}" --csv again.csv
ok "byte by byte the same table" cmp flat.csv again.csv

run "$COLLTUNE" bench allreduce -t 3 -e 8 --coll trace --replay allreduce
is "a trace of another number of ranks: exit status" "$status" 2
is "a trace of another number of ranks: one line" "$(wc -l <<< "$err")" 1

ok "--help" "$COLLTUNE" --help
golden help.txt "$out"
for command in topo bench perftest accept list view compare tune export roce nccl report; do
	ok "$command --help" "$COLLTUNE" "$command" --help
	golden "help-$command.txt" "$out"
done
tap_done

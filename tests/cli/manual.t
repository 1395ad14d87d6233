#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The manual page and the rows of options (as --help shows them) tell the same names.
. "${CT_SRCDIR:?}/tests/tap.sh"
page=$CT_SRCDIR/docs/man/colltune.1

# "-b --min-bytes" or "--net", a line each
of_help() {
	"$COLLTUNE" "$1" --help | sed -En 's/^  (-[a-zA-Z]), (--[a-zA-Z_-]+).*/\1 \2/p
		s/^      (--[a-zA-Z_-]+).*/\1/p'
}

# Those of the sections whose title has one of the WORDS
of_page() {
	awk -v words="$1|every" '
		/^\.S[sh] / { here = $0 ~ "^.Ss Options of .*(" words ")" }
		here && /^\.It Fl / {
			if ($4 == ",") print "-" $3, "-" $6
			else print "-" $3
		}' "$page"
}

for command in topo bench perftest accept list view compare tune export roce nccl report; do
	is "$command: every option, and no other" "$(of_page "$command" | sort)" \
		"$(of_help "$command" | sort)"
done
is "every command" "$(sed -En 's/^\.It Cm ([a-z]+).*/\1/p' "$page" | sort | tr '\n' ' ')" \
	"$("$COLLTUNE" --help | sed -En 's/^  ([a-z]+) .*/\1/p' | sort | tr '\n' ' ')"
tap_done

#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A search path that hides colltune's plugins from NCCL, over a STAND-IN for a library with its ABI (which loads
# no plugins): one line with what was looked for and where, exit 3.
. "${CT_SRCDIR:?}/tests/tap.sh" || exit 99

host=$COLLTUNE_MODULE_DIR/nccl-host.so
unset NCCL_TUNER_PLUGIN NCCL_PROFILER_PLUGIN COLLTUNE_RULES
export NCCL_CONF_FILE=/dev/null
# bench NAME=VALUE… -- OPTION…
bench() {
	variables_and_words "$@"
	run timeout -s KILL 360 env "${variables[@]}" "$COLLTUNE" bench allreduce -t 2 -e 8 -n 1 --max-iters 1 \
		--budget 1ms -w 1 --coll nccl --nccl-lib "$host" --gpu-lib "$host" "${words[@]}"
}
refused() { # NAME REGEX
	is "$1: exit status, lines" "$status $(wc -l <<< "$err")" "3 1"
	like "$1: why" "$err" "$2"
}
ours=$(realpath "$COLLTUNE_MODULE_DIR")

bench --
is "nobody asks for plugins: measured" "$status" 0
bench NCCL_PROFILER_PLUGIN=other --
is "another profiler plugin, nobody asks for ours: measured" "$status" 0

bench NCCL_TUNER_PLUGIN=other -- --explain
refused "no such tuner" "NCCL_TUNER_PLUGIN=other hides colltune.s tuner plugin: neither other nor \
libnccl-tuner-other.so in LD_LIBRARY_PATH.*; ours is in $ours"
bench NCCL_TUNER_PLUGIN="$tmp/libx.so" -- --explain
refused "no such file" "NCCL_TUNER_PLUGIN=$tmp/libx.so hides .*: no such library; ours is in $ours"
bench NCCL_PROFILER_PLUGIN=none -- --explain
refused "no profiler is wanted" "NCCL_PROFILER_PLUGIN=none hides .*NCCL would load none; ours is in $ours"
bench NCCL_TUNER_PLUGIN=none COLLTUNE_RULES=/etc/rules.json --
refused "rules, and no tuner is wanted" "NCCL_TUNER_PLUGIN=none hides colltune.s tuner plugin"

# A folder earlier in the path has another file of our plugin's name.
mkdir "$tmp/first"
cp "$host" "$tmp/first/libnccl-tuner-colltune.so"
bench NCCL_TUNER_PLUGIN=colltune LD_LIBRARY_PATH="$tmp/first:$ours" COLLTUNE_RULES=/etc/rules.json --
refused "another library earlier in LD_LIBRARY_PATH" "NCCL_TUNER_PLUGIN=colltune hides .*NCCL would load \
$tmp/first/libnccl-tuner-colltune.so, .* ours is in $ours"
bench NCCL_TUNER_PLUGIN=colltune LD_LIBRARY_PATH="$ours:$tmp/first" COLLTUNE_RULES=/etc/rules.json --
refused "ours is found first, but the library takes no plugins" "did not load colltune.s tuner plugin.*no rules can be used"
printf 'NCCL_TUNER_PLUGIN=none\n' > "$tmp/nccl.conf"
bench NCCL_CONF_FILE="$tmp/nccl.conf" -- --explain
refused "NCCL's file counts as NCCL reads it" "NCCL_TUNER_PLUGIN=none hides"
bench -- --explain
refused "a library without plugins cannot be explained" "did not load colltune.s (tuner|profiler) plugin.*nothing to explain"
mkdir "$tmp/modules"
bench -- --explain --module-dir "$tmp/modules"
refused "ours is nowhere" "no libnccl-profiler-colltune.so: looked for in $tmp/modules and the folder above"

run "$COLLTUNE" bench allreduce -t 2 -e 8 --explain
is "--explain without backend nccl: exit status" "$status" 2
like "--explain without backend nccl: why" "$err" 'it needs --coll nccl'
bench -- --rules /etc/rules.json
is "--rules without --explain: exit status" "$status" 2
tap_done

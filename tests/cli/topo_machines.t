#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Each machine of topo/machines is printed, drawn, placed and exported. With HWLOC_SNAPSHOTS, a folder
# that holds XML files of hwloc's own tests, each of these is too, or refused in one line when it is of
# another version.
. "${CT_SRCDIR:?}/tests/tap.sh"
cd "$tmp" || exit 99

for file in "$CT_SRCDIR"/topo/machines/*.json; do
	name=${file##*/}
	ok "$name: tree" "$COLLTUNE" topo --load "$file" --draw "$name.svg" --xml "$name.xml"
	like "$name: says where it is from" "$out" '^[^ ]*: .* \((built from data sheets|recorded .*)\)$'
	ok "$name: drawn" test -s "$name.svg"
	like "$name: hwloc's XML" "$(head -n 3 "$name.xml")" '<topology version="2'
	ok "$name: matrix" "$COLLTUNE" topo --load "$file" --matrix
	ok "$name: placement" "$COLLTUNE" topo --load "$file" --place 4
	ok "$name: for NCCL" "$COLLTUNE" topo --load "$file" --nccl-xml "$name.nccl"
	run "$COLLTUNE" topo --load "$file" --diff "$file"
	is "$name: equals itself" "$out" "equal: $file and $file"
done
if [ -n "${HWLOC_SNAPSHOTS-}" ]; then
	mkdir tree
	while IFS= read -r xml; do
		cp "$xml" tree/hwloc.xml
		run "$COLLTUNE" topo --sysroot tree --draw h.svg
		if [ "$status" = 0 ]; then
			like "${xml##*/}: read" "$out" 'machine hash sha256:'
		else
			is "${xml##*/}: refused in one line" "$(grep -c . <<< "$err")" 1
		fi
	done < <(find "$HWLOC_SNAPSHOTS" -name '*.xml' -size -4M | sort)
fi
sed 's/topology version="2.0"/topology version="3.0"/' cloud-vm.json.xml > v3.xml
mkdir -p three
cp v3.xml three/hwloc.xml
run "$COLLTUNE" topo --sysroot three
is "version 3: exit" "$status" 2
like "version 3: one line that says what to do" "$err" 'not of version 2.*export-xml-flags v2'
tap_done

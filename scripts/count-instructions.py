# SPDX-License-Identifier: BSD-3-Clause
"""count-instructions.py TEST FEW MANY DIR…: one row of scripts/count-instructions' table; the least of all runs."""
import collections
import os
import sys


def read(path):
    """Executions of each (object, function, instruction), and the functions that call the device."""
    counts, callers = collections.Counter(), set()
    here = name = there = ""
    called = False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("ob="):
                here = line[3:].strip()
            elif line.startswith("fn="):
                name = line[3:].strip()
            elif line.startswith("cob="):
                there = line[4:].strip()
            elif line.startswith("calls="):
                called = True
                if there.endswith("/fakeib.so"):
                    callers.add((here, name))
                there = ""
            elif line.startswith("0x"):
                words = line.split()
                if not called:
                    counts[(here, name, words[0])] += int(words[2])
                called = False
    return counts, callers


def per_message(few, many, n):
    counts, callers = many
    path = program = everything = raw = 0
    for key, count in counts.items():
        more = count - few[0].get(key, 0)
        if more <= 0:
            continue
        raw += more
        everything += min(more, n)
        if os.path.basename(key[0]).startswith(("ib_", "colltune")):
            program += min(more, n)
            path += min(more, n) if key[:2] in callers else 0
    return path / n, program / n, everything / n, raw / n


def main():
    test, few, many, folders = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    row = [f"{test:<10}"]
    for who in ("perftest", "colltune"):
        runs = [per_message(read(f"{folder}/{who}.{few}"), read(f"{folder}/{who}.{many}"), many - few)
                for folder in folders]
        least = [min(column) for column in zip(*runs)]
        row.append("{:7.1f} {:8.1f} {:8.1f} {:8.0f}".format(*least))
    print(" ".join(row), flush=True)


main()

# SPDX-License-Identifier: BSD-3-Clause
"""Holds config_db.json files against what SONiC's YANG models say of the tables that colltune writes: names of
tables and fields, types, ranges, patterns, references, what must be there. The facts below were read from
github.com/sonic-net/sonic-buildimage, src/sonic-yang-models (commit 086b03bd70f9 of 2026-08-23), files
yang-models/sonic-NAME.yang as named at each table; no file of theirs is here. Prints a line for each thing that
does not fit: "FILE: TABLE|KEY|FIELD: WHY".

    sonic_model.py FILE…
"""
import json
import re
import sys

NAME = r"[a-zA-Z0-9]{1}([-a-zA-Z0-9_]{0,31})"  # of maps and profiles
LIST = r"([0-7](,[0-7])*)?"                    # pfc_enable, pfcwd_sw_enable
DSCP = r"6[0-3]|[1-5][0-9]?|[0-9]?"


def number(low, high):
    return lambda v, c: None if re.fullmatch(r"-?[0-9]+", v) and low <= int(v) <= high \
        else f"not a number from {low} to {high}"


def pattern(p):
    return lambda v, c: None if re.fullmatch(p, v) else f"does not match {p}"


def one_of(*words):
    return lambda v, c: None if v in words else f"none of {' '.join(words)}"


def refers(table, *others):
    """A name of TABLE; a table that the fragment leaves to the switch cannot be looked into."""
    return lambda v, c: None if v in others or table in ON_SWITCH or v in c.get(table, {}) \
        else f"no {v} in {table}"


BYTES = number(0, 2**64 - 1)
TC = number(0, 15)  # sonic-types: tc_type
QUEUE = r"[0-9]+(-[0-9]+)?"

# What a whole configuration has and a fragment for "config load" need not bring.
ON_SWITCH = {"BUFFER_POOL", "PORT|lanes"}

MAPS = {  # table: key, value; sonic-dscp-tc-map, -tc-queue-map, -tc-priority-group-map, -pfc-priority-queue-map
    "DSCP_TO_TC_MAP": (pattern(DSCP), TC),
    "TC_TO_QUEUE_MAP": (TC, pattern("[0-9]?")),
    "TC_TO_PRIORITY_GROUP_MAP": (TC, pattern("[0-7]?")),
    "MAP_PFC_PRIORITY_TO_QUEUE": (pattern("[0-7]?"), pattern("[0-7]?")),
    "CABLE_LENGTH": (refers("PORT"), pattern("[0-9]+m|None")),  # sonic-cable-length
}

COLOURS = ("green", "yellow", "red")
ROWS = {  # table: parts of the key, fields, those that must be there
    "PORT": ([pattern(r".{1,128}")], {  # sonic-port
        "speed": number(1, 1600000), "mtu": number(68, 9216), "lanes": pattern(r".{1,128}"),
        "alias": pattern(r".{1,128}"), "pfc_asym": one_of("on", "off")}, ("speed", "lanes")),
    "PORT_QOS_MAP": ([refers("PORT", "global")], {  # sonic-port-qos-map
        "dscp_to_tc_map": refers("DSCP_TO_TC_MAP"), "tc_to_queue_map": refers("TC_TO_QUEUE_MAP"),
        "tc_to_pg_map": refers("TC_TO_PRIORITY_GROUP_MAP"),
        "pfc_to_queue_map": refers("MAP_PFC_PRIORITY_TO_QUEUE"), "pfc_enable": pattern(LIST),
        "pfcwd_sw_enable": pattern(LIST), "scheduler": refers("SCHEDULER")}, ()),
    "QUEUE": ([refers("PORT", "CPU"), pattern(QUEUE)], {  # sonic-queue
        "scheduler": refers("SCHEDULER"), "wred_profile": refers("WRED_PROFILE")}, ()),
    "SCHEDULER": ([pattern(".+")], {  # sonic-scheduler
        "type": one_of("DWRR", "WRR", "STRICT"), "weight": number(1, 100), "priority": number(0, 9)}, ()),
    "BUFFER_PG": ([refers("PORT"), pattern("[0-7]((-)[0-7])?")], {  # sonic-buffer-pg
        "profile": refers("BUFFER_PROFILE", "NULL")}, ()),
    "BUFFER_PROFILE": ([pattern(".+")], {  # sonic-buffer-profile
        "pool": refers("BUFFER_POOL"), "size": BYTES, "xon": BYTES, "xoff": BYTES, "xon_offset": BYTES,
        "static_th": BYTES, "dynamic_th": number(-8, 7), "headroom_type": one_of("static", "dynamic")},
        ("pool", "size")),
    "WRED_PROFILE": ([pattern(NAME)], dict(  # sonic-wred-profile
        [("ecn", one_of("ecn_none", "ecn_green", "ecn_yellow", "ecn_red", "ecn_green_yellow", "ecn_green_red",
                        "ecn_yellow_red", "ecn_all"))] +
        [(f"wred_{c}_enable", one_of("true", "false")) for c in COLOURS] +
        [(f"{c}_{end}_threshold", BYTES) for c in COLOURS for end in ("min", "max")] +
        [(f"{c}_drop_probability", number(0, 100)) for c in COLOURS]), ()),
    "PFC_WD": ([refers("PORT", "GLOBAL")], {  # sonic-pfcwd
        "action": one_of("drop", "forward", "alert"), "detection_time": number(100, 5000),
        "restoration_time": number(100, 60000), "POLL_INTERVAL": number(100, 1000)}, ()),
}


def must(config):
    """The models' own conditions between fields ("must")."""
    rows = config.get("PFC_WD", {})
    poll = int(rows.get("GLOBAL", {}).get("POLL_INTERVAL", 0))
    for key, row in rows.items():
        if (key == "GLOBAL") != ("POLL_INTERVAL" in row) or (key == "GLOBAL" and len(row) > 1):
            yield f"PFC_WD|{key}", "POLL_INTERVAL is GLOBAL's, the others are the ports'"
        for field in ("detection_time", "restoration_time"):
            if field in row and int(row[field]) < poll:
                yield f"PFC_WD|{key}|{field}", "less than POLL_INTERVAL"
    for key, row in config.get("WRED_PROFILE", {}).items():
        for c in COLOURS:
            if int(row.get(f"{c}_max_threshold", 2**64)) < int(row.get(f"{c}_min_threshold", 0)):
                yield f"WRED_PROFILE|{key}|{c}_max_threshold", "less than the least"


def check_map(config, table, rows):
    of_key, of_value = MAPS[table]
    for name, row in rows.items():
        if not re.fullmatch(NAME, name):
            yield f"{table}|{name}", "is no name"
        for key, value in row.items():
            for why in (of_key(key, config), of_value(value, config)):
                if why:
                    yield f"{table}|{name}|{key}", why


def check_rows(config, table, rows):
    parts, fields, needed = ROWS[table]
    for name, row in rows.items():
        words = name.split("|")
        if len(words) != len(parts):
            yield f"{table}|{name}", f"{len(words)} parts of the key, {len(parts)} needed"
        for word, rule in zip(words, parts):
            why = rule(word, config)
            if why:
                yield f"{table}|{name}", why
        for field in needed:
            if field not in row and f"{table}|{field}" not in ON_SWITCH:
                yield f"{table}|{name}|{field}", "must be there"
        for field, value in row.items():
            why = fields[field](value, config) if field in fields else "no such field"
            if why:
                yield f"{table}|{name}|{field}", why


def check(config):
    for table, rows in config.items():
        if table in MAPS:
            yield from check_map(config, table, rows)
        elif table in ROWS:
            yield from check_rows(config, table, rows)
        else:
            yield table, "no such table"
    yield from must(config)


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="ascii") as file:
            config = json.load(file)
        for where, why in check(config):
            print(f"{path}: {where}: {why}")


if __name__ == "__main__":
    main()

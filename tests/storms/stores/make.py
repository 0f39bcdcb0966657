#!/usr/bin/env python3
"""Writes vN.sql: a small store as the program of schema version N left it, for the upgrade tests. Rows that are the same
in all versions lie in rows.sql, which is read at the line "-- rows.sql".

  make.py STORE.db FIRST LAST     rows come from STORE.db (made by a run of the command at its sandbox), cut down to the
                                  columns that version N had; the tables come from the frozen steps 1 to N.
                                  vault_key.txt is the vault.key that lay beside STORE.db: its secrets are a sandbox's.

A released fixture is never made again: when a step n is added, only `make.py STORE.db n n` is run.
"""
import pathlib, re, sqlite3, sys

store, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
here = pathlib.Path(__file__).resolve().parent
source = here.parents[2] / "src-tauri/crates/console/src/store"
rust = (source / "merchants.rs").read_text()
merchants = re.search(r'SCHEMA_1: &str = "(.*?)";', rust, re.S).group(1)
rows = sqlite3.connect(f"file:{store}?mode=ro", uri=True)

def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"

def kept(statement):
    return "\n".join(line for line in statement.split("\n") if not line.strip().startswith("--"))

def made_by(version):
    made = sqlite3.connect(":memory:")
    for step in range(1, version + 1):
        made.executescript((source / f"schema_{step}.sql").read_text())
        if step == 1:
            made.executescript(merchants)
    return made

def columns_of(connection, table):
    return [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]

oldest, common = made_by(1), []

for version in range(first, last + 1):
    made = made_by(version)
    objects = made.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    virtual = [name for _, name, sql in objects if sql.startswith("CREATE VIRTUAL")]
    shadow = lambda name: any(name.startswith(f"{it}_") for it in virtual)
    text = [f"-- A store of schema version {version}; made by make.py, never edited.", "PRAGMA foreign_keys = OFF;"]
    text += [kept(sql) + ";" for kind, name, sql in objects if kind == "table" and not shadow(name)]
    text += ["-- rows.sql"]
    for kind, name, sql in objects:
        # a sandbox's keys lie in files of the machine it ran on
        if kind != "table" or shadow(name) or name in virtual or name == "sandbox_signers":
            continue
        mine, there = columns_of(made, name), columns_of(rows, name)
        into = common if mine == columns_of(oldest, name) else text
        columns = ", ".join(column for column in mine if column in there)
        for row in rows.execute(f"SELECT {columns} FROM {name}"):
            # what rows.sql says of a table that has got more columns since is replaced
            into.append(f"INSERT OR REPLACE INTO {name} ({columns}) VALUES ({', '.join(map(literal, row))});")
    # the index of words has no content of its own; what is in it here is made up, that it is kept is what counts
    for (order,) in rows.execute("SELECT id FROM orders"):
        text.append(f"INSERT INTO order_words (rowid, words) VALUES ({order}, 'old{order}');")
    text += [kept(sql) + ";" for kind, _, sql in objects if kind in ("index", "trigger")]
    text += ["PRAGMA application_id = 1196771668;", f"PRAGMA user_version = {version};", ""]
    if version == 1:
        # of a later version only its own rows are written: rows.sql is as frozen as the rest
        (here / "rows.sql").write_text("\n".join(["-- Rows of every version; made by make.py, never edited."] + common + [""]))
    (here / f"v{version}.sql").write_text("\n".join(text))

"""An SQLite file from anywhere, before it is asked for anything: plain tables, sound pages, nothing that runs.

What sqlite.org advises for files that are not trusted. A file may be sealed and signed and still be made to run for
ever: pages that point to each other, columns that are computed, views in the place of tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from uavloc.errors import CacheError, one_line

MAX_OBJECTS = 100
DAMAGES = (sqlite3.Error, UnicodeDecodeError)
"""What reading a damaged file may raise: the message of an error may itself be no text."""
_PLAIN = ("CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ")
"""How SQLite itself begins what it keeps; a virtual table, and whatever was put there by hand, begins otherwise."""


def check_database(
    db: sqlite3.Connection, path: Path, columns: Mapping[str, tuple[str, ...]], optional: Collection[str] = ()
) -> None:
    """Raise CacheError unless a database has these tables with these columns, nothing that runs, and sound pages.

    `columns` are those of each table, in order; `optional` tables may be missing, unknown ones may be there. Where
    the file is damaged, `DAMAGES` come through.
    """
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "ignore_check_constraints = ON", "mmap_size = 0"):
        db.execute(f"PRAGMA {pragma}")
    tables = _plain_tables(db, path)
    for table in sorted(columns):
        if table not in tables and table not in optional:
            raise CacheError(f"{path}: table {table}: missing; not a tile cache of uavloc")
    for table in tables:
        _check_columns(db, path, table, columns.get(table))
    found = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != ("ok",):
        raise CacheError(f"{path}: damaged database: {one_line(Exception(*found or ()))}")


def columns_of(schema: str) -> dict[str, tuple[str, ...]]:
    """The tables that a script makes, each with its columns."""
    db = sqlite3.connect(":memory:")
    db.executescript(schema)
    names = [str(name) for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {name: tuple(str(row[1]) for row in _columns(db, name)) for name in names}
    db.close()
    return columns


def _plain_tables(db: sqlite3.Connection, path: Path) -> list[str]:
    """The tables of a database; raises CacheError for triggers, views, virtual tables, or too many of anything."""
    query = "SELECT type, substr(name, 1, 200), substr(sql, 1, 30) FROM sqlite_master LIMIT ?"
    objects = db.execute(query, (MAX_OBJECTS + 1,)).fetchall()
    if len(objects) > MAX_OBJECTS:
        raise CacheError(f"{path}: more than {MAX_OBJECTS} tables and indices; not a tile cache of uavloc")
    for kind, name, sql in objects:
        automatic = sql is None and kind == "index"
        if kind not in ("table", "index") or not (automatic or str(sql).startswith(_PLAIN)):
            raise CacheError(f"{path}: {kind} {name}: a tile cache has plain tables only")
    return [str(name) for kind, name, _ in objects if kind == "table"]


def _check_columns(db: sqlite3.Connection, path: Path, table: str, wanted: tuple[str, ...] | None) -> None:
    """Raise CacheError for computed columns, and for others than `wanted` where that is told."""
    found = _columns(db, table)
    names = tuple(row[1] for row in found)
    if any(row[6] for row in found) or (wanted is not None and names != wanted):
        raise CacheError(f"{path}: table {table}: its columns are not those of a tile cache")


def _columns(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return db.execute("SELECT * FROM pragma_table_xinfo(?)", (table,)).fetchall()

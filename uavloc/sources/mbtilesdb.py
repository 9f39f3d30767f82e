"""The tables of an MBTiles file from anywhere: what is in it is read, and never executed.

Only plain tables with plain columns are asked, by their names: no view, no virtual table, no generated column. Files
without duplicates have `tiles` as a view over `map` and `images`; they are known by those tables. Rows here count from
the north; in the file they count from the south (TMS).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from uavloc.errors import InputError
from uavloc.frames import MAX_ZOOM
from uavloc.sources.picture import MAX_TILE_BYTES
from uavloc.sources.tilegrid import Places

MAX_TILES = 10_000_000
MAX_TEXT_BYTES = 10_000
"""Of a value of the metadata; longer ones are left out."""
_PLACE = {"zoom_level", "tile_column", "tile_row"}
_METADATA = {"name", "value"}
_IMAGES = {"tile_id", "tile_data"}
_LAST = f"((1 << {MAX_ZOOM}) - 1 >> ({MAX_ZOOM} - zoom_level))"
_WRONG_PLACE = (
    "typeof(zoom_level) || typeof(tile_column) || typeof(tile_row) <> 'integerintegerinteger' "
    f"OR zoom_level NOT BETWEEN 0 AND {MAX_ZOOM} "
    f"OR tile_column NOT BETWEEN 0 AND {_LAST} OR tile_row NOT BETWEEN 0 AND {_LAST}"
)
_STEPS_BETWEEN_CHECKS = 1_000_000
MAX_CHECKS = 10_000
"""Together more than any query on a sound file takes; on a file whose pages lead in circles it ends."""


class MbTilesDb:
    """Read access to the tiles and metadata of a file; raises InputError for what is not one, or is damaged."""

    def __init__(self, path: Path, max_checks: int = MAX_CHECKS) -> None:
        self._path = path
        self._max_checks = max_checks
        self._checks = 0
        self.connection = self._connect()
        self._kinds = {str(name): str(kind) for name, kind in self._rows("SELECT name, type FROM sqlite_master")}
        shared = self._kinds.get("tiles") != "table"
        self._places, self._tiles = ("map", "map JOIN images USING (tile_id)") if shared else ("tiles", "tiles")
        if shared:
            self._require("map", _PLACE | {"tile_id"})
            self._require("images", _IMAGES)
        else:
            self._require("tiles", _PLACE | {"tile_data"})

    def has_table(self, name: str) -> bool:
        """Whether there is a table of this name."""
        return self._kinds.get(name) == "table"

    def metadata(self) -> dict[str, str]:
        """Names and values, as far as they are text of a bearable length."""
        if not self.has_table("metadata"):
            return {}
        self._require("metadata", _METADATA)
        short = f"typeof(name) || typeof(value) = 'texttext' AND length(name) + length(value) <= {MAX_TEXT_BYTES}"
        return dict(self._rows(f"SELECT name, value FROM metadata WHERE {short} LIMIT 1000"))  # noqa: S608

    def places(self) -> dict[int, Places]:
        """Column and row of all tiles of every zoom; raises InputError for absurd or too many places."""
        wrong = self._rows(f"SELECT zoom_level, tile_column, tile_row FROM {self._places} WHERE {_WRONG_PLACE} LIMIT 1")  # noqa: S608
        if wrong:
            told = ", ".join(repr(value)[:40] for value in wrong[0])
            raise InputError(
                f"{self._path}: {self._places}: ({told}) is no zoom, column, row: zooms are 0 to {MAX_ZOOM}, columns "
                f"and rows 0 to 2^zoom - 1"
            )
        counts = dict(self._rows(f"SELECT zoom_level, count(*) FROM {self._places} GROUP BY zoom_level"))  # noqa: S608
        if not counts:
            raise InputError(f"{self._path}: holds no tile")
        if sum(counts.values()) > MAX_TILES:
            raise InputError(f"{self._path}: more than {MAX_TILES} tiles: cut it in parts, or make it a COG")
        return {zoom: self._places_of(zoom, count) for zoom, count in counts.items()}

    def tile(self, zoom: int, column: int, row: int) -> bytes | None:
        """The bytes of a tile, None where there is none; raises InputError unless it is a blob of a bounded size."""
        found = self._rows(
            f"SELECT CASE WHEN typeof(tile_data) = 'blob' AND length(tile_data) <= {MAX_TILE_BYTES} THEN tile_data END "  # noqa: S608
            f"FROM {self._tiles} WHERE zoom_level = ? AND tile_column = ? AND tile_row = ? LIMIT 1",
            zoom, column, (1 << zoom) - 1 - row,
        )  # fmt: skip
        if not found:
            return None
        if found[0][0] is None:
            raise InputError(
                f"{self._path}: tile {zoom}/{column}/{row}: not a picture of at most {MAX_TILE_BYTES >> 20} MiB"
            )
        return bytes(found[0][0])

    def _places_of(self, zoom: int, count: int) -> Places:
        query = f"SELECT tile_column, tile_row FROM {self._places} WHERE zoom_level = {zoom}"  # noqa: S608
        flat = (value for row in self._cursor(query) for value in row)
        places = np.fromiter(flat, np.int64, 2 * count).reshape(count, 2)
        places[:, 1] = (1 << zoom) - 1 - places[:, 1]
        return places

    def _connect(self) -> sqlite3.Connection:
        log = Path(f"{self._path}-wal")
        if log.is_file() and log.stat().st_size:
            raise InputError(f"{self._path}: {log.name} holds changes not yet in it: close the program that writes it")
        uri = f"file:{quote(str(self._path.absolute()))}?mode=ro&immutable=1"
        try:
            connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
            connection.execute("PRAGMA trusted_schema = OFF")
        except sqlite3.Error as error:
            raise InputError(f"{self._path}: not a readable MBTiles file: {error}") from error
        connection.set_progress_handler(self._too_long, _STEPS_BETWEEN_CHECKS)
        return connection

    def _too_long(self) -> bool:
        self._checks += 1
        return self._checks > self._max_checks

    def _require(self, table: str, columns: set[str]) -> None:
        """Raise InputError unless there is a plain table with these plain columns."""
        told = self._rows("SELECT sql FROM sqlite_master WHERE name = ? AND type = 'table'", table)
        if not told:
            raise InputError(f"{self._path}: table {table}: missing; not an MBTiles file")
        if "virtual" in str(told[0][0]).lower().split()[:2]:
            raise InputError(f"{self._path}: table {table}: is a virtual table, which is not read")
        plain = {str(name) for _, name, _, _, _, _, hidden in self._rows(f"PRAGMA table_xinfo({table})") if not hidden}
        missing = sorted(columns - plain)
        if missing:
            raise InputError(f"{self._path}: table {table}: {missing[0]}: missing, or not a plain column")

    def _rows(self, query: str, *values: object) -> list[Any]:
        return list(self._cursor(query, *values))

    def _cursor(self, query: str, *values: object) -> Any:
        """Rows one by one; raises InputError."""
        self._checks = 0
        try:
            yield from self.connection.execute(query, values)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise InputError(f"{self._path}: not a readable MBTiles file: {error}") from error

"""The tile cache as a file, format version 4: tables, blobs, hashes and the seal (docs/cache-format.md)."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import stat
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from uavloc.cache.sqlcheck import DAMAGES, check_database, columns_of
from uavloc.errors import CacheError
from uavloc.formats import CACHE_FORMAT, CACHE_FORMATS_READ
from uavloc.frames import MAX_ZOOM, TILE_PX
from uavloc.types import MapImage, VerticalDatum
from uavloc.validation import refusal

FORMAT_VERSION: Literal[4] = CACHE_FORMAT
_FOUR_BITS_SINCE = 4
MBTILES_APPLICATION_ID = 0x4D504258
MAX_IMAGE_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 1 << 20
MAX_REGION_BYTES = 1 << 26
MAX_CHANNELS = 1024
MAX_DIM = 1 << 14
MAX_WINDOW_PX = 1 << 12
TERRAIN_SIDE = 64
"""Samples of terrain along a side of a tile."""
TERRAIN_BYTES = 2 * TERRAIN_SIDE**2
WEBP_QUALITY = 90
SEAL_MARKER = b"\xffuavloc-seal\xff"
SEAL_DIGITS = 64
OPEN_SEAL = b"0" * SEAL_DIGITS
_CHUNK_BYTES = 1 << 22

SCHEMA = """
CREATE TABLE IF NOT EXISTS metadata (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);
CREATE UNIQUE INDEX IF NOT EXISTS tile_index ON tiles (zoom_level, tile_column, tile_row);
CREATE TABLE IF NOT EXISTS uavloc_embeddings (
  zoom INTEGER, "column" INTEGER, "row" INTEGER, data BLOB NOT NULL, mask BLOB, PRIMARY KEY (zoom, "column", "row"));
CREATE TABLE IF NOT EXISTS uavloc_regions (
  zoom INTEGER, "column" INTEGER, "row" INTEGER, places BLOB NOT NULL, vectors BLOB NOT NULL,
  PRIMARY KEY (zoom, "column", "row"));
CREATE TABLE IF NOT EXISTS uavloc_similarity (
  zoom INTEGER, "column" INTEGER, "row" INTEGER, data BLOB NOT NULL, PRIMARY KEY (zoom, "column", "row"));
CREATE TABLE IF NOT EXISTS uavloc_terrain (
  zoom INTEGER, "column" INTEGER, "row" INTEGER, data BLOB NOT NULL, PRIMARY KEY (zoom, "column", "row"));
CREATE TABLE IF NOT EXISTS uavloc_hashes (
  kind TEXT, zoom INTEGER, "column" INTEGER, "row" INTEGER, sha256 TEXT NOT NULL,
  PRIMARY KEY (kind, zoom, "column", "row"));
CREATE TABLE IF NOT EXISTS uavloc_recipe (recipe TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uavloc_manifest (json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS uavloc_seal (seal BLOB NOT NULL);
"""
_COLUMNS = columns_of(SCHEMA)
_SINCE = {"uavloc_similarity": 2, "uavloc_terrain": 3}
"""Tables that caches of earlier versions do not have."""
_NEWER_TABLES = frozenset({"uavloc_regions", *_SINCE})
"""Tables that older builds did not make: the first may be missing without an index."""
_TILE_NAMES = {"tiles": ("zoom_level", "tile_column", "tile_row")}
"""What the tables of MBTiles call zoom, column and row."""
_SIMILARITY = struct.Struct("<Hii")
_SIMILARITY_ONE = 1000

Kind: TypeAlias = Literal["embedding", "image", "region", "similarity", "terrain"]
TileId: TypeAlias = tuple[int, int, int]
"""(zoom, column, row), rows counted from the north (XYZ)."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SourceRecord(_Record):
    """Where imagery in the cache came from."""

    name: str
    date: str
    licence: str
    digest: str
    gsd_m: float = Field(gt=0)


class IndexFacts(_Record):
    """The index behind the database: `dim` is the length of a vector, `windows` how many there are per zoom."""

    kind: Literal["flat", "ivfpq"]
    dim: int = Field(ge=1, le=MAX_DIM)
    window_px: int = Field(ge=1, le=MAX_WINDOW_PX)
    windows: dict[int, int] = Field(min_length=1)
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class TerrainRecord(_Record):
    """Where heights of the ground came from; `vertical_crs` is the datum as the file says it."""

    name: str
    licence: str
    digest: str
    resolution_m: float = Field(gt=0)
    vertical_crs: str


class TerrainFacts(_Record):
    """The terrain of a cache: zoom of its tiles, what its heights count from, and how far off they are (1 sigma)."""

    zoom: int = Field(ge=0, le=MAX_ZOOM)
    datum: VerticalDatum
    std_m: float = Field(gt=0)
    sources: tuple[TerrainRecord, ...] = Field(min_length=1)


class Manifest(_Record):
    """What a cache says about itself."""

    format_version: Literal[1, 2, 3, 4] = FORMAT_VERSION
    engine: str
    engine_identity: str
    stride: int = Field(ge=1, le=TILE_PX)
    channels: int = Field(ge=0, le=MAX_CHANNELS)
    levels: tuple[int, ...] = Field(min_length=1)
    base_zoom: int = Field(ge=0, le=MAX_ZOOM)
    min_zoom: int = Field(ge=0, le=MAX_ZOOM)
    gsd_m: float = Field(gt=0)
    region_bounds_deg: tuple[float, float, float, float]
    sources: tuple[SourceRecord, ...]
    created: str
    content_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    index: IndexFacts | None = None
    terrain: TerrainFacts | None = None

    @property
    def cell_bits(self) -> int:
        """Bits of a stored number of a descriptor."""
        return 4 if self.format_version >= _FOUR_BITS_SINCE else 8

    @model_validator(mode="after")
    def _fits(self) -> Manifest:
        if TILE_PX % self.stride:
            raise ValueError(f"stride {self.stride} does not divide {TILE_PX}")
        if list(self.levels) != sorted(set(self.levels), reverse=True):
            raise ValueError("levels are not in falling order")
        if not self.min_zoom <= self.levels[-1] <= self.levels[0] <= self.base_zoom:
            raise ValueError("levels are not between min_zoom and base_zoom")
        west, south, east, north = self.region_bounds_deg
        if not (-360.0 <= west < east <= 360.0 and -90.0 <= south < north <= 90.0):
            raise ValueError("region_bounds_deg: not W, S, E, N in degrees")
        if self.index is not None and not set(self.index.windows) <= set(self.levels):
            raise ValueError("index.windows: has zooms that are not among the levels")
        if self.terrain is not None and self.format_version < _SINCE["uavloc_terrain"]:
            raise ValueError(f"terrain: format version {self.format_version} has none")
        return self


@dataclass(frozen=True, slots=True)
class SelfSimilarity:
    """How much a tile looks like another place near it: 0 like none, 1 exactly; and where that is (north, east)."""

    score: float
    alias_ne_m: tuple[float, float]


def encode_image(image: MapImage) -> bytes:
    """WebP of a 256 x 256 tile, the mask as alpha; what is masked out is black."""
    rgba = np.dstack([image.rgb[:, :, ::-1], image.mask * np.uint8(255)])
    rgba[~image.mask] = 0
    done, blob = cv2.imencode(".webp", rgba, [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY])
    if not done:
        raise CacheError("OpenCV cannot write WebP: install a build of it that can")
    return blob.tobytes()


def decode_image(blob: bytes, where: str) -> MapImage:
    """Inverse of `encode_image`, up to the loss of WebP; raises CacheError naming `where`."""
    if webp_size(blob) != (TILE_PX, TILE_PX):
        raise CacheError(f"{where}: not a WebP of {TILE_PX} x {TILE_PX} pixels")
    try:
        decoded = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.ndim != 3 or decoded.shape[:2] != (TILE_PX, TILE_PX):
        raise CacheError(f"{where}: the WebP cannot be decoded")
    if decoded.shape[2] == 3:
        return MapImage(np.ascontiguousarray(decoded[:, :, ::-1]), np.ones((TILE_PX, TILE_PX), np.bool_))
    mask = decoded[:, :, 3] >= 128
    return MapImage(np.asarray(decoded[:, :, 2::-1] * mask[:, :, None], np.uint8), mask)


def webp_size(blob: bytes) -> tuple[int, int] | None:
    """(width, height) from the first chunk of a WebP: lossy, lossless or extended; None where it is none."""
    if len(blob) < 30 or blob[:4] != b"RIFF" or blob[8:12] != b"WEBP":
        return None
    if blob[12:16] == b"VP8 ":
        width, height = struct.unpack_from("<HH", blob, 26)
        return width & 0x3FFF, height & 0x3FFF
    if blob[12:16] == b"VP8L":
        bits = struct.unpack_from("<I", blob, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if blob[12:16] == b"VP8X":
        return int.from_bytes(blob[24:27], "little") + 1, int.from_bytes(blob[27:30], "little") + 1
    return None


def encode_similarity(similarity: SelfSimilarity) -> bytes:
    """Score in thousandths, alias in decimetres: coarse enough to come out alike on other machines."""
    north, east = (round(10.0 * metres) for metres in similarity.alias_ne_m)
    return _SIMILARITY.pack(round(_SIMILARITY_ONE * similarity.score), north, east)


def decode_similarity(data: bytes, where: str) -> SelfSimilarity:
    """Inverse of `encode_similarity`; raises CacheError naming `where`."""
    if len(data) != _SIMILARITY.size:
        raise CacheError(f"{where}: is not {_SIMILARITY.size} bytes")
    score, north, east = _SIMILARITY.unpack(data)
    if score > _SIMILARITY_ONE:
        raise CacheError(f"{where}: score: {score} thousandths, above one")
    return SelfSimilarity(score / _SIMILARITY_ONE, (north / 10.0, east / 10.0))


def put_image(db: sqlite3.Connection, tile: TileId, blob: bytes) -> None:
    """Store a tile's picture and its hash."""
    zoom, column, row = tile
    db.execute("INSERT INTO tiles VALUES (?, ?, ?, ?)", (zoom, column, _flipped(zoom, row), blob))
    _put_hash(db, "image", tile, blob)


def put_cells(db: sqlite3.Connection, tile: TileId, data: bytes, mask: bytes | None = None) -> None:
    """Store a tile's descriptors and their hash."""
    db.execute("INSERT INTO uavloc_embeddings VALUES (?, ?, ?, ?, ?)", (*tile, data, mask))
    _put_hash(db, "embedding", tile, data + (mask or b""))


def put_regions(db: sqlite3.Connection, tile: TileId, places: bytes, vectors: bytes) -> None:
    """Store the windows whose middle lies in a tile, and their hash."""
    db.execute("INSERT INTO uavloc_regions VALUES (?, ?, ?, ?, ?)", (*tile, places, vectors))
    _put_hash(db, "region", tile, places + vectors)


def put_similarity(db: sqlite3.Connection, tile: TileId, data: bytes) -> None:
    """Store how much a tile looks like another place, and the hash of that."""
    db.execute("INSERT INTO uavloc_similarity VALUES (?, ?, ?, ?)", (*tile, data))
    _put_hash(db, "similarity", tile, data)


def put_terrain(db: sqlite3.Connection, tile: TileId, data: bytes) -> None:
    """Store the heights of the ground of a tile, and their hash."""
    db.execute("INSERT INTO uavloc_terrain VALUES (?, ?, ?, ?)", (*tile, data))
    _put_hash(db, "terrain", tile, data)


def _put_hash(db: sqlite3.Connection, kind: Kind, tile: TileId, content: bytes) -> None:
    db.execute("INSERT INTO uavloc_hashes VALUES (?, ?, ?, ?, ?)", (kind, *tile, hashlib.sha256(content).hexdigest()))


def get_image(db: sqlite3.Connection, tile: TileId) -> bytes | None:
    """The stored picture of a tile, empty where it is too large to be one, None where there is none."""
    zoom, column, row = tile
    found = db.execute(
        "SELECT CASE WHEN typeof(tile_data) = 'blob' AND length(tile_data) <= ? THEN tile_data ELSE x'' END FROM tiles "
        "WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?",
        (MAX_IMAGE_BYTES, zoom, column, _flipped(zoom, row)),
    ).fetchone()
    return None if found is None else bytes(found[0])


def get_cells(db: sqlite3.Connection, tile: TileId, max_bytes: int) -> tuple[bytes, bytes | None] | None:
    """The stored descriptors and mask of a tile, empty where larger than `max_bytes`, None where there are none."""
    found = db.execute(
        "SELECT CASE WHEN typeof(data) = 'blob' AND length(data) <= ?1 THEN data ELSE x'' END, "
        "CASE WHEN mask IS NULL OR (typeof(mask) = 'blob' AND length(mask) <= ?1) THEN mask ELSE x'' END "
        'FROM uavloc_embeddings WHERE zoom = ?2 AND "column" = ?3 AND "row" = ?4',
        (max_bytes, *tile),
    ).fetchone()
    return None if found is None else (bytes(found[0]), None if found[1] is None else bytes(found[1]))


def get_regions(db: sqlite3.Connection, tile: TileId) -> tuple[bytes, bytes] | None:
    """The stored windows and vectors of a tile, empty where too large to be that, None where there are none."""
    found = db.execute(
        f"SELECT {_bounded('places')}, {_bounded('vectors')} FROM uavloc_regions "  # noqa: S608
        'WHERE zoom = ? AND "column" = ? AND "row" = ?',
        tile,
    ).fetchone()
    return None if found is None else (bytes(found[0]), bytes(found[1]))


def get_similarity(db: sqlite3.Connection, tile: TileId) -> bytes | None:
    """The stored self-similarity of a tile, empty where too large to be that, None where there is none."""
    return _get_data(db, "uavloc_similarity", tile, _SIMILARITY.size)


def get_terrain(db: sqlite3.Connection, tile: TileId) -> bytes | None:
    """The stored heights of a tile, empty where too large to be that, None where there are none."""
    return _get_data(db, "uavloc_terrain", tile, TERRAIN_BYTES)


def _get_data(
    db: sqlite3.Connection, table: Literal["uavloc_similarity", "uavloc_terrain"], tile: TileId, most: int
) -> bytes | None:
    query = f'SELECT {_bounded("data", most)} FROM {table} WHERE zoom = ? AND "column" = ? AND "row" = ?'  # noqa: S608
    found = db.execute(query, tile).fetchone()
    return None if found is None else bytes(found[0])


def all_regions(db: sqlite3.Connection, name: Literal["places", "vectors"]) -> Iterator[tuple[TileId, bytes]]:
    """The windows, or the vectors, of every tile in the order of the index, empty where too large to be that."""
    query = (
        f'SELECT zoom, "column", "row", {_bounded(name)} FROM uavloc_regions '  # noqa: S608
        f"WHERE typeof(zoom) = 'integer' AND zoom BETWEEN 0 AND {MAX_ZOOM} "
        'ORDER BY zoom, "column", "row"'
    )
    for zoom, column, row, blob in db.execute(query):
        yield (zoom, column, row), bytes(blob)


def _bounded(name: str, most: int = MAX_REGION_BYTES) -> str:
    return f"CASE WHEN typeof({name}) = 'blob' AND length({name}) <= {most} THEN {name} ELSE x'' END"


def has_tile(db: sqlite3.Connection, kind: Kind, tile: TileId) -> bool:
    """Whether a tile is stored."""
    return tile_hash(db, kind, tile) is not None


def tile_hash(db: sqlite3.Connection, kind: Kind, tile: TileId) -> str | None:
    """What the cache says is the hash of a tile; None where it is not stored."""
    query = 'SELECT sha256 FROM uavloc_hashes WHERE kind = ? AND zoom = ? AND "column" = ? AND "row" = ?'
    found = db.execute(query, (kind, *tile)).fetchone()
    return None if found is None else str(found[0])


def hashes_in(
    db: sqlite3.Connection, kind: Kind, zoom: int, columns: tuple[int, int], rows: tuple[int, int]
) -> list[tuple[int, int, str]]:
    """(column, row, hash) of the tiles in a box; both ends of a range are inside."""
    query = (
        'SELECT "column", "row", sha256 FROM uavloc_hashes '
        'WHERE kind = ? AND zoom = ? AND "column" = ? AND "row" BETWEEN ? AND ? ORDER BY "row"'
    )
    columns_in = range(columns[0], columns[1] + 1)
    return [found for column in columns_in for found in db.execute(query, (kind, zoom, column, *rows))]


def span(db: sqlite3.Connection, kind: Kind, zoom: int) -> tuple[int, int, int, int] | None:
    """First column, first row, last column, last row of the tiles of a zoom; None where it has none."""
    query = 'SELECT min("column"), min("row"), max("column"), max("row") FROM uavloc_hashes WHERE kind = ? AND zoom = ?'
    left, top, right, bottom = db.execute(query, (kind, zoom)).fetchone()
    return None if left is None else (left, top, right, bottom)


def _flipped(zoom: int, row: int) -> int:
    """Row counted from the other end: MBTiles counts from the south."""
    return (1 << zoom) - 1 - row


def content_digest(db: sqlite3.Connection) -> str:
    """SHA-256 over the sorted list of tile hashes: equal for equal content, whenever it was built."""
    digest = hashlib.sha256()
    for line in db.execute('SELECT * FROM uavloc_hashes ORDER BY kind, zoom, "column", "row"'):
        digest.update((" ".join(map(str, line)) + "\n").encode())
    return digest.hexdigest()


def damaged_tile(db: sqlite3.Connection) -> str | None:
    """Name of the first tile whose bytes are not those of its hash; None where all are."""
    rows = db.execute(
        "SELECT * FROM uavloc_hashes WHERE typeof(zoom) = 'integer' AND zoom BETWEEN 0 AND ? "
        'AND typeof("row") = \'integer\' AND "row" >> zoom = 0',
        (MAX_ZOOM,),
    )
    for kind, zoom, column, row, told in rows:
        if hashlib.sha256(_content(db, kind, (zoom, column, row))).hexdigest() != told:
            return f"{kind} {zoom}/{column}/{row}"
    return None


def _content(db: sqlite3.Connection, kind: str, tile: TileId) -> bytes:
    """The bytes a hash is taken over; empty where the tile is missing."""
    if kind == "image":
        return get_image(db, tile) or b""
    if kind == "region":
        return b"".join(get_regions(db, tile) or ())
    if kind == "similarity":
        return get_similarity(db, tile) or b""
    if kind == "terrain":
        return get_terrain(db, tile) or b""
    data, mask = get_cells(db, tile, TILE_PX * TILE_PX * MAX_CHANNELS) or (b"", None)
    return data + (mask or b"")


def load_manifest(db: sqlite3.Connection, path: Path) -> Manifest:
    """The manifest; raises CacheError for another format version or contradicting content."""
    query = "SELECT CASE WHEN length(json) <= ? THEN json END FROM uavloc_manifest LIMIT 2"
    rows = db.execute(query, (MAX_MANIFEST_BYTES,)).fetchall()
    if len(rows) != 1 or not isinstance(rows[0][0], str):
        raise CacheError(f"{path}: manifest: missing; the cache is not finished or not a cache of uavloc")
    version = re.search(r'"format_version": ?(\d{1,9})\b', rows[0][0])
    if version is None or int(version[1]) not in CACHE_FORMATS_READ:
        told, readable = version[1] if version else "none", ", ".join(map(str, CACHE_FORMATS_READ))
        raise CacheError(f"{path}: format_version: {told}; this program reads {readable}: rebuild the cache")
    try:
        manifest = Manifest.model_validate_json(rows[0][0])
    except ValidationError as error:
        raise CacheError(f"{path}: manifest.{refusal(error, Manifest)}") from error
    for table, since in _SINCE.items():
        if manifest.format_version >= since and not _has_table(db, table):
            raise CacheError(f"{path}: table {table}: missing; not a whole tile cache of uavloc")
    return manifest


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ? AND type = 'table'", (name,)).fetchone() is not None


def open_readonly(path: Path) -> sqlite3.Connection:
    """Connection to a finished cache; raises CacheError unless it is sound and has the tables of the format."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    try:
        with open_bytes(path):
            db = sqlite3.connect(uri, uri=True, check_same_thread=False)
    except sqlite3.Error as error:
        raise CacheError(f"{path}: not a tile cache: {error}") from error
    try:
        check_database(db, path, _COLUMNS, _NEWER_TABLES)
    except DAMAGES as error:
        db.close()
        raise CacheError(f"{path}: not a tile cache: {error}") from error
    except CacheError:
        db.close()
        raise
    return db


def database_bytes(db: sqlite3.Connection) -> int:
    """Where the database ends in its file: behind it lies the index."""
    pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages) * int(size)


def check_tile_names(db: sqlite3.Connection, path: Path) -> None:
    """Raise CacheError where a row belongs to a tile that cannot be: of an absurd zoom, off the map, not a number."""
    for table, columns in _COLUMNS.items():
        zoom, column, row = _TILE_NAMES.get(table, ("zoom", "column", "row"))
        if zoom not in columns or not _has_table(db, table):
            continue
        wrong = db.execute(
            f"SELECT 1 FROM {table} WHERE NOT (typeof({zoom}) = 'integer' AND {zoom} BETWEEN 0 AND {MAX_ZOOM} AND "  # noqa: S608
            f"""typeof("{column}") = 'integer' AND "{column}" >> {zoom} = 0 AND """
            f"""typeof("{row}") = 'integer' AND "{row}" >> {zoom} = 0) LIMIT 1"""
        )
        if wrong.fetchone() is not None:
            raise CacheError(f"{path}: {table}: has a tile that cannot be: its zoom, column or row is off the map")


def seal(path: Path) -> None:
    """Write the SHA-256 of the file (with the seal's digits as zeros) into its seal, and sync it to disk."""
    with path.open("r+b") as file:
        at = find_last(file.fileno(), SEAL_MARKER, SEAL_DIGITS)
        if at is None:
            raise CacheError(f"{path}: has no seal to fill in")
        os.pwrite(file.fileno(), digest_with(file.fileno(), {at: OPEN_SEAL}), at)
        os.fsync(file.fileno())


def has_seal(path: Path) -> bool:
    """Whether a file was once finished as a cache, sound or not. Raises CacheError where it cannot be read."""
    with open_bytes(path) as file:
        return find_last(file, SEAL_MARKER, SEAL_DIGITS) is not None


def check_seal(path: Path) -> None:
    """Raise CacheError unless every byte of the file is as it was when it was sealed."""
    with open_bytes(path) as file:
        at = find_last(file, SEAL_MARKER, SEAL_DIGITS)
        whole = at is not None and os.pread(file, SEAL_DIGITS, at) == digest_with(file, {at: OPEN_SEAL})
    if at is None:
        raise CacheError(
            f"{path}: has no seal: not a finished cache of uavloc, or cut off (build takes a plain MBTiles as --source)"
        )
    if not whole:
        raise CacheError(f"{path}: damaged: its content does not match its seal; copy or build it again")


def empty_seal() -> bytes:
    """What stands in the seal's place before the file is sealed."""
    return SEAL_MARKER + OPEN_SEAL


@contextmanager
def open_bytes(path: Path) -> Iterator[int]:
    """Descriptor of a file for reading; raises CacheError where it cannot be read or is no file (a pipe, a device)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise CacheError(f"{path}: cannot be read: {'Is a directory' if stat.S_ISDIR(mode) else 'not a file'}")
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise CacheError(f"{path}: cannot be read: {error.strerror}") from error


def find_last(descriptor: int, marker: bytes, length: int) -> int | None:
    """Offset of what follows the last marker of the file, None unless `length` bytes do."""
    size = os.fstat(descriptor).st_size
    overlap = len(marker) - 1
    end = size
    while end > 0:
        start = max(0, end - _CHUNK_BYTES)
        at = os.pread(descriptor, end - start + overlap, start).rfind(marker)
        if at >= 0:
            after = start + at + len(marker)
            return after if after + length <= size else None
        end = start
    return None


def digest_with(descriptor: int, instead: Mapping[int, bytes]) -> bytes:
    """Hex SHA-256 of the file with other bytes at some offsets."""
    digest = hashlib.sha256()
    start = 0
    for at, content in sorted(instead.items()):
        _feed(digest, descriptor, start, at)
        digest.update(content)
        start = at + len(content)
    _feed(digest, descriptor, start, os.fstat(descriptor).st_size)
    return digest.hexdigest().encode()


def _feed(digest: hashlib._Hash, descriptor: int, start: int, end: int) -> None:
    while start < end:
        chunk = os.pread(descriptor, min(_CHUNK_BYTES, end - start), start)
        if not chunk:
            break
        digest.update(chunk)
        start += len(chunk)

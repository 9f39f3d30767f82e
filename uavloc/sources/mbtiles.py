"""MBTiles: map tiles in one SQLite file, from QGIS, GDAL or a phone app; the caches of uavloc are such files too."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from uavloc.cache import cachefile
from uavloc.cache.cachefile import Manifest
from uavloc.errors import InputError
from uavloc.region import clip
from uavloc.sources.digest import file_digest
from uavloc.sources.mbtilesdb import MbTilesDb
from uavloc.sources.picture import decode_tile, tile_side
from uavloc.sources.tilegrid import Picture, TileGrid, TileMap, box_of, finest_that_covers
from uavloc.types import Bounds

MAX_PLACES = 20_000_000
"""Places of the box around the tiles."""
_FORMATS = ("", "jpg", "jpeg", "png", "webp", "image/jpeg", "image/png", "image/webp")


class MbTiles(TileMap):
    """The tiles of one zoom of a raster MBTiles file, the finest that covers what the coarser ones cover.

    Tables, places and, of a cache of uavloc, the seal are checked at construction, a picture when it is read. Raises
    InputError, CacheError for a damaged cache.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = MbTilesDb(path)
        self._metadata = self._db.metadata()
        if self._metadata.get("format", "").lower() not in _FORMATS:
            raise InputError(f"{path}: metadata: format: {self._metadata['format'][:40]!r} are not pictures")
        self._manifest = self._own_manifest()
        zooms = self._db.places()
        finest = None if self._manifest is None else self._manifest.base_zoom
        zoom = finest if finest in zooms else finest_that_covers(path, zooms)
        column, row = zooms[zoom][0].tolist()
        side = tile_side(f"{path}: tile {zoom}/{column}/{row}", self._db.tile(zoom, column, row) or b"")
        self._grid = TileGrid(zoom, side, *box_of(path, zooms[zoom], MAX_PLACES), self._picture)

    @property
    def bounds(self) -> Bounds:
        """The box around the tiles, whatever the metadata say; of a cache of uavloc, its region in that box."""
        box = self._grid.bounds
        return box if self._manifest is None else clip(Bounds(*self._manifest.region_bounds_deg), box) or box

    @property
    def date(self) -> str:
        """Of a cache of uavloc the oldest date of its sources; else empty: MBTiles do not tell."""
        sources = () if self._manifest is None else self._manifest.sources
        return min((source.date for source in sources if source.date), default="")

    @property
    def licence(self) -> str:
        """`license` and `attribution` of the metadata."""
        told = (self._metadata.get(key, "").strip() for key in ("license", "attribution"))
        return "; ".join(text for text in told if text)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return file_digest(self._path).hex()

    def _own_manifest(self) -> Manifest | None:
        """The manifest of a cache of uavloc whose seal holds; None for other files. Raises CacheError."""
        if not self._db.has_table("uavloc_manifest"):
            return None
        cachefile.check_seal(self._path)
        return cachefile.load_manifest(self._db.connection, self._path)

    def _picture(self, column: int, row: int) -> Picture | None:
        zoom = self._grid.tile_zoom
        blob = self._db.tile(zoom, column, row)
        where = f"{self._path}: tile {zoom}/{column}/{row}"
        return None if blob is None else decode_tile(where, blob, self._grid.tile_px)

"""The map of the live page: the tiles of the cache as they are stored, in the pixels that the page draws in."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from uavloc.cache import cachefile
from uavloc.cache.cachefile import Manifest
from uavloc.errors import CacheError
from uavloc.frames import TILE_PX, mean_gsd_m, world_px_from_geo
from uavloc.tiles import TileCache

_KINDS = ((b"\xff\xd8", "image/jpeg"), (b"\x89PNG", "image/png"), (b"RIFF", "image/webp"))


class Ground:
    """Reads tiles over a connection of its own; for one thread.

    Places are in pixels of the finest zoom of the first cache, counted from the corner of its region: they stay the
    same when the cache is changed in flight.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Raises CacheError where the cache cannot be read."""
        self._zoom = manifest.base_zoom
        west, _, _, north = manifest.region_bounds_deg
        self._left, self._top = (int(v) for v in world_px_from_geo(north, west, self._zoom))
        self._open(path, manifest)

    def follow(self, path: Path, manifest: Manifest) -> bool:
        """Go on with a cache, if it is another one than now; whether it is."""
        if manifest.content_digest == self._manifest.content_digest:
            return False
        before = self.cache
        self._open(path, manifest)
        before.close()
        return True

    def close(self) -> None:
        """Close the file."""
        self.cache.close()

    def pixel_from_geo(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Where a place is drawn."""
        x, y = world_px_from_geo(lat_deg, lon_deg, self._zoom)
        return x - self._left, y - self._top

    def facts(self) -> dict[str, Any]:
        """What the page needs to draw the map."""
        west, south, east, north = self._manifest.region_bounds_deg
        left, top = self.pixel_from_geo(north, west)
        right, bottom = self.pixel_from_geo(south, east)
        return {
            "key": self.key,
            "zoom": self._zoom,
            "origin": [self._left, self._top],
            "box": [round(v, 1) for v in (left, top, right, bottom)],
            "width": round(right - left, 1),
            "height": round(bottom - top, 1),
            "pxPerM": 1.0 / mean_gsd_m((south + north) / 2.0, self._zoom),
            "zooms": [self._manifest.min_zoom, self._manifest.base_zoom],
            "tilePx": TILE_PX,
        }

    @property
    def key(self) -> str:
        """Names the content of the cache."""
        return self._manifest.content_digest[:16]

    def tile(self, zoom: int, column: int, row: int) -> tuple[bytes, str] | None:
        """A stored picture and its kind; None where the cache has none. Raises sqlite3.Error."""
        if not (self._manifest.min_zoom <= zoom <= self._manifest.base_zoom):
            return None
        if not (0 <= column < 1 << zoom and 0 <= row < 1 << zoom):
            return None
        data = cachefile.get_image(self._db, (zoom, column, row)) or b""
        kind = next((kind for start, kind in _KINDS if data.startswith(start)), None)
        return None if kind is None else (data, kind)

    def _open(self, path: Path, manifest: Manifest) -> None:
        """The flight has verified the cache: only what was put in its place since then is another one."""
        db = cachefile.open_readonly(path)
        try:
            found = cachefile.load_manifest(db, path)
            if found.content_digest != manifest.content_digest:
                raise CacheError(f"{path}: was replaced since the flight opened it")
        except CacheError:
            db.close()
            raise
        except sqlite3.Error as error:
            db.close()
            raise CacheError(f"{path}: {error}") from error
        self._db, self._manifest, self.cache = db, manifest, TileCache(path, db, manifest)

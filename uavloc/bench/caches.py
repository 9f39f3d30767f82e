"""Caches of the maps that are measured on."""

from __future__ import annotations

from pathlib import Path

from uavloc.bench.sets import Map
from uavloc.build import build_cache
from uavloc.errors import BuildError
from uavloc.region import Region
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Shown


class Caches:
    """Caches of maps, built where they are not yet in the folder; their names tell what they were made from."""

    def __init__(self, folder: Path, shown: Shown) -> None:
        self._folder, self._shown = folder, shown

    def open(self, place: Map, encoder: Encoder) -> TileCache:
        """The cache of a map for an engine; raises UavlocError."""
        name = f"{place.name}-{place.source.digest[:12]}-{encoder.name}-{encoder.identity[:12]}.mbtiles"
        path = self._folder / name
        if not path.exists():
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                with self._shown(f"build {place.name} for {encoder.name}") as progress:
                    build_cache(Region(place.source.bounds), [place.source], encoder, path, progress)
            except OSError as error:
                raise BuildError(f"{path}: cannot write the cache: {error.strerror}") from error
        return TileCache.open(path, encoder)

"""Map sources: imagery with a georeference, one file per kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uavloc.errors import InputError
from uavloc.sources.corners import CornerImage
from uavloc.sources.geotiff import GeoTiff
from uavloc.sources.mbtiles import MbTiles
from uavloc.sources.web.address import is_address
from uavloc.sources.web.tiles import open_web
from uavloc.sources.xyz import XyzFolder, is_pattern
from uavloc.types import Bounds, MapSource

SOURCES: dict[str, Callable[[Path], MapSource]] = {
    "corners": CornerImage,
    "geotiff": GeoTiff,
    "mbtiles": MbTiles,
    "xyz": XyzFolder,
}
_MAGIC = {
    b"\xff\xd8\xff": "corners",
    b"\x89PNG\r\n\x1a\n": "corners",
    b"II*\0": "geotiff",
    b"MM\0*": "geotiff",
    b"II+\0": "geotiff",
    b"MM\0+": "geotiff",
    b"<VRTDataset": "geotiff",
    b"SQLite format 3\0": "mbtiles",
}
SUPPORTED = (
    "JPEG or PNG with a JSON of corners beside it, GeoTIFF (COG, BigTIFF), GDAL VRT, MBTiles, "
    "folder of tiles {z}/{x}/{y}.jpg or .png, address https://.../{z}/{x}/{y}.jpg, TOML that describes a server"
)


def open_source(place: str | Path, within: Bounds | None = None, *, fresh: bool = False) -> MapSource:
    """Open imagery: an address, or a folder or file recognised by its first bytes.

    `within` is the ground that will be read; a server that does not tell where it has imagery needs it. With `fresh` a
    server is asked anew for what was kept. Raises InputError, naming what is supported, FetchError.
    """
    path = Path(place)
    if is_address(str(place)) or path.suffix.lower() == ".toml":
        return open_web(str(place), within, fresh=fresh)
    return SOURCES[_kind(path)](path)


def _kind(path: Path) -> str:
    try:
        if path.is_dir() or is_pattern(path):
            return "xyz"
        with path.open("rb") as file:
            head = file.read(16)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot read the map source: {reason}") from error
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    hint = "; name the picture, not its JSON" if path.suffix.lower() == ".json" else ""
    raise InputError(f"{path}: not a map source (supported: {SUPPORTED}){hint}")

"""Map sources: imagery with a georeference, one file per kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from uavloc.errors import InputError
from uavloc.sources.corners import CornerImage
from uavloc.sources.geotiff import GeoTiff
from uavloc.types import MapSource

SOURCES: dict[str, Callable[[Path], MapSource]] = {"corners": CornerImage, "geotiff": GeoTiff}
_MAGIC = {
    b"\xff\xd8\xff": "corners",
    b"\x89PNG\r\n\x1a\n": "corners",
    b"II*\0": "geotiff",
    b"MM\0*": "geotiff",
    b"II+\0": "geotiff",
    b"MM\0+": "geotiff",
    b"<VRTDataset": "geotiff",
}
SUPPORTED = "JPEG or PNG with a JSON of corners beside it, GeoTIFF (COG, BigTIFF), GDAL VRT"


def open_source(path: str | Path) -> MapSource:
    """Open imagery, recognised by its first bytes; raises InputError naming what is supported."""
    path = Path(path)
    return SOURCES[_kind(path)](path)


def _kind(path: Path) -> str:
    try:
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

"""KMZ: a zip file of which one KML document is read; everything else in it stays packed."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from uavloc.errors import RegionError, one_line
from uavloc.region.drawn import Drawn, short
from uavloc.region.kml import drawn_of_kml
from uavloc.region.readfile import MAX_FILE_BYTES, read_bytes


def read_kmz(path: Path, where: str) -> Drawn:
    """What the document of a file draws; raises RegionError where it is no sound KMZ, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(read_bytes(path, where))) as archive:
            name = _document(archive, where)
            content = _unpacked(archive, name, f"{where}: {short(name)}")
    except zipfile.BadZipFile as error:
        raise RegionError(f"{where}: not a KMZ (zip) file: {one_line(error)}") from error
    except (RuntimeError, NotImplementedError, EOFError, ValueError, OSError, zlib.error) as error:
        raise RegionError(f"{where}: cannot be unpacked: {one_line(error)}") from error
    return drawn_of_kml(content, f"{where}: {short(name)}")


def _document(archive: zipfile.ZipFile, where: str) -> str:
    """`doc.kml`, or else the first KML file at the top, or else the first one."""
    names = [name for name in archive.namelist() if name.lower().endswith(".kml")]
    if not names:
        raise RegionError(f"{where}: holds no .kml file")
    return min(names, key=lambda name: (name.lower() != "doc.kml", "/" in name))


def _unpacked(archive: zipfile.ZipFile, name: str, where: str) -> bytes:
    """The document, unpacked no further than its limit, whatever the file says of its size."""
    if archive.getinfo(name).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RegionError(f"{where}: packed in a way that KMZ does not know")
    with archive.open(name) as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise RegionError(f"{where}: unpacks to more than {MAX_FILE_BYTES // 2**20} MiB; simplify it")
    return content

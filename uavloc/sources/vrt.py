"""What a GDAL VRT is made of, before GDAL opens it: a VRT can name files, servers and other VRTs."""

from __future__ import annotations

from pathlib import Path

from uavloc.errors import InputError
from uavloc.xmltree import parse_xml

MAX_BYTES = 16 << 20
MAX_NESTED = 4
_NAMED_IN = ("SourceFilename", "SourceDataset")


def check_vrt(path: Path, nested: int = 0) -> None:
    """Raise InputError unless everything a VRT names is a picture file on this machine, or such a VRT."""
    if nested > MAX_NESTED:
        raise InputError(f"{path}: a VRT in a VRT in a VRT, more than {MAX_NESTED} deep")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: larger than {MAX_BYTES >> 20} MiB: make a VRT of VRTs")
        root = parse_xml(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    for part in {_part(path, element.text or "", element.get("relativeToVRT")) for name in _NAMED_IN
                 for element in root.iter(name)}:  # fmt: skip
        _check_part(path, part, nested)


def _part(path: Path, text: str, relative: str | None) -> Path:
    return path.parent / text if relative == "1" else Path(text)


def _check_part(path: Path, part: Path, nested: int) -> None:
    try:
        if not part.is_file():
            raise InputError(f"{path}: names {str(part)[:200]!r}, which is not a file here")
        with part.open("rb") as file:
            head = file.read(16)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: names {str(part)[:200]!r}, which cannot be read: {error}") from error
    if head.startswith(b"<VRT"):
        check_vrt(part, nested + 1)
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{", b"[")):
        raise InputError(f"{path}: names {str(part)[:200]!r}, which is text and not a picture")

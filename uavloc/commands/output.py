"""The cache that a command writes: checked before the work, what ends the work in one line, what came of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uavloc.build import BuildReport
from uavloc.cachefile import has_seal
from uavloc.errors import BuildError, StoppedError, UsageError

_log = logging.getLogger(__name__)


def check_out(out: Path) -> None:
    """Refuse a folder, and a file that is no cache; warn of a name by which other programs do not know the format."""
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; --out names a file")
    if out.is_file() and out.stat().st_size > 0 and not has_seal(out):
        raise UsageError(f"{out}: is there already and is not a tile cache of uavloc: name another file, or remove it")
    if out.suffix != ".mbtiles":
        _log.warning("%s: does not end in .mbtiles, the only ending by which QGIS and GDAL know the format", out)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Make the folder of a cache; raises BuildError where it cannot be written, StoppedError on Ctrl-C."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BuildError(f"{out}: cannot write the cache: {error.strerror}") from error
    except KeyboardInterrupt:
        raise StoppedError(f"{out}: interrupted; the same command run again goes on from here") from None


def terrain_share(report: BuildReport) -> str:
    """How much of a cache's area has a known height."""
    return "none" if report.terrain is None else f"{100 * report.terrain:.1f} % of the area"

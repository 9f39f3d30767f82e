"""The cache that a command writes: checked before the work, what ends the work in one line, what came of it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uavloc.build import BuildReport
from uavloc.cache.cachefile import has_seal
from uavloc.cache.keys import load_private
from uavloc.cache.signature import Signer, signed_by
from uavloc.errors import BuildError, StoppedError, UsageError

_log = logging.getLogger(__name__)


def check_out(out: Path, signer: Signer | None) -> None:
    """Refuse a folder, one that is not there, a file that is no cache, and an unsigned cache in place of a signed one.

    Warns of a name by which other programs do not know the format. Raises UsageError.
    """
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; --out names a file")
    _check_folder(out)
    if out.is_file() and out.stat().st_size > 0 and not has_seal(out):
        raise UsageError(f"{out}: is there already and is not a tile cache of uavloc: name another file, or remove it")
    if signer is None and out.is_file() and (key := signed_by(out)) is not None:
        raise UsageError(
            f"{out}: is signed with key {key.hex()}, and what replaces it would not be: give --sign KEY, name another "
            f"file, or remove this one"
        )
    if out.suffix != ".mbtiles":
        _log.warning("%s: does not end in .mbtiles, the only ending by which QGIS and GDAL know the format", out)


def _check_folder(out: Path) -> None:
    """Raise UsageError, naming the first folder that is missing, unless there is one to write into."""
    parents = out.absolute().parents
    missing = next((folder for folder in reversed(parents) if not folder.is_dir()), None)
    if missing is not None:
        what = "is not a folder" if missing.exists() else "there is no such folder"
        raise UsageError(f"{out}: {missing}: {what}; --out makes none")


def add_sign(parser: argparse.ArgumentParser) -> None:
    """The option `--sign`, which every command that writes a cache has."""
    parser.add_argument(
        "--sign", type=Path, metavar="KEY",
        help="private key to sign with ('uavloc cache key'); needed where it replaces a signed cache",
    )  # fmt: skip


def signer_of(arguments: argparse.Namespace) -> Signer | None:
    """What signs the result, if it is to be signed; raises InputError."""
    return Signer(load_private(arguments.sign)) if arguments.sign else None


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Raises BuildError where a cache cannot be written, StoppedError on Ctrl-C."""
    try:
        yield
    except OSError as error:
        raise BuildError(f"{out}: cannot write the cache: {error.strerror}") from error
    except KeyboardInterrupt:
        raise StoppedError(f"{out}: interrupted; the same command run again goes on from here") from None


def terrain_share(report: BuildReport) -> str:
    """How much of a cache's area has a known height."""
    return "none" if report.terrain is None else f"{100 * report.terrain:.1f} % of the area"

"""The partial cache that a build works on: begun or gone on with, locked, and what goes wrong with it in one line."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from uavloc.cache import cachefile, regionfile
from uavloc.errors import BuildError


def prepare(work: Path, recipe: str) -> bool:
    """Make sure `work` is a partial cache of this recipe; true where it was one already."""
    if work.is_symlink():
        work.unlink()
    if work.exists() and _is_partial_of(work, recipe):
        with closing(connect(work)) as db:
            regionfile.cut_index(work, db)
        return True
    work.unlink(missing_ok=True)
    Path(f"{work}-journal").unlink(missing_ok=True)
    with closing(connect(work)) as db:
        db.execute("PRAGMA page_size = 16384")
        db.execute(f"PRAGMA application_id = {cachefile.MBTILES_APPLICATION_ID}")
        db.executescript(f"BEGIN; {cachefile.SCHEMA} COMMIT;")
        db.execute("INSERT INTO uavloc_recipe VALUES (?)", (recipe,))
    return False


def _is_partial_of(work: Path, recipe: str) -> bool:
    """Whether a file is a sound partial cache of a recipe."""
    try:
        with closing(connect(work)) as db:
            return (
                db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
                and db.execute("SELECT recipe FROM uavloc_recipe").fetchall() == [(recipe,)]
                and cachefile.damaged_tile(db) is None
            )
    except sqlite3.DatabaseError:
        return False


def connect(work: Path) -> sqlite3.Connection:
    """Transactions are begun and ended by hand."""
    return sqlite3.connect(work, isolation_level=None)


@contextmanager
def failures(out: Path) -> Iterator[None]:
    """Turn what can go wrong while writing into one readable line."""
    try:
        yield
    except sqlite3.Error as error:
        raise BuildError(f"{out}: cannot write the cache: {error}") from error
    except OSError as error:
        raise BuildError(f"{out}: cannot write the cache: {error.strerror or error}") from error


@contextmanager
def lock(out: Path) -> Iterator[None]:
    """Hold the right to build onto `out`; raises BuildError where another build has it."""
    path = Path(f"{out}.building.lock")
    if out.is_dir():
        raise BuildError(f"{out}: is a folder, not a file to write")
    while True:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BuildError(f"{out}: another build is writing it") from None
            if _is_same_file(file.fileno(), path):
                try:
                    yield
                finally:
                    path.unlink(missing_ok=True)
                return


def _is_same_file(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one at `path`: a build that ended meanwhile takes it away."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

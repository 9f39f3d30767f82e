"""Who made a cache: an Ed25519 signature over every byte of it, inside the sealed file (docs/cache-format.md).

The seal says that a file is as it was written, and anyone can write one. A signature says that the holder of a key
wrote it. It stands in a table of its own, so that programs that do not know it read the cache as before.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from uavloc.cache import cachefile, keys
from uavloc.errors import CacheError, UavlocError

MARKER = b"\xffuavloc-sign\xff"
KEY_BYTES, SIGNATURE_BYTES = 32, 64
_BLANK = bytes(SIGNATURE_BYTES)
_MESSAGE = b"uavloc cache signature 1\n"
"""What is signed begins with this, so that no signature made for another purpose fits a cache."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs caches with a private key."""

    key: keys.PrivateKey

    @property
    def public(self) -> bytes:
        """The 32 bytes of the public key."""
        return keys.public_bytes(self.key)

    def reserve(self, db: sqlite3.Connection) -> None:
        """Make the place of the signature in the database of a cache that is about to be sealed."""
        db.execute("CREATE TABLE uavloc_signature (signature BLOB NOT NULL)")
        db.execute("INSERT INTO uavloc_signature VALUES (?)", (MARKER + self.public + _BLANK,))

    def seal(self, path: Path) -> None:
        """Sign a cache that has the place for it, then seal it."""
        with path.open("r+b") as file:
            place = _find(file.fileno())
            if place is None:
                raise CacheError(f"{path}: has no place for a signature")
            os.pwrite(file.fileno(), keys.sign(self.key, _message(file.fileno(), place)), place + KEY_BYTES)
        cachefile.seal(path)


def forget(db: sqlite3.Connection) -> None:
    """Take a signature out of the database of a cache, where there is one, and leave no trace to be found again."""
    db.execute("PRAGMA secure_delete = ON")
    db.execute("DROP TABLE IF EXISTS uavloc_signature")


def signed_by(path: Path) -> bytes | None:
    """The public key that a cache says it is signed with, unchecked; None where it has no signature."""
    with cachefile.open_bytes(path) as file:
        place = _find(file)
        return None if place is None else os.pread(file, KEY_BYTES, place)


def check_signature(path: Path, public_key: str) -> None:
    """Raise CacheError unless every byte of a cache is as the holder of a key signed it.

    `public_key` is a PEM file or 64 hex digits; raises InputError where it is neither.
    """
    wanted = keys.load_public(public_key)
    with cachefile.open_bytes(path) as file:
        place = _find(file)
        if place is None:
            raise CacheError(f"{path}: signature: missing, and one of key {wanted.hex()} is asked for")
        found = os.pread(file, KEY_BYTES, place)
        if found != wanted:
            raise CacheError(f"{path}: signature: made with key {found.hex()}, not with {wanted.hex()}")
        if not keys.fits(wanted, os.pread(file, SIGNATURE_BYTES, place + KEY_BYTES), _message(file, place)):
            raise CacheError(f"{path}: signature: does not fit: the cache was altered after it was signed")


def sign_cache(path: Path, signer: Signer) -> None:
    """Put a signature into a finished cache, in place of an older one; the file is replaced only when it is complete.

    Raises CacheError where it is not intact, UavlocError where it cannot be written.
    """
    cachefile.check_seal(path)
    with closing(cachefile.open_readonly(path)) as db:
        pages = cachefile.database_bytes(db)
    work = path.with_name(f".{path.name}.signing")
    try:
        with path.open("rb") as old, _new(work) as new:
            _copy(old, new, pages)
        with closing(sqlite3.connect(work)) as db, db:
            forget(db)
            signer.reserve(db)
        with path.open("rb") as old, work.open("ab") as new:
            old.seek(pages)
            shutil.copyfileobj(old, new)
        signer.seal(work)
        work.replace(path)
    except (OSError, sqlite3.Error) as error:
        raise UavlocError(f"{path}: cannot write the signed cache: {error}") from error
    finally:
        work.unlink(missing_ok=True)


def _new(path: Path) -> IO[bytes]:
    """A file that was not there before."""
    path.unlink(missing_ok=True)
    return path.open("xb")


def _copy(old: IO[bytes], new: IO[bytes], size: int) -> None:
    while size > 0 and (chunk := old.read(min(size, 1 << 22))):
        new.write(chunk)
        size -= len(chunk)


def _find(descriptor: int) -> int | None:
    """Offset of the public key, behind which the signature stands."""
    return cachefile.find_last(descriptor, MARKER, KEY_BYTES + SIGNATURE_BYTES)


def _message(descriptor: int, place: int) -> bytes:
    """What is signed: the hash of the file without the digits of the seal and the signature itself."""
    seal = cachefile.find_last(descriptor, cachefile.SEAL_MARKER, cachefile.SEAL_DIGITS)
    instead = {place + KEY_BYTES: _BLANK} | ({} if seal is None else {seal: cachefile.OPEN_SEAL})
    return _MESSAGE + cachefile.digest_with(descriptor, instead)

"""What was fetched, kept on disk by its address: an interrupted build goes on without asking again."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import math
import os
import tempfile
import time
from pathlib import Path

from uavloc.errors import FetchError


def default_folder() -> Path:
    """`uavloc/web` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uavloc" / "web"


class Store:
    """A folder with a file for each address, empty where the server has nothing; and the pace towards a host.

    It may be shared by processes: files appear complete, and the pace holds for all of them. Raises FetchError where
    it cannot write.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, url: str, since_s: float) -> bytes | None:
        """What was kept of an address since a time (seconds of the epoch); None where there is nothing."""
        try:
            return self._path(url).read_bytes() if self.kept_s(url) >= since_s else None
        except OSError:
            return None

    def kept_s(self, url: str) -> float:
        """When an address was kept, in seconds of the epoch; minus infinity where it was not."""
        try:
            return self._path(url).stat().st_mtime
        except OSError:
            return -math.inf

    def put(self, url: str, content: bytes) -> None:
        """Keep the content of an address."""
        path = self._path(url)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
                temporary = Path(file.name)
                try:
                    file.write(content)
                    file.close()
                    temporary.replace(path)
                except OSError:
                    with contextlib.suppress(OSError):
                        temporary.unlink()
                    raise
        except OSError as error:
            raise FetchError(f"{self._folder}: cannot keep what was fetched: {error.strerror}") from error

    def wait_for_turn(self, host: str, gap_s: float) -> None:
        """Return when the last request to a host, of any process, is this long ago."""
        path = self._folder / f"{hashlib.sha256(host.encode()).hexdigest()[:16]}.pace"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a+", encoding="ascii") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                file.seek(0)
                wait_s = _number(file.read(40)) + gap_s - time.monotonic()
                time.sleep(min(max(wait_s, 0.0), gap_s))
                file.truncate(0)
                file.write(f"{time.monotonic():.6f}")
        except OSError as error:
            raise FetchError(f"{path}: cannot be written: {error.strerror}") from error

    def _path(self, url: str) -> Path:
        name = hashlib.sha256(url.encode()).hexdigest()
        return self._folder / name[:2] / name


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0

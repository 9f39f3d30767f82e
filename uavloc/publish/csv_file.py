"""`estimates.csv`: one row per frame, on disk as soon as it is known."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from uavloc.errors import UavlocError
from uavloc.publish.values import heading_deg, seconds, std_ne_m
from uavloc.types import Estimate

COLUMNS = (
    *("frame", "t_s", "lat_deg", "lon_deg", "std_north_m", "std_east_m"),
    *("heading_deg", "outcome", "fix", "latency_ms", "protection_m", "log_odds"),
)


class CsvFile:
    """Writes `estimates.csv` line by line, each flushed, so that a crash loses nothing; raises UavlocError.

    A failed write closes the file: at most the row being written is cut, the ones before it are whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._stream = path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise self._error(error) from error
        self._write(COLUMNS)

    def publish(self, estimate: Estimate) -> None:
        """Append one row."""
        self._write(csv_row(estimate))

    def close(self) -> None:
        """Bring everything to the disk and close; a second call does nothing."""
        if self._stream.closed:
            return
        try:
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise self._error(error) from error
        finally:
            self._stream.close()

    def _write(self, cells: tuple[str, ...]) -> None:
        if self._stream.closed:
            raise UavlocError(f"{self._path}: cannot write: already closed")
        try:
            self._stream.write(",".join(cells) + "\n")
            self._stream.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                self._stream.close()
            raise self._error(error) from error

    def _error(self, error: OSError) -> UavlocError:
        return UavlocError(f"{self._path}: cannot write: {error.strerror}")


def csv_row(estimate: Estimate) -> tuple[str, ...]:
    """The cells of an estimate in the order of `COLUMNS`; what is unknown is empty."""
    point, cov = estimate.point, estimate.cov_ne_m2
    position = ("", "") if point is None else (f"{point.lat_deg:.8f}", f"{point.lon_deg:.8f}")
    stds = ("", "") if point is None or cov is None else tuple(f"{std:.3f}" for std in std_ne_m(cov))
    heading = "" if estimate.heading_rad is None else f"{heading_deg(estimate.heading_rad):.2f}"
    latency = f"{estimate.timings_ms['total']:.3f}" if "total" in estimate.timings_ms else ""
    fix = "0" if estimate.fix is None else "1"
    protection = "" if estimate.protection_m is None else f"{estimate.protection_m:.2f}"
    log_odds = "" if estimate.log_odds is None else f"{estimate.log_odds:.2f}"
    return (
        *(_quoted(estimate.name), seconds(estimate.t_ns), *position, *stds),
        *(heading, str(estimate.outcome), fix, latency, protection, log_odds),
    )


def _quoted(text: str) -> str:
    """A cell of free text as RFC 4180 wants it (Python's csv leaves a lone carriage return bare)."""
    if not any(special in text for special in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'

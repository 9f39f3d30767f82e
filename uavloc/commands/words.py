"""Values as the commands say and read them."""

from __future__ import annotations

import argparse
import math
from functools import partial

from uavloc.region import MAX_BUFFER_M, MIN_BUFFER_M


def megabytes(size: int) -> str:
    """A size in bytes for a person."""
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def finite(text: str) -> float:
    """A finite number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not a number")
    return value


def number_in(low: float, high: float, text: str, field: str) -> float:
    """A number within limits, for argparse, whose refusal names the field."""
    try:
        value = finite(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{field}: {error}") from None
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{field}: {text} is not within {low:g} to {high:g}")
    return value


def add_buffer(parser: argparse.ArgumentParser, lines: str) -> None:
    """The option `--buffer` of what cuts a region; `lines` says by how much lines and points are widened without it."""
    parser.add_argument(
        "--buffer", type=partial(number_in, MIN_BUFFER_M, MAX_BUFFER_M, field="M"), metavar="M",
        help="widen all that the region file draws by so many metres; without it only lines and points are widened, "
        f"{lines}",
    )  # fmt: skip


def whole_number_in(low: int, high: int, text: str, field: str) -> int:
    """A whole number within limits, for argparse, whose refusal names the field."""
    if not text.isdecimal() or len(text) > 9 or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{field}: '{text}' is not a whole number from {low} to {high}")
    return int(text)


def frame_numbers(text: str) -> frozenset[int]:
    """Frames counted from 0, as `10-20,35`, for argparse."""
    numbers: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)) or len(part) > 20:
            raise argparse.ArgumentTypeError(f"'{part}' is not a frame number or a range such as 10-20")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)

"""Strict reading of small CSV files: every refusal names the file, the row and the field."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from uavloc.errors import InputError

MAX_CSV_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; `number` counts lines of the file, the header being row 1."""

    path: Path
    number: int
    cells: dict[str, str]

    def error(self, field: str, what: str) -> InputError:
        """The error to raise about a field of this row."""
        return InputError(f"{self.path}: row {self.number}: {field}: {what}")

    def text(self, field: str) -> str:
        """A cell that must not be empty; raises InputError."""
        if not (text := self.cells[field]):
            raise self.error(field, "must not be empty")
        return text

    def reading(self, field: str, low: float, high: float) -> float | None:
        """A number in [low, high], None where the column or the cell is missing; raises InputError."""
        text = self.cells.get(field, "")
        if not text:
            return None
        value = _number(text)
        if not math.isfinite(value):
            raise self.error(field, f"{_shown(text)} is not a finite number")
        if not low <= value <= high:
            raise self.error(field, f"{_shown(text)} is outside {low:g} .. {high:g}")
        return value

    def number_of(self, field: str, low: float, high: float) -> float:
        """A number in [low, high] that must be there; raises InputError."""
        self.text(field)
        value = self.reading(field, low, high)
        assert value is not None
        return value


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: its column names and its rows."""

    columns: tuple[str, ...]
    rows: list[Row]


def read_table(path: Path, required: tuple[str, ...]) -> Table:
    """A UTF-8 CSV file with a header that has the `required` columns and at least one row; raises InputError.

    A byte-order mark, CRLF line ends, blank lines and blanks around cells are tolerated.
    """
    _check_file(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return _parse(path, stream, required)
    except OSError as error:
        raise InputError(f"{path}: cannot read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not a UTF-8 text file") from error


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    if (size := path.stat().st_size) > MAX_CSV_BYTES:
        raise InputError(f"{path}: {size} bytes is more than the {MAX_CSV_BYTES} allowed")


def _parse(path: Path, stream: TextIO, required: tuple[str, ...]) -> Table:
    lines = _lines(path, stream)
    _, header = next(lines, (0, []))
    if not header:
        raise InputError(f"{path}: the file is empty")
    columns = _columns(path, header, required)
    rows = [_row(path, number, columns, cells) for number, cells in lines]
    if not rows:
        raise InputError(f"{path}: no rows after the header")
    return Table(columns, rows)


def _lines(path: Path, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line number, stripped cells) of every line that is not blank."""
    reader = csv.reader(stream, strict=True)
    try:
        for line in reader:
            cells = [cell.strip() for cell in line]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}: row {reader.line_num}: not CSV: {error}") from error


def _columns(path: Path, header: list[str], required: tuple[str, ...]) -> tuple[str, ...]:
    for column in required:
        if column not in header:
            raise InputError(f"{path}: row 1: no column {column!r}; found {_shown(', '.join(header))}")
    twice = [column for column in header if column and header.count(column) > 1]
    if twice:
        raise InputError(f"{path}: row 1: column {_shown(twice[0])} appears twice")
    return tuple(header)


def _row(path: Path, number: int, columns: tuple[str, ...], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        raise InputError(f"{path}: row {number}: {len(cells)} cells for {len(columns)} columns")
    return Row(path, number, dict(zip(columns, cells, strict=True)))


def _number(text: str) -> float:
    """The number a cell holds, NaN when it is none (Python's 1_000 is none)."""
    try:
        return float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan


def _shown(text: str) -> str:
    """A cell as it may appear in a one-line message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")

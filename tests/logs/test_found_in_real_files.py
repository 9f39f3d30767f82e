"""The table of docs/logs.md is what the readers find: every real file is in it, with its counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from uavloc.errors import InputError
from uavloc.logs import contents_of

DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "logs.md"
FOLDERS = ("logs", "logs/dji_srt", "canberra_timesync", "exif_photos", "ariel_oblique")
KINDS = ("attitude", "altitude take-off", "position")


def table() -> dict[str, list[str]]:
    """Cells by file, of names that share a row each."""
    rows: dict[str, list[str]] = {}
    lines = DOCUMENT.read_text(encoding="utf-8").split("## What was found in real files")[1].splitlines()
    for line in lines:
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0].startswith("`"):
            rows |= {name.strip("` "): cells[1:] for name in cells[0].split(",")}
    return rows


ROWS = table()


def number(cell: str) -> float:
    """An empty cell, or one with a dash, is nothing."""
    return float(cell) if cell[:1].isdigit() else 0.0


@pytest.mark.real_data
@pytest.mark.parametrize("name", ROWS)
def test_a_row_tells_what_is_found(data_dir: Path, name: str) -> None:
    path = next(found for folder in ("", *FOLDERS) if (found := data_dir / folder / name).exists())
    _, messages, seconds, *counts, remark = ROWS[name]
    if remark.startswith("refused"):
        with pytest.raises(InputError):
            contents_of(path)
        return
    found = contents_of(path)
    told = [int(part) for part in messages.split(",")]
    assert told == [sum(found.topics.values()), len(found.topics)][: len(told)]
    assert seconds == "" or number(seconds) == pytest.approx(found.duration_s or 0.0, abs=0.051)
    assert [number(count) for count in counts] == [found.items.get(kind, 0) for kind in KINDS]


@pytest.mark.real_data
def test_every_real_log_has_a_row(data_dir: Path) -> None:
    names = {path.name for folder in FOLDERS[:2] for path in (data_dir / folder).iterdir() if path.is_file()}
    assert names <= ROWS.keys()

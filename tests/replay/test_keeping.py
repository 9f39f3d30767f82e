"""Replays that are recorded, and replays with a report: neither changes what is found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from program import Flown, is_refused, rows, uavloc, without_latency, works

from uavloc.logs.recording import Recording
from uavloc.replay.album import FULL_SCORE, Album, fit_colours, on_ink
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, Frame, Outcome


@pytest.fixture(scope="module")
def kept(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `out` and `flight.mcap`, of one replay with everything."""
    folder = tmp_path_factory.mktemp("kept")
    works(
        "replay", flown.log, "--cache", flown.cache, "--start", flown.start, "--truth", flown.truth,
        "--report", "--record", folder / "flight.mcap", "--out", folder / "out",
    )  # fmt: skip
    return folder


def test_a_recorded_replay_replays_bit_for_bit(kept: Path, flown: Flown, tmp_path: Path) -> None:
    ran = works(
        "replay", kept / "flight.mcap", "--cache", flown.cache, "--record", tmp_path / "b.mcap", "--out", tmp_path
    )
    assert "all 24 estimates of the flight, bit for bit" in ran.out
    assert without_latency(tmp_path / "estimates.csv") == without_latency(kept / "out" / "estimates.csv")
    again, first = Recording(tmp_path / "b.mcap"), Recording(kept / "flight.mcap")
    assert (again.facts, again.estimates) == (first.facts, first.estimates)


def test_pictures_are_recorded_as_they_came(kept: Path, flown: Flown) -> None:
    frames = [event for event in Recording(kept / "flight.mcap").events() if isinstance(event, Frame)]
    assert [f.encoded for f in frames] == [p.read_bytes() for p in sorted((flown.log / "frames").iterdir())]


def test_neither_report_nor_recording_changes_the_estimates(kept: Path, flown: Flown, tmp_path: Path) -> None:
    works("replay", flown.log, "--cache", flown.cache, "--start", flown.start, "--out", tmp_path)
    assert without_latency(tmp_path / "estimates.csv") == without_latency(kept / "out" / "estimates.csv")
    assert not (tmp_path / "report.html").exists()


def test_the_report_holds_every_frame_with_its_pictures(kept: Path) -> None:
    page = (kept / "out" / "report.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found.group(1))
    told = rows(kept / "out" / "estimates.csv")
    assert data["frames"]["name"] == [row["frame"] for row in told]
    assert data["frames"]["outcome"] == [row["outcome"] for row in told]
    assert all(
        pictures["frame"] and pictures["laid"] and pictures["ground"] and pictures["fit"]
        for pictures in data["pictures"]
    )
    metrics = json.loads((kept / "out" / "metrics.json").read_text())
    errors = [np.hypot(*ne) for ne in data["frames"]["errNe"] if ne]
    assert max(errors) == pytest.approx(metrics["max_error_m"], abs=0.02)
    assert len(page) < 2_000_000


@pytest.mark.parametrize("name", [".", "flight.mcap", "nowhere/flight.mcap"])
def test_a_recording_replaces_nothing(kept: Path, flown: Flown, tmp_path: Path, name: str) -> None:
    (tmp_path / "flight.mcap").write_text("dear to someone")
    out = tmp_path / "out"
    ran = uavloc("replay", flown.log, "--cache", flown.cache, "--record", tmp_path / name, "--out", out)
    is_refused(ran, "--record")
    assert not (out / "estimates.csv").exists()
    assert (tmp_path / "flight.mcap").read_text() == "dear to someone"


def test_long_flights_have_pictures_of_some_frames_only(flown: Flown, autumn_encoder: Encoder) -> None:
    with TileCache.open(flown.cache, autumn_encoder) as cache:
        album, grey = Album(cache, 5000), np.full((30, 40, 3), 90, np.uint8)
        for i in range(5000):
            album.event(Frame(i, str(i), grey))
            album.publish(Estimate(i, str(i), Outcome.LOST))
    assert 500 <= len(album.pages) <= 600


def test_the_best_place_stays_the_brightest_when_a_surface_is_shrunk() -> None:
    scores = np.full((300, 200), 1.0, np.float32)
    scores[123, 77] = FULL_SCORE
    scores[:, 190:] = -np.inf
    picture = fit_colours(scores).astype(int)
    assert max(picture.shape) <= 96
    row, column = np.unravel_index(picture.sum(axis=2).argmax(), picture.shape[:2])
    assert (row, column) == (123 * picture.shape[0] // 300, 77 * picture.shape[1] // 200)
    assert (on_ink(np.full((2, 2), 200, np.uint8), np.array([[True, False]] * 2))[:, :, 0] == [200, 24]).all()

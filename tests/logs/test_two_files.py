"""A flight of a log and a video from the command line, beside the same flight as a frames folder; what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import flightlogs as fl
import numpy as np
import pytest
from program import Flown, at_once, is_refused, rows, uavloc, works

from uavloc.logs.srt import Srt

BEGIN_S = 1_700_000_000.0
LATER_S = 7.0
"""How long after the beginning of the log the video begins."""


@pytest.fixture(scope="module")
def video(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures of the simulated flight as a video."""
    return fl.video_of(flown.log, tmp_path_factory.mktemp("video") / "cam.mp4")


@pytest.fixture(scope="module")
def tlog(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its sensors as the log of a ground station, with GNSS and camera messages."""
    return fl.tlog_of(flown.log, tmp_path_factory.mktemp("tlog") / "flight.tlog", BEGIN_S, LATER_S)


def replayed(flown: Flown, out: Path, *words: object) -> str:
    camera = flown.log / "camera.json"
    ran = works("replay", *words, "--camera", camera, "--cache", flown.cache, "--start", flown.start, "--out", out)
    return " ".join(ran.out.split())


def test_a_log_and_a_video_are_found_on_the_map_and_scored_by_the_log(
    flown: Flown, tlog: Path, video: Path, tmp_path: Path
) -> None:
    words = replayed(flown, tmp_path, "--log", tlog, "--video", video, "--truth", "log")
    assert "24 camera messages" in words
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["attempted"] == 24
    assert metrics["published"] >= 20
    assert metrics["false_positions"] == 0
    assert metrics["cep95_m"] < 10.0
    first = rows(tmp_path / "estimates.csv")[0]
    assert float(first["t_s"]) == pytest.approx(BEGIN_S + LATER_S, abs=0.05)
    repeated = (tmp_path / "config.toml").read_text()
    assert f"--video {video}" in repeated
    assert "--truth log" in repeated


def test_seconds_that_are_told_are_taken(flown: Flown, tlog: Path, video: Path, tmp_path: Path) -> None:
    words = replayed(flown, tmp_path, video, "--log", tlog, "--sync", LATER_S - 0.06, "--rate", 0.5)
    assert "from --sync" in words
    times_s = [float(row["t_s"]) for row in rows(tmp_path / "estimates.csv")]
    assert times_s[0] == pytest.approx(BEGIN_S + LATER_S - 0.06, abs=0.07)
    assert min(np.diff(times_s)) >= 1.99


def test_subtitles_beside_a_video_are_its_log(flown: Flown, video: Path, tmp_path: Path) -> None:
    own = tmp_path / "DJI_0001.mp4"
    own.write_bytes(video.read_bytes())
    agl_m = float(rows(flown.log / "sensors.csv")[0]["agl_m"])
    blocks = [
        f"{k + 1}\n00:00:{k:02d},000 --> 00:00:{k + 1:02d},000\n2024-05-01 12:00:{k:02d}.000\n"
        f"[latitude: 33.00100] [longitude: -7.0] [rel_alt: {agl_m:.1f} abs_alt: 500.0]\n"
        for k in range(int(float(rows(flown.log / "sensors.csv")[-1]["t_s"])) + 1)
    ]
    own.with_suffix(".SRT").write_text("\n".join(blocks))
    words = replayed(flown, tmp_path / "out", own)
    assert "the subtitles, which count with the video" in words
    estimates = rows(tmp_path / "out" / "estimates.csv")
    assert sum(row["fix"] == "1" for row in estimates) >= 12
    assert float(estimates[0]["t_s"]) == pytest.approx(1_714_564_800.0, abs=0.1)
    own.with_suffix(".SRT").write_text("\n".join(blocks[:4]))
    assert Srt(own.with_suffix(".SRT")).length_s == 4.0
    camera = flown.log / "camera.json"
    ran = at_once("replay", own, "--camera", camera, "--cache", flown.cache, "--out", tmp_path / "other")
    is_refused(ran, "DJI_0001.SRT", "of another flight", "--sync 0")


def test_what_is_missing_is_said_with_what_supplies_it(flown: Flown, tlog: Path, video: Path, tmp_path: Path) -> None:
    camera = ("--camera", flown.log / "camera.json")
    rest = ("--cache", flown.cache, "--out", tmp_path / "out")
    is_refused(at_once("replay", tlog, *camera, *rest), "flight.tlog", "holds no pictures", "--video")
    is_refused(at_once("replay", video, *camera, *rest), "cam.mp4", "video without telemetry", "--log", "cam.SRT")
    is_refused(at_once("replay", tlog, "--video", video, *rest), "--camera")
    is_refused(at_once("replay", *camera, *rest), "LOG", "--log")
    is_refused(at_once("replay", tlog, "--video", tlog, *camera, *rest), "neither a video nor a folder")
    is_refused(at_once("replay", flown.log, "--video", video, *camera, *rest), "has pictures of its own")
    is_refused(at_once("replay", tlog, "--video", video, "--sync", 5000, *camera, *rest), "of another flight")
    is_refused(at_once("replay", tlog, "--video", video, "--sync", "soon", *camera, *rest), "'soon'", "auto")
    is_refused(at_once("replay", tlog, "--video", video, "--rate", 0, *camera, *rest), "'0'", "rate")
    is_refused(at_once("replay", tlog, "--topic", "/cam", *camera, *rest), "--topic", "ROS bag")
    is_refused(at_once("replay", tmp_path / "no.bin", *camera, *rest), "no.bin", "no such file")
    assert not (tmp_path / "out").exists()


def test_all_that_is_missing_is_said_at_once(flown: Flown, tlog: Path, video: Path, tmp_path: Path) -> None:
    """Each with the option that supplies it, and with all of them it flies."""
    pictures = "holds no pictures: name the video or the folder of them with --video"
    camera, cache = "brings no camera.json: name one with --camera", "no tile cache: name one with --cache"
    out = "no folder for the results: name one with --out"
    supplied = {
        pictures: ("--video", video), camera: ("--camera", flown.log / "camera.json"), cache: ("--cache", flown.cache),
        out: ("--out", tmp_path / "out"),
    }  # fmt: skip
    given: list[object] = []
    for missing, option in supplied.items():
        ran = at_once("replay", tlog, *given)
        is_refused(ran, str(tlog), missing)
        assert [words in ran.err for words in supplied] == [option[0] not in given for option in supplied.values()]
        given += option
    recorded = at_once("replay", flown.log)
    is_refused(recorded, cache, out)
    assert "--camera" not in recorded.err, "the log brings it"
    assert "--video" not in recorded.err
    is_refused(at_once("replay", video), "video without telemetry: name a log with --log", camera, cache, out)
    is_refused(at_once("replay", "--cache", flown.cache), "no recorded flight: name it as LOG", out)
    is_refused(at_once("replay", tmp_path / "no.bin"), "no.bin: no such file or folder", cache, out)
    assert " --cache CACHE [" in works("replay", "--help").out, "what is needed stands without brackets"


def test_logs_tells_what_is_in_each_file(tlog: Path, video: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.SRT"
    broken.write_text("1\n")
    ran = uavloc("logs", "--json", tlog, video, broken)
    assert ran.code == 2
    assert "1 of 3 logs were refused" in ran.err
    first, second, third = json.loads(ran.out)
    assert first["topics"] == {
        "HEARTBEAT": 1, "ATTITUDE": 48, "DISTANCE_SENSOR": 24, "GPS_RAW_INT": 24, "CAMERA_TRIGGER": 24,
        "GLOBAL_POSITION_INT": 2,
    }  # fmt: skip
    assert first["found"] == {"attitude": 48, "height": 24, "position": 24, "exposure": 24, "altitude take-off": 2}
    assert second["topics"] == {"picture": 24}
    assert "broken.SRT" in third["refused"]
    assert json.loads(at_once("inspect", tlog, "--json").out) == [first]
    table = at_once("logs", tlog)
    assert at_once("inspect", tlog) == table
    assert table.code == 0
    for word in ("MAVLink telemetry log", "attitude", "height above ground", "pictures: name them with --video"):
        assert word in table.out

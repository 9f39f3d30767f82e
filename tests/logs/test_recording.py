"""Recordings: what was flown comes back bit for bit, whatever happens to disk and file."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader
from program import Flown, is_refused, rows, uavloc, works

from uavloc import __version__
from uavloc.camera import load_camera
from uavloc.config import Config, dump_config
from uavloc.encode import load_engine
from uavloc.errors import InputError
from uavloc.flightconfig import RecorderConfig
from uavloc.localizer import Localizer
from uavloc.logs import open_log
from uavloc.logs.recording import FlightFacts, Recorder, Recording
from uavloc.logs.recording.messages import event_from_json, event_json, topic_of
from uavloc.logs.recording.viewer import picture_message, picture_of
from uavloc.starttext import start_from_text
from uavloc.tiles import TileCache
from uavloc.types import Airspeed, Altitude, Attitude, Event, Frame, GeoPoint, Height, Hint, Imu, Start, Velocity

FACTS = FlightFacts(__version__, dump_config(Config()), "{}", "0" * 64, "evergreen", "1" * 64)
START_NS = 1_700_000_000_000_000_000
numbers = st.floats(allow_nan=False)
positive = st.floats(min_value=0.0, allow_nan=False)


def small(**changes: float) -> RecorderConfig:
    return RecorderConfig(folder="here", min_free_gb=0.0, **changes)  # type: ignore[arg-type]


def picture(seed: int, side: int = 64) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)


def record(folder: Path, events: list[Event], config: RecorderConfig | None = None) -> Path:
    recorder = Recorder(config or small(), folder, FACTS, START_NS)
    for event in events:
        recorder.event(event)
    recorder.close()
    return recorder.path


events = st.one_of(
    st.builds(
        Attitude,
        st.integers(0, 2**62),
        st.lists(numbers, min_size=9, max_size=9).map(lambda v: np.array(v).reshape(3, 3)),
        st.tuples(positive, positive, positive),
    ),
    st.builds(Height, st.integers(0, 2**62), numbers, positive, st.booleans()),
    st.builds(Altitude, st.integers(0, 2**62), numbers, positive, st.sampled_from(["amsl", "ellipsoid", "take-off"])),
    st.builds(Velocity, st.integers(0, 2**62), st.tuples(numbers, numbers), positive),
    st.builds(
        Imu,
        st.integers(0, 2**62),
        st.tuples(numbers, numbers, numbers),
        st.tuples(numbers, numbers, numbers),
    ),
    st.builds(Airspeed, st.integers(0, 2**62), numbers, positive),
    st.builds(Hint, st.integers(0, 2**62), st.builds(Start, st.builds(GeoPoint, numbers, numbers), positive)),
)


@given(events)
def test_every_event_comes_back_bit_for_bit(event: Event) -> None:
    again = event_from_json(topic_of(event), event_json(event))
    for ours, theirs in zip(values_of(event), values_of(again), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def values_of(event: Event) -> list[object]:
    if isinstance(event, Hint):
        return [event.t_ns, event.start.point.lat_deg, event.start.point.lon_deg, event.start.std_m]
    return [getattr(event, field.name) for field in dataclasses.fields(event)]


@given(st.integers(0, 2**61), st.binary(max_size=70))
def test_a_picture_comes_back(t_ns: int, data: bytes) -> None:
    assert picture_of(picture_message(t_ns, data)) == data


def test_events_keep_their_order_and_pictures(tmp_path: Path) -> None:
    jpeg = bytes(cv2.imencode(".jpg", picture(1))[1])
    decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    given_events: list[Event] = [
        Height(START_NS + 5, 100.0, math.inf),
        Frame(START_NS + 4, "as it came", decoded, jpeg),
        Velocity(START_NS + 3, (math.nan, 1.0), 0.1),
        Frame(START_NS + 9, "raw", picture(2)),
        Frame(START_NS + 10, "unreadable", None),
    ]
    read = list(Recording(record(tmp_path, given_events)).events())
    assert [type(event) for event in read] == [type(event) for event in given_events]
    assert [event.t_ns for event in read] == [event.t_ns for event in given_events]
    assert isinstance(read[1], Frame)
    assert read[1].encoded == jpeg
    np.testing.assert_array_equal(read[1].image, decoded)
    assert isinstance(read[3], Frame)
    np.testing.assert_array_equal(read[3].image, picture(2))
    assert isinstance(read[4], Frame)
    assert read[4].image is None


def test_a_viewer_finds_pictures_in_a_type_it_knows(tmp_path: Path) -> None:
    path = record(tmp_path, [Frame(START_NS, "one", picture(1))])
    with path.open("rb") as stream:
        found = [(schema.name, message.data) for schema, _, message in make_reader(stream).iter_messages()]
    kinds = [name for name, _ in found]
    assert "sensor_msgs/msg/CompressedImage" in kinds
    data = found[kinds.index("sensor_msgs/msg/CompressedImage")][1]
    assert data.endswith(b"IEND\xaeB`\x82")


@pytest.fixture(scope="module")
def recorded(flown: Flown, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flight as the onboard program records it, which ends while the program works on a 25th frame."""
    config, start = Config(), start_from_text(flown.start)
    encoder = load_engine(config.engine.name, 1)
    camera_file = flown.log / "camera.json"
    camera = load_camera(camera_file)
    with TileCache.open(flown.cache, encoder) as cache:
        facts = FlightFacts(
            __version__, dump_config(config), camera_file.read_text(), cache.manifest.content_digest, encoder.name,
            encoder.identity, flown.start,
        )  # fmt: skip
        recorder = Recorder(small(), tmp_path_factory.mktemp("recorded"), facts, START_NS)
        localizer = Localizer(cache, encoder, camera, config, start)
        for event in open_log(flown.log).events():
            recorder.event(event)
            estimate = localizer.handle(event)
            if estimate is not None:
                recorder.estimate(estimate)
        recorder.event(dataclasses.replace(event, t_ns=event.t_ns + 10**9, name="unanswered"))
        recorder.close()
    return recorder.path


def test_a_flight_is_repeated_bit_for_bit(recorded: Path, flown: Flown, tmp_path: Path) -> None:
    """And scored with true positions that know no names of frames, only times."""
    track = tmp_path / "truth.csv"
    columns = ("t_s", "lat_deg", "lon_deg", "terrain")
    lines = (",".join(row[column] for column in columns) for row in rows(flown.truth))
    track.write_text("\n".join([",".join(columns), *lines]))
    ran = works("replay", recorded, "--cache", flown.cache, "--truth", track, "--out", tmp_path / "again")
    words = " ".join(ran.out.split())
    assert "all 24 estimates of the flight, bit for bit; 1 more it had not answered yet when it ended" in words
    assert "by time, on the clock of the log" in words
    metrics = json.loads((tmp_path / "again" / "metrics.json").read_text())
    assert metrics["attempted"] == 24
    assert metrics["frames_without_truth"] == 1
    assert metrics["cep95_m"] < 10.0
    assert metrics["recall_1000m2"] > 0.8
    assert sum(part["attempted"] for part in metrics["by_terrain"].values()) == 24
    positions = [line.split(",")[2] for line in (tmp_path / "again" / "estimates.csv").read_text().splitlines()[1:]]
    assert sum(map(bool, positions)) >= 20


def test_what_was_changed_is_said(recorded: Path, flown: Flown, quick: Path, tmp_path: Path) -> None:
    ran = works("replay", recorded, "--cache", flown.cache, "--config", quick, "--out", tmp_path / "again")
    words = " ".join(ran.out.split())
    assert "the configuration is another" in words
    assert "all 24" not in words


def test_a_recording_cut_short_is_read_to_there(
    recorded: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    short = tmp_path / "uavloc-short.mcap"
    data = recorded.read_bytes()
    short.write_bytes(data[: len(data) * 2 // 3])
    frames = [event for event in Recording(short).events() if isinstance(event, Frame)]
    assert 0 < len(frames) < 24
    assert "ends in the middle" in caplog.text


def test_damage_is_refused(recorded: Path, flown: Flown, tmp_path: Path) -> None:
    data = bytearray(recorded.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    bad = tmp_path / "bad.mcap"
    bad.write_bytes(data)
    is_refused(uavloc("replay", bad, "--cache", flown.cache, "--out", tmp_path / "out"), str(bad), "damaged")


def test_another_mcap_is_refused(tmp_path: Path) -> None:
    from mcap.writer import Writer

    path = tmp_path / "other.mcap"
    with path.open("wb") as stream:
        writer = Writer(stream)
        writer.start()
        writer.finish()
    with pytest.raises(InputError, match="not a recording of uavloc"):
        Recording(path)


def test_smaller_pictures_are_told(tmp_path: Path) -> None:
    path = record(tmp_path, [Frame(START_NS, "one", picture(1))], small(jpeg_quality=60))
    assert Recording(path).notes == ["pictures were kept as JPEG of quality 60 only"]


def test_the_oldest_recordings_make_room(tmp_path: Path) -> None:
    for day in range(3):
        old = tmp_path / f"uavloc-2020010{day + 1}-000000.mcap"
        old.write_bytes(bytes(400_000))
    other = tmp_path / "holiday.mp4"
    other.write_bytes(bytes(10**6))
    path = record(tmp_path, [Frame(START_NS, "one", picture(1))], small(max_gb=0.0009))
    kept = {file.name for file in tmp_path.iterdir()}
    assert kept == {other.name, path.name, "uavloc-20200102-000000.mcap", "uavloc-20200103-000000.mcap"}


def test_the_flight_goes_on_when_the_disk_is_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        recorder = Recorder(small(), disk, FACTS, START_NS)
        for k in range(30):
            recorder.event(Frame(START_NS + k, str(k), picture(k, 256)))
        recorder.close()
        assert not recorder.is_recording
        assert "recording ends" in caplog.text
        assert len(Recording(recorder.path)) >= 1
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_pictures_that_wait_for_the_disk_take_little_memory(tmp_path: Path) -> None:
    large = np.random.default_rng(5).integers(0, 255, (2000, 3000, 3), np.uint8)
    jpeg = bytes(cv2.imencode(".jpg", picture(1))[1])
    recorder = Recorder(small(), tmp_path, FACTS, START_NS)
    for k in range(12):
        recorder.event(Frame(START_NS + k, str(k), large))
    lost = recorder.lost
    assert 7 <= lost < 12, "18 MB each: three wait, and what was written meanwhile"
    while recorder._queue.qsize():
        time.sleep(0.01)
    for k in range(12, 40):
        recorder.event(Frame(START_NS + k, str(k), large, jpeg))
    recorder.close()
    assert recorder.lost == lost, "as they came they are small"
    read = Recording(recorder.path)
    assert len(read) == 40
    kept = [event for event in read.events() if isinstance(event, Frame) and event.encoded is not None]
    assert len(kept) == 40 - lost


def test_a_picture_of_another_size_comes_back_as_none(tmp_path: Path) -> None:
    jpeg = bytes(cv2.imencode(".jpg", picture(1))[1])
    (frame,) = Recording(record(tmp_path, [Frame(START_NS, "other size", None, jpeg)])).events()
    assert isinstance(frame, Frame)
    assert frame.image is None


def test_a_killed_program_leaves_what_it_wrote(tmp_path: Path) -> None:
    program = f"""
import os, sys
import numpy as np
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parent)!r}); sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from test_recording import *
recorder = Recorder(small(), Path({str(tmp_path)!r}), FACTS, START_NS)
for k in range(40):
    recorder.event(Frame(START_NS + k, str(k), picture(k, 256)))
while recorder._queue.qsize():
    pass
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, env={**os.environ})
    assert done.returncode == -9
    (path,) = tmp_path.glob("*.mcap")
    assert len(Recording(path)) >= 35


def test_facts_name_what_is_missing() -> None:
    facts = FACTS.as_metadata()
    assert FlightFacts.from_metadata(json.loads(json.dumps(facts)), "x") == FACTS
    del facts["camera"]
    with pytest.raises(InputError, match="x: camera: missing"):
        FlightFacts.from_metadata(facts, "x")

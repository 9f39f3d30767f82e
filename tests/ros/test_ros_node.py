"""The node as a process, heard and spoken to over DDS from outside: names, types, qualities and values on the wire.

The node is unchanged; below it a stand-in for rclpy speaks DDS (`standin/`). What is expected of its fixes is what
`uavloc replay` says of a bag with the same bytes.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cyclonedds", reason="cyclonedds is not installed: it has wheels for x86 only")

import feeding
from cyclonedds.core import Policy
from outside import NodeProcess, Outside, matched, until
from program import Flown, rows, works
from rostypes import rostypes

from uavloc.frames import LocalFrame

MODULE = "uavloc_ros.node"
CONFIGURE, ACTIVATE, DEACTIVATE, CLEANUP = 1, 3, 4, 2
FRAMES = 12
PERIOD_NS = 500_000_000
BEGIN_NS = 1_700_000_000 * 10**9


class Ears:
    """What a node is told and says."""

    def __init__(self, outside: Outside, pictures: str = feeding.IMAGE) -> None:
        names = {feeding.IMAGE: pictures}
        self.writers = {
            topic: outside.writer(names.get(topic, topic), name, reliable=True) for topic, name in feeding.TYPES.items()
        }
        self.fixes = outside.reader("/uavloc/fix", "sensor_msgs/msg/NavSatFix")
        self.poses = outside.reader("/uavloc/pose", "geometry_msgs/msg/PoseWithCovarianceStamped")
        self.odometry = outside.reader("/uavloc/odometry", "nav_msgs/msg/Odometry")
        self.origin = outside.reader("/uavloc/origin", "sensor_msgs/msg/NavSatFix", latched=True)
        self.tf = outside.reader("/tf", "tf2_msgs/msg/TFMessage")
        self.clock = outside.writer("/clock", "rosgraph_msgs/msg/Clock")
        self.diagnostics = outside.reader("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray")
        self.told: list[Any] = []
        self.findings: list[Any] = []

    def heard(self) -> bool:
        return all(matched(writer) for writer in self.writers.values())

    def tell(self, messages: list[feeding.Told], pause_s: float = 0.02) -> None:
        time_of, clock_of = rostypes().of("builtin_interfaces/msg/Time"), rostypes().of("rosgraph_msgs/msg/Clock")
        for each in messages:
            self.clock.write(clock_of(time_of(each.t_ns // 10**9, each.t_ns % 10**9)))
            self.writers[each.topic].write(each.message)
            time.sleep(pause_s)

    def fixes_of(self, count: int) -> list[Any]:
        """So many fixes, as they come."""

        def enough() -> bool:
            self.told.extend(self.fixes.take(100))
            return len(self.told) >= count

        until(enough, f"{count} fixes", 60.0)
        return self.told

    def finding(self, part: str, words: str) -> Any:
        """A diagnosis of a part that holds words, in what it says or lists."""

        def found() -> Any:
            self.findings.extend(self.diagnostics.take(100))
            for array in self.findings:
                for status in array.status:
                    text = " ".join([status.message, *(f"{each.key} {each.value}" for each in status.values)])
                    if status.name == f"uavloc: {part}" and words in text:
                        return status
            return None

        return until(found, f"{part}: {words}")


def stamp_ns(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def configured(flown: Flown, folder: Path, more: str = "") -> Path:
    path = folder / "uavloc.toml"
    path.write_text(
        f'[mission]\ncache = "{flown.cache}"\ncamera = "{flown.log / "camera.json"}"\nstart = "{flown.start}"\n{more}',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def node(flown: Flown, outside: Outside, tmp_path: Path) -> Iterator[NodeProcess]:
    """A node that waits to be configured, and lives by the clock of a bag."""
    arguments = (
        "-p", f"config_file:={configured(flown, tmp_path)}", "-p", "queue:=100", "-p", "publish_tf:=true",
        "-p", "use_sim_time:=true",
    )  # fmt: skip
    with NodeProcess(MODULE, outside, tmp_path / "log", *arguments) as running:
        yield running


def replayed(flown: Flown, messages: list[feeding.Told], folder: Path) -> list[dict[str, str]]:
    bag = feeding.write_bag(folder / "bag", messages)
    works(
        "replay", bag, "--cache", flown.cache, "--camera", flown.log / "camera.json", "--start", flown.start,
        "--out", folder / "out",
    )  # fmt: skip
    return rows(folder / "out" / "estimates.csv")


def apart_m(fix: Any, row: dict[str, str]) -> float:
    frame = LocalFrame(fix.latitude, fix.longitude)
    return math.hypot(*frame.ne_from_geo(float(row["lat_deg"]), float(row["lon_deg"])))


def test_a_flight_over_the_wire_is_what_a_replay_of_its_bag_is(
    node: NodeProcess, outside: Outside, flown: Flown, tmp_path: Path
) -> None:
    messages = list(feeding.flight(flown.log, BEGIN_NS, FRAMES, PERIOD_NS))
    expected = replayed(flown, messages, tmp_path)
    assert sum(row["outcome"] == "FIX" for row in expected) > FRAMES // 2
    ears = Ears(outside)
    change = outside.client("/uavloc/change_state", "lifecycle_msgs/srv/ChangeState")
    state = outside.client("/uavloc/get_state", "lifecycle_msgs/srv/GetState")
    transition = rostypes().of("lifecycle_msgs/msg/Transition")
    assert state.call(0).current_state.label == "unconfigured"
    assert change.call(transition(CONFIGURE, ""), timeout_s=60).success, node.said
    until(lambda: ears.heard() and matched(ears.clock), "the node hears")
    ears.tell([each.later(-(10**9)) for each in messages[:3]])
    assert change.call(transition(ACTIVATE, "")).success
    assert state.call(0).current_state.label == "active"

    ears.tell(messages)
    fixes = ears.fixes_of(FRAMES)

    assert [stamp_ns(fix) for fix in fixes] == [BEGIN_NS + k * PERIOD_NS for k in range(FRAMES)]
    for fix, row in zip(fixes, expected, strict=True):
        if not row["lat_deg"]:
            assert fix.status.status == -1
            assert math.isnan(fix.latitude)
            continue
        assert fix.status.status == 0
        assert apart_m(fix, row) < 1e-3
        assert fix.position_covariance_type == 3
        assert math.sqrt(fix.position_covariance[0]) == pytest.approx(max(0.5, float(row["std_east_m"])), abs=0.02)
        assert math.sqrt(fix.position_covariance[4]) == pytest.approx(max(0.5, float(row["std_north_m"])), abs=0.02)
        assert fix.header.frame_id == "base_link"
    check_local_frames(ears, fixes)
    check_services(outside, ears, flown, messages)
    with pytest.raises(AssertionError, match="answers"):
        change.call(transition(CONFIGURE, ""), timeout_s=1)
    assert "[ERROR]" in node.said
    assert change.call(transition(DEACTIVATE, "")).success
    assert change.call(transition(CLEANUP, "")).success
    assert node.ended(signal.SIGTERM) == 0
    assert "Traceback" not in node.said


def check_local_frames(ears: Ears, fixes: list[Any]) -> None:
    """Poses and odometry are metres east and north of the origin, which a late listener is told."""
    (origin,) = ears.origin.take(10)
    local = LocalFrame(origin.latitude, origin.longitude)
    published = [fix for fix in fixes if fix.status.status == 0]
    poses: dict[int, Any] = {}

    def all_came() -> bool:
        poses.update((stamp_ns(pose), pose) for pose in ears.poses.take(1000))
        return len(poses) >= len(published)

    until(all_came, "a pose for each fix")
    assert sorted(poses) == [stamp_ns(fix) for fix in published]
    for fix in published:
        pose = poses[stamp_ns(fix)]
        north, east = local.ne_from_geo(fix.latitude, fix.longitude)
        assert (pose.pose.pose.position.x, pose.pose.pose.position.y) == pytest.approx((east, north), abs=1e-3)
        assert pose.pose.covariance[0] == pytest.approx(fix.position_covariance[0])
        assert pose.header.frame_id == "map"
    between = ears.odometry.take(1000)
    assert len(between) > 3
    assert all(0 <= stamp_ns(each) - BEGIN_NS < FRAMES * PERIOD_NS for each in between)
    assert all(each.child_frame_id == "base_link" and each.header.frame_id == "map" for each in between)
    speeds = [math.hypot(each.twist.twist.linear.x, each.twist.twist.linear.y) for each in between]
    assert max(speeds) < 60.0
    transforms = [each for message in ears.tf.take(1000) for each in message.transforms]
    assert {(each.header.frame_id, each.child_frame_id) for each in transforms} == {("map", "base_link")}


def check_services(outside: Outside, ears: Ears, flown: Flown, sent: list[feeding.Told]) -> None:
    pause = outside.client("/uavloc/pause", "std_srvs/srv/SetBool")
    answer = pause.call(True)
    assert answer.success
    assert "paused" in answer.message
    ears.told.clear()
    ears.tell([each.later(FRAMES * PERIOD_NS) for each in sent[:3]])
    (silent,) = ears.fixes_of(1)
    assert silent.status.status == -1
    assert "resumed" in pause.call(False).message

    relocalize = outside.client("/uavloc/relocalize", "uavloc_msgs/srv/Relocalize")
    lat, lon, _ = map(float, flown.start.split(","))
    assert relocalize.call(lat, lon, 40.0).success
    refused = relocalize.call(lat + 1.0, lon, 40.0)
    assert not refused.success
    assert "off the map" in refused.message

    load = outside.client("/uavloc/load_cache", "nav_msgs/srv/LoadMap")
    assert load.call(str(flown.cache), timeout_s=60).result == 0
    assert load.call(str(flown.log / "nothing.mbtiles")).result == 1
    assert load.call(str(flown.log / "camera.json")).result == 2


def test_qualities_of_service_suit_what_ros_expects(node: NodeProcess, outside: Outside) -> None:
    ears = Ears(outside)
    change = outside.client("/uavloc/change_state", "lifecycle_msgs/srv/ChangeState")
    assert change.call(rostypes().of("lifecycle_msgs/msg/Transition")(CONFIGURE, ""), timeout_s=60).success
    until(ears.heard, "the node hears")
    writer = ears.writers[feeding.IMAGE]
    readers = [writer.get_matched_subscription_data(handle) for handle in writer.get_matched_subscriptions()]
    assert {reader.topic_name for reader in readers} == {"rt/image/compressed"}
    assert {reader.type_name for reader in readers} == {"sensor_msgs::msg::dds_::CompressedImage_"}
    assert [Policy.Reliability.BestEffort in reader.qos for reader in readers].count(True) == 1
    assert len(readers) == 2, "reliable too, where every picture counts"
    (handle,) = ears.fixes.get_matched_publications()
    fix = ears.fixes.get_matched_publication_data(handle)
    assert (fix.topic_name, fix.type_name) == ("rt/uavloc/fix", "sensor_msgs::msg::dds_::NavSatFix_")
    assert isinstance(fix.qos[Policy.Reliability], Policy.Reliability.Reliable)
    (handle,) = ears.origin.get_matched_publications()
    assert Policy.Durability.TransientLocal in ears.origin.get_matched_publication_data(handle).qos


def test_what_cannot_be_used_is_counted_and_told_and_never_a_fix(
    outside: Outside, flown: Flown, tmp_path: Path
) -> None:
    """Frames without a time, of tomorrow, damaged, of an unknown encoding, of another clock than the attitudes."""
    arguments = ("-p", f"config_file:={configured(flown, tmp_path)}", "-p", "autostart:=true", "-p", "queue:=20")
    with NodeProcess(MODULE, outside, tmp_path / "log", *arguments) as node:
        ears = Ears(outside)
        raw = outside.writer("/image", "sensor_msgs/msg/Image")
        info = outside.writer("/camera_info", "sensor_msgs/msg/CameraInfo")
        until(lambda: ears.heard() and matched(raw) and matched(info), "the node hears", 60)
        ears.finding("camera_info", "none came")
        base_ns = time.time_ns() - 10 * 10**9
        good = list(feeding.flight(flown.log, base_ns, 5, PERIOD_NS))
        jpeg = good[0].message.data
        raw_image = rostypes().of("sensor_msgs/msg/Image")
        ears.tell([feeding.image(0, jpeg), feeding.image(time.time_ns() + 86_400 * 10**9, jpeg), feeding.imu(0, 0.0)])
        ears.tell([feeding.distance(base_ns, 9999.0), feeding.image(base_ns - 3 * 10**9, jpeg[: len(jpeg) // 2])])
        ears.fixes_of(1)
        raw.write(raw_image(feeding.header(base_ns - 2 * 10**9), 240, 320, "jpeg2000?", 0, 960, bytes(240 * 960)))
        ears.fixes_of(2)
        raw.write(raw_image(feeding.header(base_ns - 10**9), 480, 640, "mono8", 0, 640, bytes(480 * 640)))
        ears.fixes_of(3)
        ears.tell([each.later(-3600 * 10**9) for each in good if each.topic == feeding.IMU])
        ears.tell([each for each in good if each.topic != feeding.IMU])
        camera = rostypes().of("sensor_msgs/msg/CameraInfo")()
        camera.header, camera.width, camera.height = feeding.header(base_ns), 1, 2
        info.write(camera)
        fixes = ears.fixes_of(3 + 5)
        assert all(fix.status.status == -1 for fix in fixes)
        for words in (
            "pictures: without a time 1", "pictures: of a time that is yet to come 1", "pictures: damaged",
            "imu: without a time 1", "range: beyond its reach 1", "encoding jpeg2000? is not known 1",
            "640 x 480 px, the camera has 320 x 240 1",
        ):  # fmt: skip
            ears.finding("pictures", words)
        ears.finding("camera_info", "1 x 2 px, the camera file says 320 x 240")
        assert ears.finding("readings", "not of the time of the pictures: attitude").level == 1
        ears.finding("position", "STALE_ATTITUDE")
        assert node.ended(signal.SIGINT) == 0
        assert "Traceback" not in node.said


def test_a_node_that_is_started_again_goes_on_where_it_was_and_hears_pictures_under_a_name_of_their_own(
    outside: Outside, flown: Flown, tmp_path: Path
) -> None:
    state = tmp_path / "uavloc.state"
    config = configured(flown, tmp_path, f'state = "{state}"\n')
    arguments = (
        "-p", f"config_file:={config}", "-p", "autostart:=true", "-p", "keep_state:=true", "-p", "queue:=20",
        "-r", "image:=/camera/image_raw", "-r", "image/compressed:=/nose/jpeg",
    )  # fmt: skip

    def fixes_of(log: str, messages: list[feeding.Told]) -> list[Any]:
        """What a node says of messages of which the last is of now, before it is told to end."""
        with NodeProcess(MODULE, outside, tmp_path / log, *arguments) as node:
            ears = Ears(outside, "/nose/jpeg")
            until(ears.heard, "the node hears", 60)
            since_ns = time.time_ns() - messages[-1].t_ns
            ears.tell([each.later(since_ns) for each in messages])
            fixes = ears.fixes_of(sum(each.topic == feeding.IMAGE for each in messages))
            until(state.exists, "the state is kept")
            assert node.ended(signal.SIGTERM) == 0, node.said
            return fixes

    flight = list(feeding.flight(flown.log, BEGIN_NS, FRAMES, PERIOD_NS))
    first = fixes_of("first", flight)[-1]
    assert first.status.status == 0
    config.write_text(config.read_text().replace(flown.start, "none"))
    again = fixes_of("again", flight[-18:])[-1]
    assert again.status.status == 0
    apart = LocalFrame(first.latitude, first.longitude).ne_from_geo(again.latitude, again.longitude)
    assert math.hypot(*apart) < 10.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "config_file: names no file"),
        (("-p", "config_file:=/nowhere/uavloc.toml", "-p", "max_rate_hz:=5"), "/nowhere/uavloc.toml"),
        (("-p", "config_file:={config}", "-p", "queue:=many"), "queue: must be a whole number, not 'many'"),
        (
            ("-p", "config_file:={config}", "-p", "height_above:=geoid"),
            "height_above: must be 'take-off'",
        ),
        (
            ("-p", "config_file:={config}", "-p", "keep_state:=true", "-p", "use_sim_time:=true"),
            "not with use_sim_time",
        ),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_in_a_line(
    outside: Outside, flown: Flown, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    config = configured(flown, tmp_path)
    given = [each.format(config=config) for each in arguments]
    with NodeProcess(MODULE, outside, tmp_path / "log", *given, "-p", "autostart:=true") as node:
        assert node.process.wait(30) == 2
        (line,) = node.said.splitlines()
        assert "not configured: " in line
        assert words in line


@pytest.mark.real_data
def test_the_first_frames_of_a_real_flight_are_the_same_over_the_wire(
    outside: Outside, data_dir: Path, tmp_path: Path
) -> None:
    log, source = data_dir / "adm" / "flight1", data_dir / "adm" / "map_2014-03.jpg"
    first = rows(log / "truth.csv")[0]
    cache = tmp_path / "adm.mbtiles"
    works("build", "--region", "-51.9462,-29.4017,-51.9412,-29.3993", "--source", source, "--out", cache)
    flown = Flown(source, cache, log, f"{first['lat_deg']},{first['lon_deg']},30")
    messages = list(feeding.flight(log, time.time_ns(), 20))
    expected = replayed(flown, messages, tmp_path)
    arguments = ("-p", f"config_file:={configured(flown, tmp_path)}", "-p", "autostart:=true", "-p", "queue:=100")
    with NodeProcess(MODULE, outside, tmp_path / "log", *arguments):
        ears = Ears(outside)
        until(ears.heard, "the node hears", 60)
        shift_ns = time.time_ns() - messages[-1].t_ns
        ears.tell([each.later(shift_ns) for each in messages])
        fixes = ears.fixes_of(20)
    apart = [apart_m(fix, row) for fix, row in zip(fixes, expected, strict=True) if row["lat_deg"]]
    assert len(apart) >= 8
    assert max(apart) < 1e-3

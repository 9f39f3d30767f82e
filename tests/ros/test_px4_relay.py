"""The relay between uavloc and PX4 under whatever comes in whatever order."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from uavloc_px4.generation import NEW
from uavloc_px4.relay import Relay
from uavloc_px4.report import report
from uavloc_px4.settings import Settings

START_NS, MS = 1_760_000_000 * 10**9, 10**6
ANY = st.floats(allow_nan=True, allow_infinity=True)
AGES_MS = st.one_of(st.integers(0, 250), st.integers(0, 250), st.integers(-600, 1000))
WEIRD_US = st.sampled_from([0, 1, 2**62, 2**63, 2**64 - 1])
KINDS = ("fix", "odometry", "origin", "attitude", "heights", "flags", "timesync")


def ns(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**fields)


def header(us: int | None) -> SimpleNamespace:
    us = us or 0
    return ns(stamp=ns(sec=us // 10**6, nanosec=us % 10**6 * 1000))


def covariance(side: int, variance: float) -> list[float]:
    return [variance if n % (side + 1) == 0 else 0.0 for n in range(side * side)]


@st.composite
def messages(draw: st.DrawFn, kind: str) -> Any:
    whole = draw(st.integers(0, 3)) > 0
    a, b, c = (draw(st.floats(low, high) if whole else ANY) for low, high in ((-90, 90), (-180, 180), (0.01, 100.0)))
    us, sample_us, good = (None, None, True) if whole else (draw(WEIRD_US), draw(WEIRD_US), draw(st.booleans()))
    if kind in {"fix", "origin"}:
        return ns(
            header=header(us), status=ns(status=0 if good else -1), latitude=a, longitude=b,
            position_covariance=covariance(3, c), position_covariance_type=draw(st.integers(0, 3)),
        )  # fmt: skip
    if kind == "odometry":
        pose = ns(pose=ns(position=ns(x=a, y=b, z=0.0), orientation=ns(x=0.0, y=0.0, z=a, w=c)))
        pose.covariance = covariance(6, c)
        twist = ns(twist=ns(linear=ns(x=a, y=b, z=0.0)), covariance=covariance(6, abs(a)))
        return ns(header=header(us), pose=pose, twist=twist)
    if kind == "attitude":
        return ns(timestamp=us, timestamp_sample=sample_us, q=[c, a, b, 0.0])
    if kind == "heights":
        return ns(
            timestamp=us, timestamp_sample=sample_us, z=a, z_valid=good, dist_bottom=b, dist_bottom_var=c,
            dist_bottom_valid=good, dist_bottom_sensor_bitfield=draw(st.integers(0, 3)),
        )  # fmt: skip
    if kind == "flags":
        return ns(
            cs_tilt_align=True, cs_yaw_align=good, cs_mag_field_disturbed=good, cs_mag_fault=False, cs_aux_gpos=good
        )
    return ns(timestamp=us, round_trip_time=2000)


def stamped(message: Any, t_ns: int) -> Any:
    """The message with the time that it left open."""
    if hasattr(message, "header") and message.header.stamp.sec == 0:
        message.header = header(t_ns // 1000)
    for name in ("timestamp", "timestamp_sample"):
        if getattr(message, name, 0) is None:
            setattr(message, name, t_ns // 1000)
    return message


STEPS = st.sampled_from(KINDS).flatmap(
    lambda kind: st.tuples(st.just(kind), messages(kind), st.integers(-50, 300), AGES_MS)
)


@settings(max_examples=80)
@given(st.lists(STEPS, min_size=8, max_size=25))
def test_nothing_breaks_it_and_nothing_is_sent_that_cannot_be_stood_for(steps: list[tuple[str, Any, int, int]]) -> None:
    relay, now_ns, sent = Relay(Settings(rate_hz=50.0), NEW, START_NS), START_NS, []
    relay.clock.hear(START_NS // 1000, START_NS)
    for kind, message, later_ms, age_ms in steps:
        now_ns += later_ms * MS
        told = getattr(relay, kind)(stamped(message, now_ns - age_ms * MS), now_ns)
        if kind in {"fix", "odometry"} and told is not None:
            sent.append(told)
            assert abs(told["lat"]) <= 90.0
            assert abs(told["lon"]) <= 180.0
            assert 0.5 <= told["eph"] < math.inf
            assert 0 <= told["lat_lon_reset_counter"] < 256
            assert 0 < told["timestamp_sample"] < 2**63
            assert 0 < told["timestamp"] < 2**63
        assert all(len(part.message) < 400 for part in report(relay, now_ns, 1, "topic", "type"))
    assert relay.counts["sent"] == len(sent)
    event(f"{min(3, len(sent))} sent or more")


def test_without_a_word_of_px4_nothing_is_sent() -> None:
    relay = Relay(Settings(), NEW, START_NS)
    fix = ns(
        header=header(START_NS // 1000), status=ns(status=0), latitude=47.4, longitude=8.55,
        position_covariance=covariance(3, 4.0), position_covariance_type=2,
    )  # fmt: skip
    assert relay.fix(fix, START_NS) is None
    assert relay.counts == {"withheld: clock of the autopilot not known": 1}

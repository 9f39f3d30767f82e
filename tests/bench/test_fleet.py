"""Fleets of simulated flights: what is planned, what is flown, what is counted, and what survives an interruption."""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program import Flown as Recorded
from pyproj import Geod

from uavloc.bench.fleet import FACTS, FLIGHTS, FleetJob, measure_fleet
from uavloc.bench.fleetflight import Flown, SimulatedLog, fly
from uavloc.bench.fleetplan import AGL_M, KINDS, PLACES, SIZE_M, Plan, plan_flight
from uavloc.bench.fleettable import fleet_document, fleet_markdown, summary
from uavloc.bench.lanes import in_lanes
from uavloc.commands import fleet as command
from uavloc.config import Config
from uavloc.encode import load_engine
from uavloc.errors import InputError, UavlocError, UsageError
from uavloc.logs import open_log
from uavloc.sim import (
    AUTUMN,
    Faults,
    FlightSpec,
    Scene,
    SimulatedFlight,
    WorldSpec,
    default_camera,
    scene_from_world,
    simulate_flight,
)
from uavloc.tiles import TileCache
from uavloc.types import Attitude, Frame, Height, Progress, Velocity

SPEC = FlightSpec(
    seed=6, pattern="eight", agl_m=(70.0,), speed_mps=8.0, max_frames=6, camera=default_camera(320, 240),
    faults=Faults(dropped=frozenset({2}), yaw_spiked=frozenset({4})),
)  # fmt: skip
ROW = Flown(0, "town", "plain", "town-1", "town-1", "autumn", 150.0, 4, 2, 6.0, 90.0, {"FIX": 2, "LOST": 2}, [], [])


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The world of the recorded flight, in another season than its map."""
    return scene_from_world(WorldSpec(seed=4, size_m=460.0, gsd_m=0.5, lat_deg=33.0, lon_deg=-7.0), AUTUMN)


@given(seed=st.integers(0, 2**31), number=st.integers(0, 99_999))
@settings(max_examples=60, deadline=None)
def test_every_flight_can_be_flown_on_its_map(seed: int, number: int) -> None:
    plan = plan_flight(seed, number)
    assert plan == plan_flight(seed, number)
    flight, camera = plan.flight, plan.flight.camera
    assert AGL_M[0] <= min(flight.agl_m) <= max(flight.agl_m) <= AGL_M[1]
    step_m = flight.speed_mps / flight.rate_hz
    assert step_m <= 0.4 * min(flight.agl_m) * camera.height_px / camera.fy_px + 1e-6
    assert 1.0 <= 1.0 / flight.rate_hz <= 3.0 + 1e-9
    geod, world = Geod(ellps="WGS84"), plan.place.world
    corners = [(point.lon_deg, point.lat_deg) for point in flight.waypoints]
    away_m = [geod.inv(world.lon_deg, world.lat_deg, *corner)[2] for corner in corners]
    assert max(away_m) + max(flight.agl_m) < SIZE_M / 2
    legs_m = [geod.inv(*a, *b)[2] for a, b in itertools.pairwise(corners)]
    assert sum(legs_m) >= 1.2 * 150.0 * flight.speed_mps
    assert plan.date != plan.place.map_date
    assert (plan.on_map == plan.place) == (plan.kind != "wrong map")
    assert plan.on_map.world.georef == plan.place.world.georef


def test_two_hundred_flights_are_eight_hours_of_every_kind_over_every_terrain() -> None:
    plans = [plan_flight(1, number) for number in range(200)]
    assert sum((plan.flight.max_frames - 1) / plan.flight.rate_hz for plan in plans) >= 8 * 3600.0
    assert Counter(plan.terrain for plan in plans) == dict.fromkeys(PLACES, 50)
    assert {(plan.terrain, plan.kind) for plan in plans} == {(t, kind) for t in PLACES for kind in KINDS}
    assert len({plan.place.name for plan in plans}) == 8
    assert any(plan.flight.faults.black for plan in plans if plan.kind == "faults")
    assert not any(plan.flight.faults.black for plan in plans if plan.kind != "faults")


def test_another_seed_is_another_fleet() -> None:
    one, two = plan_flight(1, 7), plan_flight(2, 7)
    assert one.place.world != two.place.world
    assert one.flight.speed_mps != two.flight.speed_mps


def test_a_flight_in_memory_says_what_its_folder_says(scene: Scene, tmp_path: Path) -> None:
    simulate_flight(scene, SPEC, tmp_path)
    flight = SimulatedFlight(scene, SPEC)
    folder, log = open_log(tmp_path), SimulatedLog(flight)
    assert len(log) == len(folder) == 5
    pairs = list(zip(log.events(), folder.events(), strict=True))
    assert {type(event) for event, _ in pairs} == {Attitude, Height, Velocity, Frame}
    for ours, theirs in pairs:
        assert type(ours) is type(theirs)
        assert abs(ours.t_ns - theirs.t_ns) < 1e6
        if isinstance(ours, Attitude) and isinstance(theirs, Attitude):
            assert ours.ned_from_body == pytest.approx(theirs.ned_from_body, abs=2e-5)
            assert ours.std_rad == pytest.approx(theirs.std_rad, abs=2e-5)
        elif isinstance(ours, Height) and isinstance(theirs, Height):
            assert (ours.agl_m, ours.std_m) == pytest.approx((theirs.agl_m, theirs.std_m), abs=1e-3)
        elif isinstance(ours, Velocity) and isinstance(theirs, Velocity):
            assert ours.vel_ne_mps == pytest.approx(theirs.vel_ne_mps, abs=1e-3)
            assert ours.std_mps == theirs.std_mps
        elif isinstance(ours, Frame) and isinstance(theirs, Frame):
            assert ours.name == theirs.name
            assert ours.image is not None
            assert theirs.image is not None
            assert np.abs(ours.image.astype(int) - theirs.image).mean() < 6.0
    assert [row.name for row in log.truth] == ["00000", "00001", "00003", "00004", "00005"]
    assert log.truth[0].point == flight.begins


@pytest.mark.parametrize("kind", ["plain", "no start"])
def test_one_flight_becomes_one_line(scene: Scene, flown: Recorded, kind: str) -> None:
    plan: Plan = replace(plan_flight(1, 0), kind=kind, flight=SPEC)  # type: ignore[arg-type]
    encoder = load_engine(Config().engine.name, 1)
    with TileCache.open(flown.cache, encoder) as cache:
        row = fly(plan, scene, cache, encoder, Config())
    assert row.frames == 5 == sum(row.outcomes.values())
    assert row.seconds == pytest.approx(5.0)
    assert row.fixes == row.outcomes.get("FIX", 0)
    assert len(row.errors_m) == len(row.nis) <= row.frames
    assert all(error <= 50.0 for error in row.errors_m)
    assert row.ms > 0
    assert Flown(**json.loads(json.dumps(asdict(row), allow_nan=False))) == row


def test_shares_are_of_all_frames_and_errors_of_the_published() -> None:
    rows = [
        replace(ROW, errors_m=[1.0, 7.0, 60.0], nis=[1.0, 5.0, 9.0]),
        replace(ROW, flight=1, frames=6, first_fix_s=None, outcomes={"LOST": 6}),
    ]
    got = summary("town", rows)
    assert (got["flights"], got["frames"], got["published"]) == (2, 10, 3)
    assert got["hours"] == pytest.approx(300 / 3600)
    assert (got["availability"], got["a_5m"], got["a_10m"]) == (0.3, 0.1, 0.2)
    assert (got["cep50_m"], got["false_positions"], got["flights_with_false"]) == (7.0, 1, 1)
    assert (got["first_fix_s"], got["without_fix"]) == (6.0, 1)
    assert got["ellipse95_coverage"] == pytest.approx(2 / 3)
    assert got["nis_mean"] == pytest.approx(5.0)


def test_flights_that_may_find_nothing_do_not_count_for_their_terrain() -> None:
    rows = [ROW, replace(ROW, flight=1, kind="wrong map"), replace(ROW, flight=2, kind="snow")]
    document = fleet_document(1, load_engine(Config().engine.name, 1), rows)
    assert [row["flights"] for row in document["by_terrain"]] == [1]
    assert [(row["name"], row["flights"]) for row in document["by_kind"]] == [
        ("plain", 1), ("wrong map", 1), ("snow", 1),
    ]  # fmt: skip
    assert document["all"]["flights"] == 3
    markdown = fleet_markdown(document)
    assert "| wrong map | 1 | 0.04 | 4 | 0.0 % |" in markdown
    assert "| town | 1 |" in markdown


@contextmanager
def silent(label: str) -> Iterator[Progress]:
    yield lambda done, total: None


def kept(folder: Path, count: int, rest: str = "") -> FleetJob:
    """A folder in which an earlier run left flights, the last line perhaps cut short."""
    job = FleetJob(folder, flights=0)
    measure_fleet(job, silent)
    lines = [json.dumps(asdict(replace(ROW, flight=number))) + "\n" for number in range(count)]
    (folder / FLIGHTS).write_text("".join(lines) + rest)
    return replace(job, flights=count)


def test_what_is_flown_is_not_flown_again(tmp_path: Path) -> None:
    job = kept(tmp_path, 4, rest='{"flight": 4, "terr')
    assert measure_fleet(job, silent)["all"]["flights"] == 4
    assert (tmp_path / FLIGHTS).read_text().count("\n") == 4
    assert measure_fleet(replace(job, flights=3), silent)["all"]["flights"] == 3
    assert not (tmp_path / "maps").exists()


def test_another_fleet_does_not_mix_in(tmp_path: Path) -> None:
    job = kept(tmp_path, 2)
    with pytest.raises(UsageError, match="another seed"):
        measure_fleet(replace(job, seed=2), silent)
    changed = Config().model_copy(update={"refine": Config().refine.model_copy(update={"enabled": True})})
    with pytest.raises(UsageError, match="another config"):
        measure_fleet(replace(job, config=changed), silent)
    (tmp_path / FACTS).write_text("[]")
    with pytest.raises(UsageError, match=FACTS):
        measure_fleet(job, silent)


@pytest.mark.parametrize("line", ["[]", '{"flight": 1}', "not json", '"\xff'])
def test_lines_that_are_no_flights_are_refused_with_the_file(tmp_path: Path, line: str) -> None:
    job = kept(tmp_path, 1)
    (tmp_path / FLIGHTS).write_bytes((line + "\n").encode("latin-1"))
    with pytest.raises(InputError, match=FLIGHTS):
        measure_fleet(job, silent)


def options(*words: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return parser.parse_args([str(word) for word in words])


def test_the_command_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept(tmp_path, 2)
    command.run(options("--out", tmp_path, "--flights", 2, "--workers", 1, "--json"))
    assert json.loads(capsys.readouterr().out)["all"]["flights"] == 2
    command.run(options("--out", tmp_path, "--flights", 2))
    assert "By terrain" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--flights", 0), ("--workers", 0), ("--seed", -1), ("--flights", "many")])
def test_numbers_that_cannot_be_are_refused(
    words: tuple[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options("--out", tmp_path, *words)
    assert "whole number" in capsys.readouterr().err


def who(item: int) -> tuple[int, int, str | None, int]:
    return item, os.getpid(), os.environ.get("OMP_NUM_THREADS"), int(math.sqrt(item))


def refuse(item: int) -> int:
    if item == 3:
        raise InputError(f"item {item}: refused")
    return item


def die(item: int) -> int:
    os._exit(9)


def sleep(item: int) -> int:
    time.sleep(0.0 if item == 0 else 600.0)
    return item


def test_a_queue_stays_in_its_process_and_everything_is_done() -> None:
    before = dict(os.environ)
    queues = [[1, 2, 3], [], [10], [20, 21]]
    done = list(in_lanes(who, queues, 2))
    assert sorted(item for item, *_ in done) == [1, 2, 3, 10, 20, 21]
    where = {item: pid for item, pid, *_ in done}
    assert where[1] == where[2] == where[3]
    assert where[20] == where[21]
    assert len(set(where.values())) == 2
    assert os.getpid() not in where.values()
    assert {threads for *_, threads, _ in done} == {"1"}
    assert dict(os.environ) == before
    assert list(in_lanes(who, [], 2)) == []


def test_a_refusal_in_a_process_is_the_refusal_of_all() -> None:
    with pytest.raises(InputError, match="item 3: refused"):
        list(in_lanes(refuse, [[1, 2, 3, 4]], 1))


def test_a_process_that_dies_is_noticed() -> None:
    with pytest.raises(UavlocError, match="ended before"):
        list(in_lanes(die, [[1]], 1))


def test_leaving_early_ends_the_processes() -> None:
    started = time.monotonic()
    with closing(in_lanes(sleep, [[0, 1], [2]], 2)) as done:
        assert next(done) == 0
    assert time.monotonic() - started < 60.0

"""The state on disk: what comes back, and what is not taken for one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.belief import Prior
from uavloc.clock import Clock
from uavloc.errors import InputError, UavlocError
from uavloc.flightconfig import MissionConfig
from uavloc.onboard.resuming import young_state
from uavloc.onboard.statefile import load_state, save_state
from uavloc.types import GeoPoint

CLOCK = Clock()


def prior(age_s: float = 0.0, size: int = 6) -> Prior:
    draw = np.random.default_rng(size)
    root = draw.normal(size=(size, size))
    return Prior(
        CLOCK.now_ns() - round(age_s * 1e9), GeoPoint(33.1, -7.2), tuple(draw.normal(size=size - 2)), root @ root.T
    )


@pytest.mark.parametrize("size", [6, 8])
def test_a_state_comes_back_as_it_was(tmp_path: Path, size: int) -> None:
    path, saved = tmp_path / "state.json", prior(7.5, size)
    save_state(path, saved, GeoPoint(33.0, -7.0), CLOCK)
    state = load_state(path)
    assert state is not None
    back = state.prior(CLOCK)
    assert (back.point, back.rest) == (saved.point, pytest.approx(saved.rest))
    assert back.cov == pytest.approx(saved.cov)
    assert state.takeoff_point() == GeoPoint(33.0, -7.0)
    assert state.age_s() == pytest.approx(7.5, abs=0.5)
    assert back.t_ns == pytest.approx(saved.t_ns, abs=5e8)


def test_only_a_young_state_is_taken_up(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    mission = MissionConfig(state=str(path), state_max_age_s=60.0)
    assert young_state(mission) is None
    save_state(path, prior(50.0), None, CLOCK)
    assert young_state(mission) is not None
    save_state(path, prior(70.0), None, CLOCK)
    assert young_state(mission) is None
    save_state(path, prior(-30.0), None, CLOCK)
    assert young_state(mission) is None, "from the future"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"format": "other"}, "format"),
        ({"lat_deg": 95.0}, "lat_deg"),
        ({"lon_deg": "7"}, "lon_deg"),
        ({"cov": [[1.0]]}, "cov"),
        ({"cov": [[-1.0 if i == j else 0.0 for i in range(6)] for j in range(6)]}, "cov"),
        ({"cov": [[float(i) for i in range(6)] for _ in range(6)]}, "cov"),
        ({"cov": [[1e30 if i == j else 0.0 for i in range(6)] for j in range(6)]}, "cov"),
        ({"elements": [0.0] * 1000}, "elements"),
        ({"elements": [float("nan")] * 4}, "elements"),
        ({"takeoff": [1.0]}, "takeoff"),
        ({"surprise": 1}, "surprise"),
        ({"wall_ns": 1.5}, "wall_ns"),
        ({"up_ns": 10**400}, "up_ns"),
    ],
)
def test_what_is_no_state_is_refused_with_its_field(tmp_path: Path, change: dict[str, object], field: str) -> None:
    path = tmp_path / "state.json"
    save_state(path, prior(), None, CLOCK)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError) as refused:
        load_state(path)
    assert str(path) in str(refused.value)
    assert field in str(refused.value)
    assert young_state(MissionConfig(state=str(path))) is None


@given(content=st.binary(max_size=300) | st.just(b"[" * 50_000) | st.just(b" " * 100_000))
@settings(deadline=None, max_examples=60)
def test_any_bytes_are_refused_in_one_line(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("state") / "state.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        load_state(path)
    assert "\n" not in str(refused.value)


def test_a_state_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(UavlocError, match="cannot write"):
        save_state(tmp_path / "no" / "folder.json", prior(), None, CLOCK)

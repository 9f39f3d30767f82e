"""One small world on two dates, drawn once for all tests of the simulator."""

from __future__ import annotations

import pytest

from uavloc.sim import AUTUMN, SUMMER, Scene, WorldSpec, scene_from_world


@pytest.fixture(scope="session")
def spec() -> WorldSpec:
    return WorldSpec(seed=5, size_m=480.0, gsd_m=0.5, lat_deg=47.5, lon_deg=8.5)


@pytest.fixture(scope="session")
def summer(spec: WorldSpec) -> Scene:
    return scene_from_world(spec, SUMMER)


@pytest.fixture(scope="session")
def autumn(spec: WorldSpec) -> Scene:
    return scene_from_world(spec, AUTUMN)

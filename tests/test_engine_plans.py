"""Plans are a cache: kept for exactly one purpose, and built again whenever anything about them is doubtful."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import onnxmodels as nets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.card import EngineCard, check_card
from uavloc.encode.plans import PlanKey, check_version, plan_folder, plan_path, ready_plan, store_plan, stored_plan
from uavloc.encode.shapes import plan_shapes, shapes_in_words
from uavloc.errors import EngineError

KEY = PlanKey("10.3.0", "8.7", "ab" * 32, "fp16", "image:1x1x64x64/12x1x320x320/32x1x768x768")
PLAN = bytes(range(256)) * 8


class Board:
    """Builds and loads plans as a board would, and counts."""

    def __init__(self, accepts: bool = True) -> None:
        self.built = 0
        self.accepts = accepts

    def build(self) -> bytes:
        self.built += 1
        return PLAN

    def load(self, plan: bytes) -> str | None:
        return "engine" if self.accepts and plan == PLAN else None


def card(**more: object) -> EngineCard:
    model = {"file": "model.onnx", "sha256": "0" * 64, "opset": 18}
    return check_card(nets.engine_facts(model=model, output=nets.DENSE, **more), "card")


def test_a_kept_plan_is_used(tmp_path: Path) -> None:
    path, board = plan_path(tmp_path / "plans", "small", KEY), Board()
    for _ in range(3):
        assert ready_plan(path, KEY, board.build, board.load) == "engine"
    assert board.built == 1
    assert stored_plan(path, KEY) == PLAN
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(PlanKey)])
def test_another_purpose_has_another_plan(tmp_path: Path, field: str) -> None:
    other = dataclasses.replace(KEY, **{field: getattr(KEY, field) + "0"})
    assert plan_path(tmp_path, "small", other) != plan_path(tmp_path, "small", KEY)


def test_a_plan_of_another_board_is_built_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, board = tmp_path / "p.plan", Board()
    store_plan(path, dataclasses.replace(KEY, compute="8.9"), PLAN)
    assert ready_plan(path, KEY, board.build, board.load) == "engine"
    assert board.built == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert str(path) in caplog.text
    assert stored_plan(path, KEY) == PLAN


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_damaged_plan_is_never_loaded(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("plans") / "p.plan"
    store_plan(path, KEY, PLAN)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    assert stored_plan(path, KEY) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"uavloc plan 1\n", b"uavloc plan 1\n{}\n", b"ftrt" * 100])
def test_what_is_no_plan_is_built_again_with_one_warning(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path, board = tmp_path / "p.plan", Board()
    path.write_bytes(content)
    assert ready_plan(path, KEY, board.build, board.load) == "engine"
    assert (board.built, len(caplog.records)) == (1, 1)


def test_a_plan_that_the_board_refuses_is_built_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, board = tmp_path / "p.plan", Board()
    store_plan(path, KEY, b"whole, but not for this board")
    assert ready_plan(path, KEY, board.build, board.load) == "engine"
    assert (board.built, len(caplog.records)) == (1, 1)


def test_a_new_plan_that_is_refused_is_an_error_and_not_kept(tmp_path: Path) -> None:
    path, board = tmp_path / "p.plan", Board(accepts=False)
    with pytest.raises(EngineError, match="just built"):
        ready_plan(path, KEY, board.build, board.load)
    assert not path.exists()


def test_where_nothing_can_be_kept_the_plan_is_still_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "plans").write_text("a file where the folder should be")
    board = Board()
    assert ready_plan(tmp_path / "plans" / "p.plan", KEY, board.build, board.load) == "engine"
    assert "not kept" in caplog.text


def test_plans_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert plan_folder() == tmp_path / "uavloc" / "plans"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert plan_folder() == Path.home() / ".cache" / "uavloc" / "plans"


@pytest.mark.parametrize("version", ["10.3.0", "10.16.1.11", "10.3", "10.4.0b1"])
def test_the_versions_of_current_boards_are_taken(version: str) -> None:
    check_version(version)


@pytest.mark.parametrize("version", ["8.6.1", "10.2.0", "11.0.0", "12.1", "", "ten"])
def test_other_versions_are_refused(version: str) -> None:
    with pytest.raises(EngineError, match="TensorRT"):
        check_version(version)


# --- the shapes a plan is built for -----------------------------------------------------------------------------------


def test_shapes_follow_the_card() -> None:
    shapes = plan_shapes(card(profile={"pictures": [1, 4, 8], "side_px": [64, 128, 256]}))
    assert shapes == {"image": ((1, 1, 64, 64), (4, 1, 128, 128), (8, 1, 256, 256))}
    assert shapes_in_words(shapes) == "image:1x1x64x64/4x1x128x128/8x1x256x256"


def test_what_the_network_fixes_is_fixed() -> None:
    facts = {"image": "image", "mask": "mask", "colour": "rgb", "mean": 0.0, "std": 1.0, "size_px": 96, "batch": 1}
    shapes = plan_shapes(card(input=facts))
    assert shapes == {"image": ((1, 3, 96, 96),) * 3, "mask": ((1, 1, 96, 96),) * 3}


@pytest.mark.parametrize("window_px", [32, 1024])
def test_the_window_of_the_global_head_fits(window_px: int) -> None:
    whole = {"output": "vector", "dim": 8, "window_px": window_px}
    least, usual, most = plan_shapes(card(**{"global": whole}))["image"]
    assert least[2] <= window_px <= most[2]
    assert least[2] <= usual[2] <= most[2]

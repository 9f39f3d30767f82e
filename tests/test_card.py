"""Engine cards: what is written is read again, and what contradicts itself is refused by file and field."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import onnxmodels as nets
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from uavloc.card import EngineCard, check_card, dump_card, load_card
from uavloc.errors import EngineError

SHA = "0" * 64
DENSE = {"dense": "dense", "channels": 4, "stride": 4, "halo_px": 8}
WHOLE = {"output": "vector", "dim": 8, "window_px": 96}


def facts(**more: Any) -> dict[str, Any]:
    told = nets.engine_facts(model={"file": "model.onnx", "sha256": SHA, "opset": 18}, output=DENSE)
    return {**copy.deepcopy(told), "global": dict(WHOLE), **more}


def changed(place: str, value: object) -> dict[str, Any]:
    told: Any = facts()
    table, *keys, last = [told, *place.split(".")]
    for key in keys:
        table = table[key]
    if value is None:
        del table[last]
    else:
        table[last] = value
    return told  # type: ignore[no-any-return]


numbers = st.floats(-1e3, 1e3, allow_nan=False)
positive = st.floats(1e-3, 1e3, allow_nan=False)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@st.composite
def cards(draw: st.DrawFn) -> EngineCard:
    colour = draw(st.sampled_from(["grey", "rgb", "bgr"]))
    value = (lambda kind: kind) if colour == "grey" else (lambda kind: kind | st.tuples(kind, kind, kind))
    channels = draw(st.integers(1, 6))
    dense = {**DENSE, "channels": channels, "halo_px": draw(st.integers(0, 99))}
    if draw(st.booleans()):
        dense |= {"unit": True, "centre": draw(st.lists(numbers, min_size=channels, max_size=channels))}
    if draw(st.booleans()):
        dense |= {"layout": "tokens", "skip_tokens": draw(st.integers(0, 5))}
    told = facts(
        description=draw(words),
        licence=draw(words),
        training_data=draw(st.lists(words, max_size=3)),
        input={"image": draw(words), "colour": colour, "mean": draw(value(numbers)), "std": draw(value(positive))},
        output=dense,
        reference={"seed": 1, "side_px": 64, "dense": "AAAA", "global": "AAAA", "tolerance": {"fp16": draw(positive)}},
        variant=[{"precision": p, "file": f"{p}.onnx", "sha256": SHA} for p in draw(st.sets(st.just("fp16")))],
    )
    if draw(st.booleans()):
        told.pop(draw(st.sampled_from(["output", "global"])))
    return check_card(told, "card")


@settings(max_examples=60, deadline=None)
@given(cards())
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, card: EngineCard) -> None:
    folder = tmp_path_factory.mktemp("card")
    (folder / "engine.toml").write_text(dump_card(card), encoding="utf-8", newline="")
    read = load_card(folder)
    assert read == card
    assert read.identity == card.identity


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("input.mean", 3.0),
        ("input.colour", "rgb"),
        ("input.size_px", 96),
        ("output.halo_px", 12),
        ("output.unit", True),
        ("global.dim", 9),
        ("global.window_px", 128),
        ("global", None),
        ("model.sha256", "1" * 64),
    ],
)
def test_what_shapes_descriptors_shapes_the_identity(place: str, value: object) -> None:
    assert check_card(changed(place, value), "card").identity != check_card(facts(), "card").identity


@pytest.mark.parametrize(
    "more",
    [
        {"description": "other"},
        {"variant": [{"precision": "fp16", "file": "f.onnx", "sha256": SHA}]},
        {"reference": {"seed": 1, "dense": "AAAA"}},
        {"cpu": {"graph": "extended"}},
        {"profile": {"side_px": [64, 128, 256]}},
    ],
)
def test_what_shapes_no_descriptor_leaves_the_identity(more: dict[str, Any]) -> None:
    assert check_card(facts(**more), "card").identity == check_card(facts(), "card").identity


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        ("input.colour", "hsv", "input.colour"),
        ("input.mean", [1.0, 2.0, 3.0], "mean"),
        ("input.mean", float("nan"), "input.mean"),
        ("input.std", [1.0, 0.0, 1.0], "input.std"),
        ("input.size_px", 98, "window_px"),
        ("input.batch", 0, "input.batch"),
        ("output.centre", [0.0], "centre"),
        ("output.layout", "tokens", "skip_tokens"),
        ("output.skip_tokens", 1, "skip_tokens"),
        ("output.unit", False, "output.unit"),
        ("global.dim", 0, "global.dim"),
        ("global.extra", 1, "global.extra"),
        ("model.file", "..", "model.file"),
        ("model.file", "a/b.onnx", "model.file"),
        ("gsd_range_m", [2.0, 1.0], "gsd_range_m"),
        ("gsd_range_m", [0.0, 1.0], "gsd_range_m"),
        ("profile", {"pictures": [2, 4, 8]}, "pictures"),
        ("profile", {"side_px": [64, 32, 128]}, "side_px"),
        ("variant", [{"precision": "fp16", "file": "f", "sha256": SHA}] * 2, "variant"),
        ("variant", [{"precision": "fp32", "file": "f", "sha256": SHA}], "variant"),
        ("reference", {"seed": -1}, "reference.seed"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(place: str, value: object, field: str) -> None:
    with pytest.raises(EngineError, match=r"^folder/engine\.toml: ") as refused:
        check_card(changed(place, value), "folder/engine.toml")
    assert field in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("size_px", "stride", "halo_px"), [(16, 4, 8), (32, 8, 9)])
def test_a_network_of_one_size_must_hold_two_halos_in_whole_cells(size_px: int, stride: int, halo_px: int) -> None:
    dense = {**DENSE, "stride": stride, "halo_px": halo_px}
    told = facts(input={**facts()["input"], "size_px": size_px}, output=dense, **{"global": None})
    with pytest.raises(EngineError, match="two halos"):
        check_card(told, "card")


def test_a_card_without_a_head_is_refused() -> None:
    with pytest.raises(EngineError, match="at least one"):
        check_card(facts(output=None, **{"global": None}), "card")


def test_a_card_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text("#" * (2 << 20))
    with pytest.raises(EngineError, match="larger than"):
        load_card(tmp_path)


def test_optional_tables_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "engine.toml").write_text(tomli_w.dumps(facts()))
    card = load_card(tmp_path)
    assert card.variant is card.profile is card.reference is card.cpu is None

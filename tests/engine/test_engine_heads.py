"""What goes into a network and what comes out, with onnx's own interpreter and OpenCV as oracles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxmodels as nets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from uavloc.card import GlobalFacts, OutputFacts
from uavloc.encode import OnnxEncoder, OnnxRuntime, load_card, load_engine, open_engine
from uavloc.encode.heads import dense_cells, global_rows
from uavloc.encode.pictures import pieces
from uavloc.engine.check import check_engine
from uavloc.errors import EngineError

RNG = np.random.default_rng(0)
RGB = cv2.GaussianBlur(RNG.integers(0, 256, (96, 64, 3), np.uint8), (0, 0), 2)[None].repeat(2, axis=0)
GREY = RGB[..., 1]
REAL = np.ones((2, 96, 64), np.bool_)
WHOLE = {"output": "vector", "dim": 12, "window_px": 64}


def evaluated(model: bytes, picture: np.ndarray, output: int = 0) -> np.ndarray:
    return np.asarray(ReferenceEvaluator(onnx.load_from_string(model)).run(None, {"image": picture})[output])


# --- what goes in -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["rgb", "bgr"])
def test_colours_come_in_the_order_and_range_of_the_card(tmp_path: Path, colour: str) -> None:
    model = nets.dense_net(planes=3)
    mean, std = (10.0, 20.0, 30.0), (50.0, 60.0, 70.0)
    facts = {"image": "image", "colour": colour, "mean": mean, "std": std}
    engine = load_engine(str(nets.engine(tmp_path / "e", model, input=facts, output=nets.DENSE)))
    picture = RGB if colour == "rgb" else cv2.cvtColor(RGB.reshape(-1, 64, 3), cv2.COLOR_RGB2BGR).reshape(RGB.shape)
    feed = (picture.astype(np.float64) - mean) / std
    expected = evaluated(model, np.moveaxis(feed, -1, 1).astype(np.float32))
    assert engine.encode(RGB, REAL).data == pytest.approx(expected, abs=1e-5)


def test_grey_pictures_feed_colour_networks(tmp_path: Path) -> None:
    facts = {"image": "image", "colour": "rgb", "mean": 0.0, "std": 255.0}
    engine = load_engine(str(nets.engine(tmp_path / "e", nets.dense_net(planes=3), input=facts, output=nets.DENSE)))
    same = np.stack([GREY] * 3, axis=-1)
    assert np.array_equal(engine.encode(GREY, REAL).data, engine.encode(same, REAL).data)


def test_colour_pictures_feed_grey_networks(tmp_path: Path) -> None:
    engine = load_engine(str(nets.engine(tmp_path / "e", nets.dense_net(), output=nets.DENSE)))
    grey = np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in RGB])
    assert np.array_equal(engine.encode(RGB, REAL).data, engine.encode(grey, REAL).data)


def test_masked_pixels_have_no_say_where_the_network_knows_no_mask(tmp_path: Path) -> None:
    folder = nets.engine(tmp_path / "e", nets.dense_net(), output=nets.DENSE)
    engine = load_engine(str(folder))
    mask = REAL.copy()
    mask[:, 30:50, :40] = False
    noisy = np.where(mask, GREY, RNG.integers(0, 256, GREY.shape)).astype(np.uint8)
    one, other = engine.encode(GREY, mask), engine.encode(noisy, mask)
    assert np.array_equal(one.data, other.data)
    assert np.array_equal(one.mask, mask.reshape(2, 24, 4, 16, 4).all(axis=(2, 4)))
    assert not one.data.transpose(0, 2, 3, 1)[~one.mask].any()


# --- what comes out ---------------------------------------------------------------------------------------------------


def test_pictures_run_alone_or_together_the_same(tmp_path: Path) -> None:
    engine = load_engine(str(nets.engine(tmp_path / "e", nets.global_net(planes=1), **{"global": WHOLE})))
    pictures = RNG.integers(0, 256, (5, 64, 64), np.uint8)
    real = np.ones(pictures.shape, np.bool_)
    alone = np.concatenate([engine.describe(pictures[i : i + 1], real[:1]) for i in range(5)])
    assert engine.describe(pictures, real) == pytest.approx(alone, abs=1e-6)


def test_no_pictures_give_no_descriptors(tmp_path: Path) -> None:
    dense = {"dense": "dense", "channels": 4, "stride": 4, "halo_px": 4}
    whole = {"output": "vector", "dim": 8, "window_px": 64}
    engine = load_engine(str(nets.engine(tmp_path / "e", nets.two_heads(), output=dense, **{"global": whole})))
    cells = engine.encode(GREY[:0], REAL[:0])
    assert (cells.data.shape, cells.mask.shape) == ((0, 4, 24, 16), (0, 24, 16))
    assert engine.describe(GREY[:0, :64], REAL[:0, :64]).shape == (0, 8)


def test_rows_have_unit_length_and_nothing_gives_zero(tmp_path: Path) -> None:
    engine = load_engine(str(nets.engine(tmp_path / "e", nets.global_net(planes=1), **{"global": WHOLE})))
    real = np.ones((2, 64, 64), np.bool_)
    real[1] = False
    rows = engine.describe(GREY[:, :64], real)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1.0, 0.0], abs=1e-6)


def test_what_an_engine_has_not_it_refuses(tmp_path: Path) -> None:
    whole = load_engine(str(nets.engine(tmp_path / "w", nets.global_net(planes=1), **{"global": WHOLE})))
    dense = load_engine(str(nets.engine(tmp_path / "d", nets.dense_net(), output=nets.DENSE)))
    assert (whole.channels, whole.stride, whole.halo_px) == (0, 1, 0)
    assert (dense.global_dim, dense.window_px) == (0, 0)
    with pytest.raises(EngineError, match="no dense head"):
        whole.encode(GREY, REAL)
    with pytest.raises(EngineError, match="no global head"):
        dense.describe(GREY, REAL)
    with pytest.raises(ValueError, match="64 pixels"):
        whole.describe(GREY, REAL)


def test_what_is_not_finite_is_not_valid() -> None:
    raw = np.ones((1, 2, 3, 3), np.float32)
    raw[0, 1, 1, 1], raw[0, 0, 2, 0] = np.nan, np.inf
    facts = OutputFacts(dense="d", channels=2, stride=4, halo_px=0)
    cells = dense_cells(raw, None, np.ones((1, 12, 12), np.bool_), facts)
    assert sorted(map(tuple, np.argwhere(~cells.mask[0]))) == [(1, 1), (2, 0)]
    assert np.isfinite(cells.data).all()
    assert not cells.data[0, :, ~cells.mask[0]].any()
    row = global_rows(np.array([[np.nan, 1.0]], np.float32), np.ones((1, 4, 4), np.bool_), GLOBAL)
    assert not row.any()


GLOBAL = GlobalFacts(output="g", dim=2, window_px=16)


def test_centre_and_unit_make_directions() -> None:
    raw = RNG.normal(3.0, 1.0, (1, 3, 4, 4)).astype(np.float32)
    facts = OutputFacts(dense="d", channels=3, stride=2, halo_px=0, centre=(3.0, 2.0, 1.0), unit=True)
    cells = dense_cells(raw, None, np.ones((1, 8, 8), np.bool_), facts).data[0]
    expected = raw[0, :, 2, 1] - [3.0, 2.0, 1.0]
    assert cells[:, 2, 1] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


# --- pictures in pieces -----------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 12), st.integers(1, 60), st.integers(0, 40), st.integers(0, 30))
def test_pieces_give_every_pixel_once_with_its_halo(stride: int, cells: int, halo_px: int, spare: int) -> None:
    margin = -(-halo_px // stride) * stride
    side_px = 2 * margin + stride * (1 + spare)
    length_px = max(side_px, cells * stride)
    given_px = []
    for start, first, end in pieces(length_px, side_px, halo_px, stride):
        assert start % stride == first % stride == 0
        assert 0 <= start <= first < end <= start + side_px <= length_px
        assert first - start >= halo_px or first == 0
        assert start + side_px - end >= halo_px or end == length_px
        given_px += range(first, end)
    assert given_px == list(range(length_px))


@pytest.mark.parametrize("size", [(40, 40), (64, 64), (128, 72), (200, 264)])
def test_a_network_of_one_size_answers_as_one_of_any(tmp_path: Path, size: tuple[int, int]) -> None:
    fixed = {**nets.engine_facts()["input"], "size_px": 64, "batch": 1}
    one = load_engine(
        str(nets.engine(tmp_path / "1", nets.dense_net(side=64, batch=1), input=fixed, output=nets.DENSE))
    )
    free = load_engine(str(nets.engine(tmp_path / "2", nets.dense_net(), output=nets.DENSE)))
    picture = RNG.integers(0, 256, (2, *size), np.uint8)
    mask = cv2.blur(RNG.random(size), (9, 9)) > 0.42
    masks = np.stack([np.ones(size, np.bool_), mask])
    found, expected = one.encode(picture, masks), free.encode(picture, masks)
    inner = np.s_[:, :, :-2, :-2] if min(size) < 64 else np.s_[:]
    assert found.data.shape == expected.data.shape
    assert np.array_equal(found.mask, expected.mask)
    assert found.data[inner] == pytest.approx(expected.data[inner], abs=1e-5)
    check_engine(one)


def test_pictures_too_small_for_two_halos_are_refused_and_not_cut_for_ever(tmp_path: Path) -> None:
    folder = nets.engine(tmp_path / "e", nets.dense_net(), output={**nets.DENSE, "halo_px": 13})
    card, runtime = load_card(folder), OnnxRuntime((folder / "model.onnx").read_bytes())
    runtime.side_range_px = (8, 36)
    assert OnnxEncoder(card, runtime).encode(GREY, REAL).mask.all()
    runtime.side_range_px = (8, 35)
    with pytest.raises(EngineError, match=r"output\.halo_px: 13 .* 36 pixels, .* ends at 32"):
        OnnxEncoder(card, runtime)


# --- engines that lie -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"global__dim": 11}, "dim 11"),
        ({"global__output": "feats"}, "feats"),
        ({"output__channels": 5}, "5 channels"),
        ({"output__stride": 8}, "stride 8"),
        ({"output__valid": "vector"}, "vector"),
        ({"output__layout": "nhwc"}, "dense"),
        ({"global__token": 2}, "token 2"),
    ],
)
def test_a_card_that_lies_about_its_heads_is_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    dense = {"dense": "dense", "channels": 4, "stride": 4, "halo_px": 4}
    whole = {"output": "vector", "dim": 8, "window_px": 96}
    folder = nets.engine(tmp_path / "e", nets.two_heads(), output=dense, **{"global": whole})
    nets.rewritten(folder, **changes)
    with pytest.raises(EngineError, match=words) as refused:
        open_engine(folder)
    assert "\n" not in str(refused.value)


def masked_global(broken: str) -> bytes:
    """A global head that looks at what it should not: at masked pixels, at its neighbours, or at nothing."""
    g = nets.Graph(7)
    into = "image" if broken == "mask" else g.op("Mul", "image", "mask")
    if broken == "mask":
        into = g.op("Add", into, g.op("Mul", "mask", g.const(0.0)))
    x = g.op("GlobalAveragePool", g.op("Relu", g.conv(into, 1, 6, side=8, stride=8)))
    if broken == "constant":
        x = g.op("Add", g.op("Mul", x, g.const(0.0)), g.const(1.0))
    return g.model({**nets.image(), "mask": ["n", 1, "h", "w"]}, {"vector": g.op("Flatten", x)})


@pytest.mark.parametrize(
    ("broken", "words"), [("", None), ("mask", "masked pixels"), ("constant", "the same for different pictures")]
)
def test_a_global_head_that_breaks_its_word_is_refused(tmp_path: Path, broken: str, words: str | None) -> None:
    facts = {**nets.engine_facts()["input"], "mask": "mask"}
    whole = {"output": "vector", "dim": 6, "window_px": 64}
    engine = open_engine(nets.engine(tmp_path / "e", masked_global(broken), input=facts, **{"global": whole}))
    if words is None:
        check_engine(engine)
        return
    with pytest.raises(EngineError, match=words):
        check_engine(engine)


def test_a_dense_head_that_looks_under_the_mask_is_refused(tmp_path: Path) -> None:
    g = nets.Graph(8)
    valid = g.op("AveragePool", "mask", kernel_shape=[4, 4], strides=[4, 4])
    seen = g.op("Tanh", g.conv("image", 1, 4, side=4, stride=4))
    spread = g.op("AveragePool", seen, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    outputs = {"dense": g.op("Mul", g.op("Mul", spread, valid), g.const(0.4)), "valid": valid}
    model = g.model({**nets.image(), "mask": ["n", 1, "h", "w"]}, outputs)
    facts = {**nets.engine_facts()["input"], "mask": "mask"}
    dense = {"dense": "dense", "valid": "valid", "channels": 4, "stride": 4, "halo_px": 4}
    with pytest.raises(EngineError, match="masked pixels have a say"):
        check_engine(open_engine(nets.engine(tmp_path / "e", model, input=facts, output=dense)))

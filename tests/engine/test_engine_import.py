"""Any ONNX encoder becomes an engine, or is refused in one line and leaves nothing behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxmodels as nets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from uavloc.card import load_card
from uavloc.encode import OnnxEncoder, check_parity, load_engine
from uavloc.engine.check import check_engine
from uavloc.engine.importing import ImportOrder, import_engine
from uavloc.errors import EngineError, InputError, UavlocError


@pytest.fixture
def order(tmp_path: Path) -> ImportOrder:
    return ImportOrder(file=tmp_path / "given.onnx", out=tmp_path / "made", name="made", licence="MIT")


def imported(order: ImportOrder, model: bytes, **more: Any) -> OnnxEncoder:
    order.file.write_bytes(model)
    engine = import_engine(replace(order, **more))
    assert load_engine(str(order.out)).identity == engine.identity
    return engine


def refusal(order: ImportOrder, model: bytes | None = None, **more: Any) -> str:
    if model is not None:
        order.file.write_bytes(model)
    with pytest.raises(UavlocError) as refused:
        import_engine(replace(order, **more))
    text = str(refused.value)
    assert "\n" not in text
    assert sorted(path.name for path in order.file.parent.iterdir()) in ([], [order.file.name])
    return text


def colours(side: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    small = np.random.default_rng(seed).integers(0, 256, (1, side // 7, side // 7, 3), np.uint8)
    return small.repeat(7, axis=1).repeat(7, axis=2), np.ones((1, side // 7 * 7, side // 7 * 7), np.bool_)


# --- what is found ----------------------------------------------------------------------------------------------------


def test_a_dense_network_becomes_a_dense_engine(order: ImportOrder) -> None:
    engine = imported(order, nets.dense_net())
    card = engine.card
    assert (engine.channels, engine.stride, engine.global_dim) == (4, 4, 0)
    assert card.output is not None
    assert card.output.unit is None
    assert card.input.size_px is card.input.batch is None
    assert (card.input.colour, card.input.mean, card.input.std) == ("grey", 0.0, 255.0)
    assert 0 < engine.halo_px <= 16
    assert (card.licence, card.training_data) == ("MIT", ["unknown"])


def test_a_global_network_becomes_a_global_engine(order: ImportOrder) -> None:
    engine = imported(order, nets.global_net())
    assert (engine.channels, engine.stride, engine.halo_px) == (0, 1, 0)
    assert (engine.global_dim, engine.window_px) == (12, 224)
    assert engine.card.input.mean == (123.675, 116.28, 103.53)


@pytest.mark.parametrize("flat", [True, False])
def test_vectors_are_brought_to_unit_length(order: ImportOrder, flat: bool) -> None:
    model = nets.global_net(flat=flat)
    engine = imported(order, model, mean=[0.0], std=[255.0], window_px=112)
    picture, mask = colours(112)
    feed = np.moveaxis(picture, -1, 1).astype(np.float32) / 255.0
    expected = ReferenceEvaluator(onnx.load_from_string(model)).run(None, {"image": feed})[0].reshape(-1)
    assert engine.describe(picture, mask)[0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_both_heads_are_found(order: ImportOrder) -> None:
    engine = imported(order, nets.two_heads())
    assert (engine.channels, engine.stride, engine.global_dim) == (4, 4, 8)


@pytest.mark.parametrize(("heads", "found"), [(("dense",), (4, 0)), (("global",), (0, 8))])
def test_a_head_can_be_left_out(order: ImportOrder, heads: tuple[str, ...], found: tuple[int, int]) -> None:
    engine = imported(order, nets.two_heads(), heads=heads)
    assert (engine.channels, engine.global_dim) == found


@pytest.mark.parametrize("extra", [0, 1, 5])
def test_tokens_become_cells_and_the_class_token_a_vector(order: ImportOrder, extra: int) -> None:
    model = nets.token_net(extra)
    engine = imported(order, model, mean=[0.0], std=[255.0])
    output = engine.card.output
    assert output is not None
    assert (output.layout, output.skip_tokens, output.unit) == ("tokens", extra, True)
    assert (engine.stride, engine.channels) == (14, 10)
    assert engine.global_dim == (10 if extra else 0)
    picture, mask = colours(70)
    feed = np.moveaxis(picture, -1, 1).astype(np.float32) / 255.0
    tokens = ReferenceEvaluator(onnx.load_from_string(model)).run(None, {"image": feed})[0][0]
    cells = engine.encode(picture, mask).data[0]
    for row, column in ((0, 0), (1, 3), (4, 2)):
        expected = tokens[extra + 5 * row + column]
        assert cells[:, row, column] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_attention_leaves_only_the_global_head(order: ImportOrder, caplog: pytest.LogCaptureFixture) -> None:
    engine = imported(order, nets.token_net(1, attention=True))
    assert (engine.channels, engine.global_dim) == (0, 10)
    assert "left out" in caplog.text


def test_attention_without_a_global_head_is_refused(order: ImportOrder) -> None:
    text = refusal(order, nets.token_net(0, attention=True))
    assert "last_hidden_state" in text
    assert "--halo" in text


def test_a_halo_that_is_too_small_is_refused(order: ImportOrder) -> None:
    assert "halo_px" in refusal(order, nets.token_net(0, attention=True), halo_px=28)


def test_local_features_give_their_features(order: ImportOrder) -> None:
    engine = imported(order, nets.local_features_net())
    output = engine.card.output
    assert output is not None
    assert (output.dense, output.channels, output.stride, output.unit) == ("feats", 16, 8, True)
    assert engine.global_dim == 0


def test_the_user_names_the_output(order: ImportOrder) -> None:
    engine = imported(order, nets.local_features_net(), dense="keypoints")
    assert engine.channels == 65


def test_mask_and_valid_are_used_where_they_are(order: ImportOrder) -> None:
    engine = imported(order, nets.masked_net())
    assert engine.card.output is not None
    assert engine.card.output.valid == "valid"
    assert engine.card.input.mask == "mask"


def test_channels_last_is_understood(order: ImportOrder) -> None:
    g = nets.Graph()
    x = g.op("Tanh", g.conv("image", 3, 6, side=8, stride=8, gain=0.2))
    model = g.model(nets.image(3), {"map": g.op("Transpose", x, perm=[0, 2, 3, 1])})
    engine = imported(order, model)
    assert engine.card.output is not None
    assert (engine.card.output.layout, engine.channels, engine.stride) == ("nhwc", 6, 8)


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_network_of_one_size_fills_larger_pictures(order: ImportOrder, batch: Any) -> None:
    engine = imported(order, nets.dense_net(side=64, batch=batch))
    assert engine.card.input.size_px == 64
    assert engine.card.input.batch == (1 if batch == 1 else None)
    free = imported(replace(order, out=order.out.with_name("free"), name="free"), nets.dense_net())
    picture = np.random.default_rng(0).integers(0, 256, (2, 200, 132), np.uint8)
    mask = np.ones(picture.shape, np.bool_)
    assert engine.encode(picture, mask).data == pytest.approx(free.encode(picture, mask).data, abs=1e-5)


def test_what_claims_any_size_but_takes_one_is_noticed(order: ImportOrder) -> None:
    g = nets.Graph()
    x = g.op("Flatten", g.op("Relu", g.conv("image", 1, 4, side=32, stride=32)))
    weight = g.const(g.rng.normal(0, 0.1, (4 * 7 * 7, 6)))
    engine = imported(order, g.model(nets.image(), {"vector": g.op("MatMul", x, weight)}))
    assert (engine.card.input.size_px, engine.window_px) == (224, 224)


def test_what_is_far_from_zero_can_be_centred(order: ImportOrder, tmp_path: Path) -> None:
    g = nets.Graph()
    x = g.op("Add", g.conv("image", 3, 5, side=4, stride=4), g.const(np.full((1, 5, 1, 1), 4.0)))
    order.file.write_bytes(g.model(nets.image(3), {"feats": x}))
    picture = tmp_path / "map.png"
    small = np.random.default_rng(1).integers(0, 256, (24, 30, 3), np.uint8)
    cv2.imwrite(str(picture), cv2.resize(small, (300, 240)))
    engine = import_engine(replace(order, centre=picture))
    rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)[None]
    data = engine.encode(np.asarray(rgb, np.uint8), np.ones(rgb.shape[:3], np.bool_)).data[0]
    assert np.linalg.norm(data, axis=0) == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(data.mean(axis=(1, 2))) < 0.5
    with pytest.raises(InputError, match=r"none\.png"):
        import_engine(replace(order, out=tmp_path / "other", centre=tmp_path / "none.png"))


def test_an_imported_engine_keeps_its_word(order: ImportOrder) -> None:
    engine = imported(order, nets.two_heads(), description="Two heads.", gsd_range_m=(0.5, 1.0))
    check_engine(engine)
    assert check_parity(engine).largest < 1e-3
    card = load_card(order.out)
    assert (card.description, card.gsd_range_m, card.name) == ("Two heads.", (0.5, 1.0), "made")


def test_half_precision_at_the_ends_is_fed_and_read(order: ImportOrder) -> None:
    g = nets.Graph()
    weight = g.const(g.rng.normal(0.0, 0.05, (4, 1, 8, 8)), np.float16)
    x = g.op("Tanh", g.op("Conv", "image", weight, strides=[8, 8]))
    engine = imported(order, g.model(nets.image(), {"feats": x}, TensorProto.FLOAT16))
    picture = np.random.default_rng(2).integers(0, 256, (1, 64, 64), np.uint8)
    data = engine.encode(picture, np.ones(picture.shape, np.bool_)).data
    assert (data.dtype, data.shape) == (np.float32, (1, 4, 8, 8))


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x7f"])
def test_what_is_no_model_is_refused(order: ImportOrder, content: bytes) -> None:
    assert str(order.file) in refusal(order, content)


def test_a_missing_file_is_refused(order: ImportOrder) -> None:
    assert str(order.file) in refusal(order)


def test_weights_outside_the_file_are_refused(order: ImportOrder, tmp_path: Path) -> None:
    away = tmp_path.with_name(tmp_path.name + "_away")
    away.mkdir()
    proto = onnx.load_from_string(nets.dense_net())
    onnx.save(proto, away / "m.onnx", save_as_external_data=True, size_threshold=0)
    assert "external data" in refusal(order, (away / "m.onnx").read_bytes())


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_damaged_model_never_becomes_more_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    model = bytearray(nets.dense_net())
    for _ in range(data.draw(st.integers(1, 4))):
        model[data.draw(st.integers(0, len(model) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "m.onnx").write_bytes(bytes(model[: data.draw(st.integers(1, len(model)))]))
    try:
        import_engine(ImportOrder(file=folder / "m.onnx", out=folder / "e", name="e", licence="MIT"))
    except EngineError as error:
        message = str(error)
    else:
        return
    assert "\n" not in message
    assert not (folder / "e").exists()


def odd_model(shape: list[Any], kind: int = TensorProto.FLOAT) -> bytes:
    node = helper.make_node("Identity", ["image"], ["out"])
    graph = helper.make_graph(
        [node],
        "odd",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("out", kind, shape)],
    )
    return bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    )


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        (odd_model(["n", 4, "h", "w"]), {}, "N x 3"),
        (odd_model(["n", 3]), {}, "N x 3"),
        (odd_model(["n", 3, 480, 640]), {}, "480 x 640"),
        (odd_model([7, 3, "h", "w"]), {}, "7 pictures"),
        (odd_model(["n", 3, "h", "w"], TensorProto.INT64), {}, "int64"),
        (nets.token_net(0), {"size_px": 8}, "--size"),
        (odd_model(["n", 1, "h", "w"]), {}, "no descriptors found"),
        (nets.dense_net(side=64), {"size_px": 96}, "64"),
        (nets.dense_net(planes=3), {"colour": "grey"}, "colour"),
        (nets.dense_net(), {"mean": [0.0]}, "std"),
        (nets.dense_net(), {"mean": [0.0], "std": [0.0]}, "std"),
        (nets.dense_net(), {"mean": [0.0, 1.0, 2.0], "std": [1.0, 1.0, 1.0]}, "mean"),
        (nets.dense_net(), {"dense": "nothing"}, "feats"),
        (nets.dense_net(), {"heads": ("global",)}, "no descriptors found"),
        (nets.dense_net(), {"layout": "tokens"}, "dense"),
        (nets.global_net(), {"whole": "nothing"}, "vector"),
        (nets.dense_net(), {"name": "No Name"}, "name"),
        (nets.dense_net(), {"gsd_range_m": (2.0, 1.0)}, "gsd_range_m"),
        (nets.token_net(0), {"size_px": 100}, "100 x 100"),
    ],
)
def test_what_cannot_be_an_engine_is_refused(
    order: ImportOrder, model: bytes, more: dict[str, Any], words: str
) -> None:
    assert words in refusal(order, model, **more)


def test_an_existing_folder_is_kept(order: ImportOrder) -> None:
    order.out.mkdir()
    order.file.write_bytes(nets.dense_net())
    with pytest.raises(EngineError, match="exists already"):
        import_engine(order)
    assert list(order.out.iterdir()) == []


def test_a_network_that_gives_no_numbers_is_refused(order: ImportOrder) -> None:
    g = nets.Graph()
    x = g.conv("image", 1, 4, side=4, stride=4)
    model = g.model(nets.image(), {"feats": g.op("Div", x, g.op("Sub", x, x))})
    assert "engine" in refusal(order, model)


def test_weights_are_only_read(order: ImportOrder) -> None:
    model = nets.dense_net()
    imported(order, model)
    assert (order.out / "model.onnx").read_bytes() == model
    stored = onnx.load(order.out / "model.onnx")
    assert numpy_helper.to_array(stored.graph.initializer[0]).shape == (6, 1, 3, 3)

"""The engine that comes with the program: what its card says holds, and what is altered is refused."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import onnx
import pytest
import tomli_w

from uavloc.encode import OnnxEncoder, engine_folder, list_engines, load_card, load_engine
from uavloc.errors import EngineError

REPO = Path(__file__).resolve().parent.parent
ENGINE = REPO / "engines" / "gradient"


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return load_engine("gradient", threads=1)


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gradient_engine", REPO / "tools" / "gradient_engine.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ENGINE, tmp_path / "gradient"))


def ground(side: int, seed: int = 3) -> np.ndarray:
    """A grey picture with edges of several sizes."""
    rng = np.random.default_rng(seed)
    picture = np.full((side, side), 120, np.uint8)
    for _ in range(side // 3):
        x, y = rng.integers(0, side, 2)
        w, h = rng.integers(6, 40, 2)
        box = cv2.boxPoints(((float(x), float(y)), (float(w), float(h)), float(rng.uniform(0, 90))))
        cv2.fillPoly(picture, [box.astype(np.int32)], int(rng.integers(40, 216)), lineType=cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def encoded(encoder: OnnxEncoder, image: np.ndarray, mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    real = np.ones(image.shape, np.bool_) if mask is None else mask
    cells = encoder.encode(image[None], real[None])
    return cells.data[0], cells.mask[0]


def alikeness(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    x, y = a[:, mask].ravel(), b[:, mask].ravel()
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def changed_card(folder: Path, section: str, key: str, value: object) -> None:
    card = load_card(folder).model_dump(exclude_none=True)
    (card[section] if section else card)[key] = value
    (folder / "engine.toml").write_text(tomli_w.dumps(card))


# --- what the card says -----------------------------------------------------------------------------------------------


def test_the_card_tells_the_shape_of_descriptors(encoder: OnnxEncoder) -> None:
    images = np.stack([ground(96, 1), ground(96, 2)])
    cells = encoder.encode(images, np.ones(images.shape, np.bool_))
    side = 96 // encoder.stride
    assert cells.data.shape == (2, encoder.channels, side, side)
    assert cells.mask.shape == (2, side, side)
    assert cells.data.dtype == np.float32
    assert np.abs(cells.data).max() <= 1.0


def test_the_card_tells_the_truth_about_the_model() -> None:
    card, data = load_card(ENGINE), (ENGINE / "model.onnx").read_bytes()
    model = onnx.load_from_string(data)
    assert hashlib.sha256(data).hexdigest() == card.model.sha256
    assert [o.version for o in model.opset_import if o.domain == ""] == [card.model.opset]
    assert {i.name for i in model.graph.input} == {card.input.image, card.input.mask}
    assert {card.output.dense, card.output.valid} <= {o.name for o in model.graph.output}
    assert card.name == ENGINE.name


def test_the_model_is_small_and_runs_on_the_boards_in_use() -> None:
    card = load_card(ENGINE)
    assert card.model.opset <= 18
    assert (ENGINE / card.model.file).stat().st_size <= 8 << 20
    onnx.checker.check_model(onnx.load(ENGINE / card.model.file), full_check=True)


def test_the_model_is_what_the_tool_writes(tool: ModuleType) -> None:
    written, kept = tool.model(), onnx.load(ENGINE / "model.onnx")
    assert written.graph == kept.graph
    assert written.opset_import == kept.opset_import
    card = load_card(ENGINE).model_dump(exclude_none=True, mode="json")
    assert tool.facts() == {key: value for key, value in card.items() if key not in {"model", "reference"}}


# --- what influences a cell -------------------------------------------------------------------------------------------


def test_a_cell_depends_on_nothing_beyond_its_halo(encoder: OnnxEncoder) -> None:
    side, first = 400, 196
    reach = encoder.halo_px
    rng = np.random.default_rng(0)
    image = ground(side)
    far = np.ones((side, side), np.bool_)
    far[first - reach : first + encoder.stride + reach, first - reach : first + encoder.stride + reach] = False
    noisy = np.where(far, rng.integers(0, 256, image.shape), image).astype(np.uint8)
    cell = np.s_[:, first // encoder.stride, first // encoder.stride]

    plain, _ = encoded(encoder, image)
    for disturbed in (encoded(encoder, noisy), encoded(encoder, image, ~far), encoded(encoder, noisy, ~far)):
        assert disturbed[0][cell] == pytest.approx(plain[cell], abs=1e-6)
        assert disturbed[1][cell[1:]]
    assert np.abs(plain[cell]).max() > 0.0


def test_pixels_without_data_have_no_influence(encoder: OnnxEncoder) -> None:
    image, rng = ground(192), np.random.default_rng(5)
    mask = cv2.blur(rng.random(image.shape), (31, 31)) > 0.49
    one = np.where(mask, image, 0).astype(np.uint8)
    other = np.where(mask, image, rng.integers(0, 256, image.shape)).astype(np.uint8)
    data_one, valid_one = encoded(encoder, one, mask)
    data_other, valid_other = encoded(encoder, other, mask)
    assert (valid_one == valid_other).all()
    assert 0.1 < valid_one.mean() < 0.9
    assert data_one == pytest.approx(data_other, abs=1e-6)
    assert not data_one[:, ~valid_one].any()


def test_a_valid_cell_has_only_real_pixels(encoder: OnnxEncoder) -> None:
    mask = np.random.default_rng(6).random((128, 128)) > 0.004
    _, valid = encoded(encoder, ground(128), mask)
    side = 128 // encoder.stride
    whole = mask.reshape(side, encoder.stride, side, encoder.stride).all(axis=(1, 3))
    assert valid.any()
    assert not (valid & ~whole).any()


def test_nothing_real_gives_nothing(encoder: OnnxEncoder) -> None:
    data, valid = encoded(encoder, ground(64), np.zeros((64, 64), np.bool_))
    assert not valid.any()
    assert not data.any()


def test_pictures_do_not_influence_each_other(encoder: OnnxEncoder) -> None:
    a, b = ground(96, 1), ground(96, 2)
    together = encoder.encode(np.stack([a, b]), np.ones((2, 96, 96), np.bool_))
    assert together.data[1] == pytest.approx(encoded(encoder, b)[0], abs=1e-6)


def test_a_shift_by_a_cell_shifts_the_descriptors(encoder: OnnxEncoder) -> None:
    picture, by = ground(480), 3 * encoder.stride
    inner = encoder.halo_px + by
    a, _ = encoded(encoder, picture[:-by, :-by])
    b, _ = encoded(encoder, picture[by:, by:])
    cells = inner // encoder.stride
    assert b[:, cells:-cells, cells:-cells] == pytest.approx(
        a[:, cells + 3 : -cells + 3, cells + 3 : -cells + 3], abs=1e-5
    )


# --- what lasts between map and flight --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (lambda p: 255 - p, 0.99),
        (lambda p: np.clip(p + 30.0, 0, 255), 0.99),
        (lambda p: 128 + (p - 128.0) * 0.6, 0.9),
        (lambda p: 128 + (p - 128.0) * 1.3, 0.95),
    ],
    ids=["inverted", "brighter", "duller", "harder"],
)
def test_light_changes_descriptors_little(encoder: OnnxEncoder, change: object, least: float) -> None:
    image = ground(256)
    other = np.rint(change(image)).astype(np.uint8)  # type: ignore[operator]
    (a, valid), (b, _) = encoded(encoder, image), encoded(encoder, other)
    assert alikeness(a, b, valid) > least


def test_another_place_looks_different(encoder: OnnxEncoder) -> None:
    (a, valid), (b, _) = encoded(encoder, ground(256, 1)), encoded(encoder, ground(256, 2))
    assert abs(alikeness(a, b, valid)) < 0.2


def test_an_even_picture_has_no_texture(encoder: OnnxEncoder) -> None:
    data, valid = encoded(encoder, np.full((128, 128), 90, np.uint8))
    assert np.square(data).sum(axis=0)[valid].mean() < 1e-3


# --- what is refused --------------------------------------------------------------------------------------------------


def test_the_engine_is_found_by_name_and_by_folder() -> None:
    assert "gradient" in list_engines()
    assert load_engine(str(ENGINE)).identity == load_engine("gradient").identity


def test_an_unknown_engine_is_refused_with_the_known_ones() -> None:
    with pytest.raises(EngineError, match=r"'nonesuch'.*gradient"):
        engine_folder("nonesuch")


def test_an_altered_model_is_refused(copied: Path) -> None:
    model = copied / "model.onnx"
    data = bytearray(model.read_bytes())
    data[len(data) // 2] ^= 1
    model.write_bytes(data)
    with pytest.raises(EngineError, match=r"model\.onnx.*altered"):
        load_engine(str(copied))


def test_a_missing_model_is_refused(copied: Path) -> None:
    (copied / "model.onnx").unlink()
    with pytest.raises(EngineError, match=r"model\.onnx"):
        load_engine(str(copied))


def test_a_model_that_is_no_model_is_refused(copied: Path) -> None:
    (copied / "model.onnx").write_bytes(b"not a network")
    changed_card(copied, "model", "sha256", hashlib.sha256(b"not a network").hexdigest())
    with pytest.raises(EngineError, match=r"model\.onnx: not an ONNX model"):
        load_engine(str(copied))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("", "format", 2),
        ("", "extra", 1),
        ("", "name", "With Space"),
        ("model", "sha256", "0" * 64),
        ("model", "sha256", "short"),
        ("model", "file", "../model.onnx"),
        ("model", "file", "other.onnx"),
        ("input", "image", "picture"),
        ("input", "colour", "rgb"),
        ("input", "std", 0.0),
        ("output", "dense", "features"),
        ("output", "channels", 4),
        ("output", "stride", 4),
        ("output", "channels", 0),
    ],
)
def test_an_altered_card_is_refused(copied: Path, section: str, key: str, value: object) -> None:
    changed_card(copied, section, key, value)
    with pytest.raises(EngineError) as refused:
        load_engine(str(copied))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", ["format = ", "", "\x00"])
def test_what_is_no_card_is_refused(copied: Path, content: str) -> None:
    (copied / "engine.toml").write_text(content)
    with pytest.raises(EngineError, match=r"engine\.toml"):
        load_engine(str(copied))


def test_whatever_shapes_a_descriptor_shapes_the_identity(copied: Path, encoder: OnnxEncoder) -> None:
    changed_card(copied, "", "description", "in other words")
    assert load_engine(str(copied)).identity == encoder.identity
    changed_card(copied, "input", "mean", 1.0)
    assert load_engine(str(copied)).identity != encoder.identity

"""An engine must answer everywhere what it answered where it was made."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxmodels as nets
import pytest
from onnx import numpy_helper

from uavloc.card import ReferenceFacts
from uavloc.encode import check_parity, load_engine, open_engine, parity, reference_facts, reference_picture
from uavloc.errors import EngineError

TWO = {
    "output": {"dense": "dense", "channels": 4, "stride": 4, "halo_px": 4},
    "global": {"output": "vector", "dim": 8, "window_px": 96},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = nets.two_heads()
    return nets.engine(tmp_path / "e", model, {"fp16": nets.fp16_variant(model)}, **TWO)


def with_weights(folder: Path, factor: float, place: str = "model") -> Path:
    """Another network under the old reference, as a wrong conversion gives it; the hashes are right."""
    card = open_engine(folder).card
    file = folder / (card.model.file if place == "model" else (card.variant or [])[0].file)
    proto = onnx.load(file)
    for weight in proto.graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.ndim == 4:
            weight.CopyFrom(numpy_helper.from_array((array * factor).astype(array.dtype), weight.name))
    file.write_bytes(proto.SerializeToString())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if place == "model":
        return nets.rewritten(folder, model__sha256=digest)
    return nets.rewritten(folder, variant=[{"precision": "fp16", "file": file.name, "sha256": digest}])


def test_the_picture_is_the_same_on_every_machine() -> None:
    grey, mask = reference_picture(1, 96, colour=False)
    assert hashlib.sha256(grey.tobytes()).hexdigest().startswith(GREY_SHA)
    assert (grey.shape, mask.shape) == ((1, 96, 96), (1, 96, 96))
    assert mask.sum() == 96 * 96 - 24 * 24
    colour, _ = reference_picture(1, 96, colour=True)
    assert np.array_equal(colour[..., 0], grey)
    assert len({colour[..., i].tobytes() for i in range(3)}) == 3
    assert not np.array_equal(reference_picture(2, 96, colour=False)[0], grey)
    assert 20 < grey.std() < 80


GREY_SHA = "79de40cb471f538e"


def test_an_engine_agrees_with_itself(folder: Path) -> None:
    found = check_parity(load_engine(str(folder)))
    assert found.dense is not None
    assert found.whole is not None
    assert found.largest < 1e-3 < found.tolerance


def test_the_reference_repeats(folder: Path) -> None:
    engine = open_engine(folder)
    assert reference_facts(engine) == engine.card.reference


def test_half_precision_is_loaded_within_its_tolerance(folder: Path) -> None:
    half, full = load_engine(str(folder), precision="fp16"), load_engine(str(folder))
    assert half.precision == "fp16"
    assert half.identity == full.identity
    found = parity(half)
    assert 1e-5 < found.largest < found.tolerance == 0.02


def test_a_wrong_conversion_is_refused_when_it_is_loaded(folder: Path) -> None:
    with_weights(folder, 1.5, "variant")
    open_engine(folder, precision="fp16")
    with pytest.raises(EngineError, match="in fp16 on cpu answers differ from the reference by 0"):
        load_engine(str(folder), precision="fp16")


def test_another_network_is_refused(folder: Path) -> None:
    engine = load_engine(str(with_weights(folder, 1.2)))
    with pytest.raises(EngineError, match="in fp32 on cpu answers differ"):
        check_parity(engine)


def test_a_precision_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(EngineError, match=r"has no int8 variant .it has fp32, fp16"):
        load_engine(str(folder), precision="int8")


def test_an_altered_variant_is_refused(folder: Path) -> None:
    (folder / "model_fp16.onnx").write_bytes((folder / "model.onnx").read_bytes())
    with pytest.raises(EngineError, match=r"model_fp16\.onnx.*altered"):
        load_engine(str(folder), precision="fp16")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reference__dense": "no base64!"}, "reference.dense"),
        ({"reference__dense": "AAA="}, "reference.dense"),
        ({"reference__dense": ""}, "reference.dense"),
        ({"reference__dense": base64.b64encode(b"\0\0" * 6000).decode()}, "reference.dense"),
        ({"reference__global": base64.b64encode(b"\0\0" * 9).decode()}, "reference.global"),
        ({"reference__global": base64.b64encode(b"\x00\x7e" * 8).decode()}, "differ from the reference by nan"),
        ({"reference__side_px": 66}, "reference.side_px"),
        ({"reference__seed": 2}, "differ from the reference"),
    ],
)
def test_a_spoiled_reference_is_refused(folder: Path, changes: dict[str, Any], words: str) -> None:
    nets.rewritten(folder, **changes)
    with pytest.raises(EngineError, match=words) as refused:
        check_parity(open_engine(folder))
    assert "\n" not in str(refused.value)


def test_without_a_reference_only_fp32_on_the_cpu_is_loaded(folder: Path) -> None:
    text = (folder / "engine.toml").read_text()
    (folder / "engine.toml").write_text(text[: text.index("[reference]")])
    engine = load_engine(str(folder))
    assert engine.card.reference is None
    with pytest.raises(EngineError, match="reference: the card has none"):
        load_engine(str(folder), precision="fp16")


def test_engines_with_one_head_have_one_reference(tmp_path: Path) -> None:
    dense = load_engine(str(nets.engine(tmp_path / "d", nets.dense_net(), output=nets.DENSE)))
    whole = load_engine(
        str(nets.engine(tmp_path / "w", nets.global_net(planes=1), **{"global": {**TWO["global"], "dim": 12}}))
    )
    assert isinstance(dense.card.reference, ReferenceFacts)
    assert parity(dense).whole is None
    assert parity(whole).dense is None
    assert parity(whole).largest < 1e-3

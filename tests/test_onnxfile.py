"""What an ONNX file tells without the ONNX package, with that package as oracle."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnxmodels as nets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from uavloc.errors import EngineError
from uavloc.onnxfile import check_whole, has_external_data, opset, read_model

MODEL = nets.dense_net()


def external(name: str) -> onnx.TensorProto:
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def wrapped(node: onnx.NodeProto | None = None, **more: object) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    nodes = [helper.make_node("Identity", ["x"], ["y"]), *([node] if node else [])]
    graph = helper.make_graph(nodes, "g", [x], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    for key, value in more.items():
        getattr(graph, key).append(value)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]).SerializeToString())


def test_the_opset_is_that_of_the_standard_operators() -> None:
    assert opset(MODEL, "m") == 18
    proto = onnx.load_from_string(MODEL)
    del proto.opset_import[:]
    proto.opset_import.extend([helper.make_opsetid("com.microsoft", 1), helper.make_opsetid("", 13)])
    assert opset(proto.SerializeToString(), "m") == 13


def test_a_model_with_its_weights_is_whole() -> None:
    check_whole(MODEL, "m")
    assert not has_external_data(wrapped(), "m")


def test_saved_external_data_is_found(tmp_path: Path) -> None:
    onnx.save(onnx.load_from_string(MODEL), tmp_path / "m.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(EngineError, match=r"m\.onnx: keeps weights in other files"):
        check_whole((tmp_path / "m.onnx").read_bytes(), str(tmp_path / "m.onnx"))


def test_external_data_is_found_wherever_it_hides() -> None:
    constant = helper.make_node("Constant", [], ["c"], value=external("v"))
    inner = helper.make_graph([constant], "inner", [], [])
    branch = helper.make_node("If", ["x"], ["z"], then_branch=inner, else_branch=inner)
    sparse = onnx.SparseTensorProto(values=external("s"), dims=[1])
    assert has_external_data(wrapped(initializer=external("w")), "m")
    assert has_external_data(wrapped(constant), "m")
    assert has_external_data(wrapped(branch), "m")
    assert has_external_data(wrapped(sparse_initializer=sparse), "m")


def test_external_data_is_found_in_functions_and_training_graphs() -> None:
    constant = helper.make_node("Constant", [], ["c"], value=external("v"))
    function = helper.make_function("own", "f", [], ["c"], [constant], [helper.make_opsetid("", 17)])
    for add in (
        lambda model: model.functions.append(function),
        lambda model: model.training_info.add().algorithm.initializer.append(external("w")),
    ):
        model = onnx.load_from_string(wrapped())
        add(model)
        assert has_external_data(model.SerializeToString(), "m")


def test_numbers_that_other_readers_cut_short_hide_nothing() -> None:
    location = b"\x70\x01"  # field 14, data_location: EXTERNAL
    plain = wrapped(initializer=external("w"))
    assert plain.count(location) == 1
    with pytest.raises(EngineError, match="not an ONNX model"):
        check_whole(b"\xc2\x80\x80\x80\x90\x00" + plain, "m")
    tensor = external("w").SerializeToString().replace(location, b"\x70\x81\x80\x80\x80\x10")  # 2^32 + 1
    assert TensorProto.FromString(tensor).data_location == TensorProto.EXTERNAL
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    assert has_external_data(wrapped() + b"\x3a" + bytes([len(graph)]) + graph, "m")


def test_graphs_that_nest_without_end_are_refused() -> None:
    graph = helper.make_graph([], "deepest", [], [])
    for _ in range(25):
        graph = helper.make_graph([helper.make_node("If", [], [], then_branch=graph)], "g", [], [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    with pytest.raises(EngineError, match="too deep"):
        check_whole(model.SerializeToString(), "m")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.integers(0, len(MODEL)).map(lambda n: MODEL[:n]))
def test_any_bytes_give_an_answer_or_one_error(content: bytes) -> None:
    try:
        check_whole(content, "m")
    except EngineError as error:
        message = str(error)
    else:
        return
    assert message.startswith("m: ")


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(EngineError, match=str(path)):
            read_model(path)


def test_a_file_of_absurd_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(EngineError, match="larger than"):
        read_model(path)

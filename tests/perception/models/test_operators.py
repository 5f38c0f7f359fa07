"""A network with a loop is refused: it may end on the golden input and on no other."""

from pathlib import Path

import flatbuffers  # type: ignore[import-untyped]
import pytest
from ai_edge_litert import schema_py_generated as schema

from device.errors import ModelError
from device.perception.models.bundle import find_bundles
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.install import ModelStore
from device.perception.models.operators import ALLOWED, check_operators
from tests.perception.models.builders import made
from tests.perception.models.stored import kept


def with_operator(code: int, *, graphs: int = 1) -> bytes:
    """The face network with one more operator declared."""
    model = schema.ModelT.InitFromPackedBuf((MODELS / "face.tflite").read_bytes(), 0)
    extra = schema.OperatorCodeT()
    extra.builtinCode, extra.deprecatedBuiltinCode, extra.version = code, min(code, 127), 1
    model.operatorCodes.append(extra)
    model.subgraphs += [model.subgraphs[0]] * (graphs - 1)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("code", "graphs", "said"),
    [
        (schema.BuiltinOperator.WHILE, 1, "has WHILE; only layers that always end are allowed"),
        (schema.BuiltinOperator.IF, 1, "has IF"),
        (schema.BuiltinOperator.CALL_ONCE, 1, "has CALL_ONCE"),
        (schema.BuiltinOperator.CUSTOM, 1, "has a custom operator"),
        (schema.BuiltinOperator.TOPK_V2, 1, "has operator 48"),
        (schema.BuiltinOperator.ADD, 2, "has 2 graphs, not one"),
    ],
)
def test_what_may_never_end_is_refused_at_the_install(tmp_path: Path, code: int, graphs: int, said: str) -> None:
    path = made("face", "0.2.0", tmp_path / "handed", with_operator(code, graphs=graphs))
    with ModelStore(tmp_path / "state") as store, pytest.raises(ModelError) as error:
        store.install(find_bundles(path, MODEL_NAMES))
    assert said in str(error.value)
    assert kept(tmp_path / "state") == []


def test_the_names_are_those_of_the_schema() -> None:
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    assert {code: names[code] for code in ALLOWED} == ALLOWED


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_the_shipped_networks_are_allowed(name: str) -> None:
    check_operators((MODELS / f"{name}.tflite").read_bytes(), name)


@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(100), b"\x00\x00\x00\xffTFL3" + bytes(40)])
def test_what_is_no_network_is_a_clear_error(content: bytes) -> None:
    with pytest.raises(ModelError, match="layers cannot be read"):
        check_operators(content, "x")

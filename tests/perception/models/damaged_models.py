"""Model pairs with something wrong in them: the bytes, the card, or the network's own tables; each from its seed."""

import copy
import hashlib
import json
import random
from functools import lru_cache
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODEL_NAMES, MODELS

_INTS = (-(2**63), -(2**31), -129, -1, 0, 1, 7, 127, 128, 255, 65_535, 2**31 - 1, 2**31, 2**63 - 1, 10**30)
_ODD: tuple[Any, ...] = (
    None,
    True,
    "",
    "x" * 5000,
    "\ud800",
    "\x1b[2J",
    [],
    {},
    [[]],
    -1,
    0,
    1e308,
    1e-320,
    2**70,
    [0] * 5000,
)


def spoiled(seed: int) -> ModelBundle:
    """A shipped model with a few faults; the hash is right in four of five, so that the fault itself must be found."""
    chance = random.Random(seed)
    good = read_bundle(chance.choice(MODEL_NAMES), MODELS)
    kind = chance.randrange(4)
    network, card = good.network, good.card
    if kind == 0:
        network = _scratched(network, chance)
    elif kind == 1:
        network = _rebuilt(good, chance)
    if kind in {0, 1} and chance.random() < 0.8:
        card = with_hash(card, network)
    if kind == 2:
        card = _miswritten(card, chance)
    elif kind == 3:
        card = _scratched(card, chance)
    return ModelBundle(good.name, card, network, f"/spoiled/{seed}/{good.name}.tflite", "nothing was changed")


def with_hash(card: bytes, network: bytes, **more: Any) -> bytes:
    """The card, made out for another network."""
    return json.dumps(json.loads(card) | {"sha256": hashlib.sha256(network).hexdigest()} | more).encode()


def _scratched(content: bytes, chance: random.Random) -> bytes:
    """Cut, overwritten, moved about or with bits turned."""
    spoilt, length = bytearray(content), len(content)
    at = chance.choice([chance.randrange(length), chance.randrange(min(length, 1000))])
    match chance.randrange(6):
        case 0:
            del spoilt[at:]
        case 1:
            for _ in range(chance.randrange(1, 9)):
                spoilt[chance.randrange(length)] ^= 1 << chance.randrange(8)
        case 2:
            spoilt[at : at + 200] = chance.randbytes(chance.randrange(400))
        case 3:
            spoilt[at : at + 4] = chance.choice([b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\0\0\0"])
        case 4:
            other = chance.randrange(length)
            spoilt[at : at + 500] = spoilt[other : other + 500]
        case _:
            spoilt = bytearray(chance.randbytes(chance.randrange(5000)))
    return bytes(spoilt)


def _miswritten(card: bytes, chance: random.Random) -> bytes:
    """Sound JSON, or nearly, with wrong values, kinds, lengths and keys."""
    said = json.loads(card)
    for _ in range(chance.randrange(1, 4)):
        key = chance.choice([*said, "format", "nonsense"])
        value = said.get(key)
        if isinstance(value, list) and value and chance.random() < 0.7:
            place = chance.randrange(len(value))
            match chance.randrange(3):
                case 0:
                    del value[place]
                case 1:
                    value.insert(place, chance.choice(_ODD))
                case _:
                    value[place] = chance.choice([*_INTS, *_ODD])
        elif chance.random() < 0.2:
            said.pop(key, None)
        else:
            said[key] = chance.choice([*_INTS, *_ODD])
    text = json.dumps(said)
    if chance.random() < 0.1:
        text = text.replace("0.", chance.choice(["1e999", "NaN", "-Infinity", "[" * 100_000, "."]), 1)
    return text.encode()


def tables_of(network: bytes) -> Any:
    """The schema's objects, with the data of each buffer in it: what lies behind the flatbuffer would be lost."""
    tables = schema.ModelT.InitFromObj(schema.Model.GetRootAs(network, 0))
    for buffer in tables.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(network[buffer.offset : buffer.offset + buffer.size], np.uint8)
            buffer.offset = buffer.size = 0
    return tables


@lru_cache(maxsize=len(MODEL_NAMES))
def _tables(name: str) -> Any:
    return tables_of((MODELS / f"{name}.tflite").read_bytes())


def packed(tables: Any) -> bytes:
    """A .tflite file of the schema's objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(tables.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _rebuilt(good: ModelBundle, chance: random.Random) -> bytes:
    """A sound flatbuffer of a network that makes no sense: wrong shapes, kinds, indices, operators, options."""
    tables = copy.deepcopy(_tables(good.name))
    for _ in range(chance.randrange(1, 4)):
        graph = tables.subgraphs[0]
        thing = chance.choice([*graph.tensors, *graph.operators, *graph.operators, *tables.operatorCodes, graph])
        if thing in graph.operators and thing.builtinOptions is not None and chance.random() < 0.5:
            thing = thing.builtinOptions
        fields = [key for key, value in vars(thing).items() if isinstance(value, int) or _is_row(value)]
        if not fields:
            continue
        field = chance.choice(fields)
        value = getattr(thing, field)
        if _is_row(value):
            row = [int(n) for n in value]
            row[chance.randrange(len(row))] = chance.choice([n for n in _INTS if abs(n) < 2**31])
            setattr(thing, field, row[: chance.randrange(1, len(row) + 1)] if chance.random() < 0.3 else row)
        elif isinstance(value, bool):
            setattr(thing, field, not value)
        else:
            setattr(
                thing, field, chance.choice([value + 1, chance.randrange(160), *[n for n in _INTS if abs(n) < 2**31]])
            )
    try:
        return packed(tables)
    except Exception:  # noqa: BLE001 - a number that the field has no room for
        return _scratched(good.network, chance)


def _is_row(value: Any) -> bool:
    # A tensor's data is no row of numbers here: its bytes are scratched elsewhere.
    return (
        value is not None
        and not isinstance(value, str | bytes)
        and hasattr(value, "__len__")
        and 0 < len(value) < 10
        and all(isinstance(n, int) or getattr(n, "dtype", None) is not None for n in value)
    )


def endless(network: bytes) -> bytes:
    """The network, with a loop before it that never ends: every check of the tables finds it sound."""
    tables = tables_of(network)
    graph = tables.subgraphs[0]
    source = graph.inputs[0]

    def inner(name: bytes) -> Any:
        inside = schema.SubGraphT()
        inside.name, inside.inputs, inside.outputs, inside.operators = name, [0], [0], []
        inside.tensors = [copy.deepcopy(graph.tensors[source])]
        return inside

    condition, always, true = inner(b"condition"), schema.TensorT(), schema.BufferT()
    always.shape, always.type, always.name, always.buffer = [], schema.TensorType.BOOL, b"true", len(tables.buffers)
    true.data = [1]
    tables.buffers.append(true)
    condition.tensors.append(always)
    condition.outputs = [1]
    tables.subgraphs += [condition, inner(b"body")]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
    code.version = 1
    tables.operatorCodes.append(code)
    looped = copy.deepcopy(graph.tensors[source])
    looped.name = b"looped"
    graph.tensors.append(looped)
    after = len(graph.tensors) - 1
    for operator in graph.operators:
        operator.inputs = [after if n == source else n for n in operator.inputs]
    loop, options = schema.OperatorT(), schema.WhileOptionsT()
    options.condSubgraphIndex, options.bodySubgraphIndex = 1, 2
    loop.opcodeIndex, loop.inputs, loop.outputs = len(tables.operatorCodes) - 1, [source], [after]
    loop.builtinOptionsType, loop.builtinOptions = schema.BuiltinOptions.WhileOptions, options
    graph.operators = [loop, *graph.operators]
    return packed(tables)

"""The ONNX graph: its tail (pooling, head, maps), what is allowed in it, and running it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ml.checkpoint.errors import CheckpointError

INPUT: Final = "image"
OUTPUTS: Final = ("probabilities", "maps", "embeddings")
SIGNATURES: Final = "signatures"
OPERATORS: Final = frozenset({
    "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "Div", "Gather",
    "GlobalAveragePool", "Identity", "MatMul", "MaxPool", "Mul", "Pad", "ReduceMean", "Relu", "Reshape", "Resize",
    "Shape", "Sigmoid", "Slice", "Softmax", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
"""What the exports of our networks are made of. No loop or branch: what is looked for could hide in an inner graph."""

KERNEL, BIAS, SCALE = "head_kernel", "head_bias", "inverse_temperature"


def append_tail(
    features: onnx.ModelProto,
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    temperature: float,
) -> bytes:
    """Adds pooling, head and class maps to a graph of opset 13 to 17 that ends in activations (N, h, w, D).

    Args:
        features: its outputs are the last activations, and then those that signatures are made of, if any.

    Returns:
        An ONNX file with the input `image` and the outputs `probabilities`, `maps`, `embeddings` and, if there
        is what to make them of, `signatures`. The head is two named tensors, so that it can be replaced
        without Keras.
    """
    graph = features.graph
    source, last, taps = graph.input[0].name, graph.output[0].name, graph.output[1:]
    sides = [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim][1:]
    spread = [dim.dim_value for dim in graph.output[0].type.tensor_type.shape.dim][1:3]
    classes = kernel.shape[1]
    constants = {KERNEL: kernel, BIAS: bias, SCALE: np.array(1.0 / temperature, np.float32)}
    nodes = [
        *([] if source == INPUT else [helper.make_node("Identity", [INPUT], [source], "image_in")]),
        *graph.node,
        helper.make_node("ReduceMean", [last], ["embeddings"], "embeddings_mean", axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", [last, KERNEL], ["maps"], "class_maps"),
        helper.make_node("MatMul", ["embeddings", KERNEL], ["head_product"], "head_matmul"),
        helper.make_node("Add", ["head_product", BIAS], ["logits"], "head_add"),
        helper.make_node("Mul", ["logits", SCALE], ["tempered"], "temperature"),
        helper.make_node("Softmax", ["tempered"], ["probabilities"], "softmax", axis=1),
        *_signature_nodes([tap.name for tap in taps]),
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    shapes = {"probabilities": [classes], "maps": [*spread, classes], "embeddings": [kernel.shape[0]]}
    if taps:
        shapes[SIGNATURES] = [2 * sum(tap.type.tensor_type.shape.dim[3].dim_value for tap in taps)]
    whole = helper.make_graph(
        nodes,
        "mri_reader",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *sides])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *shape]) for n, shape in shapes.items()],
        [*graph.initializer, *tensors],
    )
    model = helper.make_model(whole, opset_imports=features.opset_import, ir_version=features.ir_version)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _signature_nodes(taps: list[str]) -> list[onnx.NodeProto]:
    if not taps:
        return []
    means: list[str] = []
    squares: list[str] = []
    nodes: list[onnx.NodeProto] = []
    for number, tap in enumerate(taps):
        mean, squared, square = (f"signature_{number}_{part}" for part in ("mean", "squared", "square"))
        nodes.append(helper.make_node("ReduceMean", [tap], [mean], mean, axes=[1, 2], keepdims=0))
        nodes.append(helper.make_node("Mul", [tap, tap], [squared], squared))
        nodes.append(helper.make_node("ReduceMean", [squared], [square], square, axes=[1, 2], keepdims=0))
        means.append(mean)
        squares.append(square)
    return [*nodes, helper.make_node("Concat", [*means, *squares], [SIGNATURES], SIGNATURES, axis=1)]


def read_head(data: bytes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns the head of an ONNX file: kernel (D, 4) and bias (4,)."""
    tensors = {tensor.name: tensor for tensor in parse(data).graph.initializer}
    if KERNEL not in tensors or BIAS not in tensors:
        raise CheckpointError("The checkpoint's ONNX export has no head that can be named.")
    kernel, bias = (np.array(numpy_helper.to_array(tensors[name]), np.float32) for name in (KERNEL, BIAS))
    return kernel, bias


def with_temperature(data: bytes, temperature: float) -> bytes:
    """Returns an ONNX file that divides its logits by another temperature."""
    model = parse(data)
    for tensor in model.graph.initializer:
        if tensor.name == SCALE:
            tensor.CopyFrom(numpy_helper.from_array(np.array(1.0 / temperature, np.float32), SCALE))
    return bytes(model.SerializeToString())


def with_head(data: bytes, kernel: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> bytes:
    """Returns an ONNX file with another head of the same shape."""
    model = parse(data)
    for tensor in model.graph.initializer:
        if tensor.name in (KERNEL, BIAS):
            values = kernel if tensor.name == KERNEL else bias
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), tensor.name))
    return bytes(model.SerializeToString())


def parse(data: bytes) -> onnx.ModelProto:
    """Parses an ONNX file and refuses what could reach outside it: external data and foreign operators."""
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf raises its own kinds of errors for damaged bytes
        raise CheckpointError(f"The checkpoint's ONNX export cannot be read: {error}.") from error
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise CheckpointError("The checkpoint's ONNX export keeps weights in another file.")
    own = ("", "ai.onnx")
    foreign = {f"{n.domain}.{n.op_type}".strip(".") for n in model.graph.node if n.domain not in own}
    foreign |= {node.op_type for node in model.graph.node} - OPERATORS
    if foreign or model.functions:
        raise CheckpointError(f"The checkpoint's ONNX export uses foreign operators: {sorted(foreign)}.")
    return model


def open_session(data: bytes, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Opens an ONNX file for CPU. Spinning is off: it costs other work more than it gains here."""
    parse(data)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no public base class
        raise CheckpointError(f"The checkpoint's ONNX export cannot be opened: {error}.") from error


def run_session(
    session: onnxruntime.InferenceSession, batch: npt.NDArray[np.float32], outputs: Sequence[str] = OUTPUTS
) -> list[Any]:
    """Returns the outputs for a batch (N, S, S, 1), in the order asked for."""
    return list(session.run(list(outputs), {INPUT: np.ascontiguousarray(batch, np.float32)}))


def answer(
    session: onnxruntime.InferenceSession, batch: npt.NDArray[np.float32]
) -> dict[str, npt.NDArray[np.float32]]:
    """Returns all outputs for a batch (N, S, S, 1) by name: `OUTPUTS`, and `signatures` where the graph has them."""
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, run_session(session, batch, names), strict=True))

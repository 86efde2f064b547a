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
KERNEL, BIAS, SCALE = "head_kernel", "head_bias", "inverse_temperature"


def append_tail(
    features: onnx.ModelProto,
    kernel: npt.NDArray[np.float32],
    bias: npt.NDArray[np.float32],
    temperature: float,
) -> bytes:
    """Adds pooling, head and class maps to a graph of opset 13 to 17 that ends in activations (N, h, w, D).

    Returns:
        An ONNX file with the input `image` and the outputs `probabilities`, `maps` and `embeddings`. The head
        is two named tensors, so that it can be replaced without Keras.
    """
    graph = features.graph
    source, last = graph.input[0].name, graph.output[0].name
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
    ]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    shapes = {"probabilities": [classes], "maps": [*spread, classes], "embeddings": [kernel.shape[0]]}
    whole = helper.make_graph(
        nodes,
        "mri_reader",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *sides])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", *shapes[n]]) for n in OUTPUTS],
        [*graph.initializer, *tensors],
    )
    model = helper.make_model(whole, opset_imports=features.opset_import, ir_version=features.ir_version)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def read_head(data: bytes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns the head of an ONNX file: kernel (D, 4) and bias (4,)."""
    tensors = {tensor.name: tensor for tensor in parse(data).graph.initializer}
    if KERNEL not in tensors or BIAS not in tensors:
        raise CheckpointError("The checkpoint's ONNX export has no head that can be named.")
    kernel, bias = (np.array(numpy_helper.to_array(tensors[name]), np.float32) for name in (KERNEL, BIAS))
    return kernel, bias


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
    foreign = {node.domain for node in model.graph.node} - {"", "ai.onnx"}
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

"""Small ONNX graphs for tests."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

DOUBLE = TensorProto.DOUBLE


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants=None):
    """The bytes of a graph; `constants` are arrays or tensors by name."""
    held = [
        numpy_helper.from_array(array, name) if isinstance(array, np.ndarray) else array
        for name, array in (constants or {}).items()
    ]
    graph = helper.make_graph(nodes, "small", inputs, outputs, held)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def identity(kind=DOUBLE, shape=("rows", 3), answered=None):
    """y = x."""
    node = helper.make_node("Identity", ["x"], ["y"])
    return model([node], [value("x", kind, shape)], [value("y", kind, answered or shape)])


def matrix_product(weights, source="x", kind=DOUBLE):
    """y = x . weights, one number a row."""
    held = np.array(weights, dtype=helper.tensor_dtype_to_np_dtype(kind))
    node = helper.make_node("MatMul", [source, "w"], ["y"])
    return model([node], [value(source, kind, ["rows", len(weights)])], [value("y", kind, ["rows"])], {"w": held})


def two_inputs():
    """y = x + more; `more` may be of any width, the graph only adds two columns or one."""
    node = helper.make_node("Add", ["x", "more"], ["y"])
    return model(
        [node],
        [value("x", DOUBLE, ["rows", 2]), value("more", DOUBLE, ["rows", "width"])],
        [value("y", DOUBLE, ["rows", "width"])],
    )


def elsewhere(place, size=3):
    """y = x . w, where the file `place` holds w."""
    tensor = TensorProto(name="w", data_type=DOUBLE, dims=[size], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=place)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return model([node], [value("x", DOUBLE, ["rows", size])], [value("y", DOUBLE, ["rows"])], {"w": tensor})


def elsewhere_in_a_branch(place):
    """A model whose reference lies in a node's attribute, inside the branch of a condition."""
    inner = ModelProto.FromString(elsewhere(place)).graph
    constant = helper.make_node("Constant", [], ["w"], value=inner.initializer[0])
    product = helper.make_node("MatMul", ["x", "w"], ["z"])
    branch = helper.make_graph([constant, product], "branch", [], [value("z", DOUBLE, ["rows"])])
    choice = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    yes = np.array([True])
    return model([choice], [value("x", DOUBLE, ["rows", 3])], [value("y", DOUBLE, ["rows"])], {"yes": yes})

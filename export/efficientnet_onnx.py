"""EfficientNet-Lite0 as an ONNX graph, built from its state dict.

The network of Tan and Le (ICML 2019) in its Lite form: no squeeze-and-excitation, ReLU6 for swish, stem and head of fixed width. Batch
normalisation is folded into the convolutions. Padding is TensorFlow's "same" (more at the end), as it was trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import BundleError
from export.onnx_graph import make_model, onnx_package

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Array = npt.NDArray[Any]

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks of each stage, and the stride of its first block. Widths and kernels are read off the weights."""
INPUT_PX = 224
OPSET = 13
_EPSILON = 1e-3


def build(state: Mapping[str, Array]) -> ModelProto:
    """Build the graph: ``image`` float32 [1,3,224,224] RGB, (x - 127) / 128, to ``probabilities`` float32 [1,1000].

    Raises:
        BundleError: The state dict lacks a tensor, or one has the wrong shape.
        MissingExtra: ``onnx`` is not installed.
    """
    builder = _Builder(state)
    try:
        builder.convolution("image", "_conv_stem", "_bn0", stride=2, relu=True)
        number = 0
        for repeats, stride in STAGES:
            for repeat in range(repeats):
                builder.block(f"_blocks.{number}", stride if repeat == 0 else 1)
                number += 1
        builder.convolution(builder.last, "_conv_head", "_bn1", stride=1, relu=True)
        builder.classifier()
    except KeyError as error:
        raise BundleError(f"the classifier's weights lack {error}", hint="use the release of the weights that the bundle names") from error
    onnx = onnx_package()
    image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, [1, 3, INPUT_PX, INPUT_PX])
    output = onnx.helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, [1, state["_fc.weight"].shape[0]])
    return make_model(builder.nodes, builder.weights, [image], [output], OPSET)


class _Builder:
    """The graph as it grows; ``last`` is the name of the newest value."""

    def __init__(self, state: Mapping[str, Array]) -> None:
        self._state = state
        self._node = onnx_package().helper.make_node
        self.nodes: list[NodeProto] = []
        self.weights: dict[str, Array] = {"zero": np.array(0, np.float32), "six": np.array(6, np.float32)}
        self.last = "image"

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        self.last = f"v{len(self.nodes)}"
        self.nodes.append(self._node(kind, inputs, [self.last], **attributes))
        return self.last

    def convolution(self, source: str, name: str, norm: str, *, stride: int, relu: bool) -> str:
        """A convolution with its batch normalisation folded in."""
        kernel = self._state[f"{name}.weight"]
        mean, variance = self._state[f"{norm}.running_mean"], self._state[f"{norm}.running_var"]
        gain = self._state[f"{norm}.weight"] / np.sqrt(variance + _EPSILON)
        self.weights[f"{name}.weight"] = (kernel * gain[:, None, None, None]).astype(np.float32)
        self.weights[f"{name}.bias"] = (self._state[f"{norm}.bias"] - mean * gain).astype(np.float32)
        # A depthwise kernel has one input channel where the value has many.
        group = kernel.shape[0] if kernel.shape[1] == 1 else 1
        value = self.add(
            "Conv",
            [source, f"{name}.weight", f"{name}.bias"],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            kernel_shape=list(kernel.shape[2:]),
            group=group,
        )
        return self.add("Clip", [value, "zero", "six"]) if relu else value

    def block(self, name: str, stride: int) -> None:
        """An inverted residual block: widen, depthwise, narrow; the first block does not widen."""
        source = self.last
        value = source
        if f"{name}._expand_conv.weight" in self._state:
            value = self.convolution(value, f"{name}._expand_conv", f"{name}._bn0", stride=1, relu=True)
        value = self.convolution(value, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, relu=True)
        value = self.convolution(value, f"{name}._project_conv", f"{name}._bn2", stride=1, relu=False)
        wide = self._state.get(f"{name}._expand_conv.weight", self._state[f"{name}._depthwise_conv.weight"].swapaxes(0, 1))
        if stride == 1 and wide.shape[1] == self._state[f"{name}._project_conv.weight"].shape[0]:
            self.add("Add", [value, source])

    def classifier(self) -> None:
        """Mean over the picture, one linear layer, softmax."""
        self.weights["_fc.weight"] = self._state["_fc.weight"]
        self.weights["_fc.bias"] = self._state["_fc.bias"]
        pooled = self.add("GlobalAveragePool", [self.last])
        flat = self.add("Flatten", [pooled], axis=1)
        scores = self.add("Gemm", [flat, "_fc.weight", "_fc.bias"], transB=1)
        self.nodes.append(self._node("Softmax", [scores], ["probabilities"], axis=1))

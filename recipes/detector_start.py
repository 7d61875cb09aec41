"""Start the face detector's network from a model file.

The file holds folded batch normalization and 8-bit weights. Its weights are dequantized. Every
batch normalization is then set such that the network computes what the file computes: its mean and
variance are those of its input on the given images, and its weight and bias undo them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from facepoints.errors import ModelError
from facepoints.models.networks.face_detector import REFERENCE, FaceNet

__all__ = ["start_from"]

Arrays = dict[str, NDArray]


def start_from(net: FaceNet, path: Path, images: Tensor, threshold: float = 0.0) -> None:
    """Set the weights of a network to those of a model file.

    Args:
        net: changed in place.
        path: ONNX file of a face detector.
        images: (B, 1, H, W) in [0, 255], to measure the statistics of batch normalization on.
        threshold: log odds that the file's scores were shifted by (`DetectorGraph`).

    Raises:
        ModelError: the file lacks a layer, or one has another shape.
    """
    graph = onnx.load(str(path)).graph
    arrays = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    pairs = []
    with torch.no_grad():
        for name, layer in net.named_modules():
            if not isinstance(layer, nn.Conv2d):
                continue
            weight = _array(arrays, f"net.{name}.weight", path)
            kind = "bias" if layer.bias is not None else "weight_bias"
            bias = torch.from_numpy(_array(arrays, f"net.{name}.{kind}", path))
            if weight.shape != tuple(layer.weight.shape):
                raise ModelError(
                    f"{path}: the layer {name} is {weight.shape}, expected "
                    f"{tuple(layer.weight.shape)}; train from random weights (--start none)"
                )
            layer.weight.copy_(torch.from_numpy(weight))
            if layer.bias is not None:
                layer.bias.copy_(bias)
                continue
            parent, _, index = name.rpartition(".")
            norm = net.get_submodule(f"{parent}.{int(index) + 1}")
            assert isinstance(norm, nn.BatchNorm2d)
            norm.reset_parameters()
            pairs.append((norm, bias))
        _undo_scaling(net, threshold)
    _set_statistics(net, pairs, images)


def _array(arrays: Arrays, name: str, path: Path) -> NDArray[np.float32]:
    """A weight of the file as float32, dequantized where it has 8 bits."""
    if name in arrays:
        return np.array(arrays[name], dtype=np.float32)
    stem = f"{name}_quantized" if f"{name}_quantized_scale" in arrays else name
    parts = (f"{name}_quantized", f"{stem}_scale", f"{stem}_zero_point")
    whole, scale, zero = (arrays.get(part) for part in parts)
    if whole is None or scale is None or zero is None:
        raise ModelError(f"{path} has no weight {name}; it is not a model of this network")
    shape = (-1, *[1] * (whole.ndim - 1)) if np.ndim(scale) else ()
    steps = whole.astype(np.float32) - zero.astype(np.float32).reshape(shape)
    return (steps * np.reshape(scale, shape)).astype(np.float32)


def _undo_scaling(net: FaceNet, threshold: float) -> None:
    """Undo what `DetectorGraph` does to the last layer of the heads."""
    for head, reference in zip(net.heads, REFERENCE, strict=True):
        assert isinstance(head, nn.Sequential)
        last = head[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        scale = torch.full((len(last.bias),), reference)
        scale[[0, 3, 4, 5]] = 1.0
        last.bias[3] -= float(np.log(reference))
        last.bias[0] += threshold
        last.weight /= scale[:, None, None, None]
        last.bias /= scale


@torch.no_grad()
def _set_statistics(
    net: FaceNet, pairs: list[tuple[nn.BatchNorm2d, Tensor]], images: Tensor
) -> None:
    """Set each batch normalization to add a bias (C,), with the statistics of the images."""
    for norm, bias in pairs:
        _set(norm, torch.zeros_like(bias), torch.ones_like(bias), bias)
    measured: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def measure(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        measured[module] = x.mean((0, 2, 3)), x.var((0, 2, 3))

    hooks = [norm.register_forward_pre_hook(measure) for norm, _ in pairs]
    net.eval()
    net(images)
    for hook in hooks:
        hook.remove()
    for norm, bias in pairs:
        _set(norm, *measured[norm], bias)


def _set(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Statistics of a batch normalization, with a weight and bias that only add `bias`."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)

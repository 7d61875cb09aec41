"""Devices by their names on the command line, and the providers of onnxruntime for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facepoints.errors import SettingsError
from facepoints.runtime.onnx_library import import_onnxruntime

__all__ = [
    "CPU",
    "CUDA",
    "TENSORRT",
    "Device",
    "is_quantized",
    "no_device",
    "parse_device",
    "providers_of",
]

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
"""Names of onnxruntime's providers."""

_PROVIDERS = {"cpu": (CPU,), "cuda": (CUDA,), "tensorrt": (TENSORRT, CUDA)}
"""Providers of each kind of device. TensorRT leaves to CUDA what it cannot compute."""

_CHOICES = "auto, cpu, cuda, cuda:N or tensorrt"

_QUANTIZED = (b"QuantizeLinear", b"QLinearConv", b"QLinearMatMul", b"ConvInteger", b"MatMulInteger")
"""Operators of ONNX that compute in 8 bits, or say where to."""


@dataclass(frozen=True)
class Device:
    """A device that was asked for.

    Attributes:
        kind: "auto", "cpu", "cuda" or "tensorrt".
        number: of the GPU, from 0.
    """

    kind: str
    number: int = 0


def parse_device(name: object) -> Device:
    """The device of a name: auto, cpu, cuda, cuda:N, tensorrt or tensorrt:N.

    Raises:
        SettingsError: there is no such name. Whether the device exists is not checked.
    """
    text = str(name)
    kind, colon, number = text.partition(":")
    if text in ("auto", "cpu"):
        return Device(text)
    if kind in ("cuda", "tensorrt") and ((number.isdecimal() and len(number) < 4) or not colon):
        return Device(kind, int(number or 0))
    raise SettingsError(f"no device '{text}'; choose {_CHOICES}")


def is_quantized(data: bytes) -> bool:
    """True if an ONNX file computes in 8 bits. onnxruntime computes such layers on the CPU, or
    more slowly than in float, where it computes the others on a GPU."""
    return any(operator in data for operator in _QUANTIZED)


def providers_of(device: Device, data: bytes) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """The providers of a device for an ONNX file, and the options of each.

    Raises:
        SettingsError: this onnxruntime has no such provider, or the file computes in 8 bits, which
            a GPU cannot.
    """
    available = import_onnxruntime().get_available_providers()
    kind = device.kind
    if kind == "auto":
        kind = "cuda" if CUDA in available and not is_quantized(data) else "cpu"
    wanted = _PROVIDERS[kind]
    missing = [provider for provider in wanted if provider not in available]
    if missing and kind != "cpu":
        raise SettingsError(no_device(kind, f"this onnxruntime has no {missing[0]}"))
    if kind != "cpu" and is_quantized(data):
        raise SettingsError(
            no_device(kind, "the file computes in 8 bits, which onnxruntime leaves to the CPU")
        )
    return wanted, [{} if provider == CPU else {"device_id": device.number} for provider in wanted]


def no_device(kind: str, reason: str) -> str:
    """The error of a GPU that cannot be used."""
    return (
        f"no device '{kind}' here for this ONNX file: {reason}; give a file in full precision and "
        f"install onnxruntime-gpu in place of onnxruntime, or name a run folder, which PyTorch "
        f"computes, or choose cpu"
    )

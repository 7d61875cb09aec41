"""8-bit quantization of a run's ONNX file, and its effect on size, speed and accuracy.

    facepoints export --model runs/first --int8 --data training.csv

Weights and activations become 8-bit integers (static quantization, Jacob et al. 2018,
https://arxiv.org/abs/1712.05877), with ranges measured on real crops. The last layers, which
predict heatmaps or coordinates, the decoding, and layers of one channel stay in float. Networks
with few and small layers do not get faster.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from facepoints._util.files import write_bytes
from facepoints._util.words import count_noun
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups, spread_rows
from facepoints.errors import DataError
from facepoints.evaluation.evaluate import evaluate
from facepoints.imaging import affine
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.onnx_edit import with_metadata
from facepoints.models.onnx_export import check_installed, graph_of, run_metadata
from facepoints.models.run import Run

__all__ = [
    "Cost",
    "Measured",
    "as_cropped_for",
    "in_batches",
    "quantize",
    "quantize_graph",
    "table",
]

RANGES_ON = 256
"""Maximum number of crops that the ranges are measured on; more hardly change them."""

MEASURED_ON = 2000
"""Maximum number of crops of other people that the quantized model is evaluated on."""

_LAYERS = ("Conv", "Gemm")
_BETWEEN = ("Relu", "Add", "Resize", "MaxPool")
_BATCH = 32
_REPEATS = 50  # crops timed
_SAME_FRAMING = 0.03  # fraction of the crop's side by which the face boxes may differ


@dataclass(frozen=True)
class Measured:
    """Measurements of one model file on crops that were not used for the ranges.

    Attributes:
        rmse: in pixels of the run's crops.
        nme: mean error, normalized by `Cost.normalizer`.
        within: share of the points within their radius.
        megabytes: size of the file.
        milliseconds: for one crop on one thread, the fastest of several.
    """

    rmse: float
    nme: float
    within: float
    megabytes: float
    milliseconds: float


@dataclass(frozen=True)
class Cost:
    """Effect of the quantization.

    Attributes:
        ranges_on, measured_on: number of crops for the ranges and for the evaluation.
        normalizer: of the NME, in words.
        floats, int8: the file that `export` writes, and the quantized one.
    """

    ranges_on: int
    measured_on: int
    normalizer: str
    floats: Measured
    int8: Measured


def quantize(run: Run, faces: Samples, out: Path) -> Cost:
    """Write a run as an ONNX file that computes in 8 bits, atomically.

    Args:
        run: on the CPU.
        faces: labeled real faces of at least two people. The ranges are measured on half of the
            people, the effect on the other half.
        out: file to write.

    Returns:
        The effect of the quantization.

    Raises:
        DataError: faces of one person only, or no label of a point that the run predicts.
        MissingExtraError: facepoints[train] is not installed.
        WriteError: `out` cannot be written.
    """
    check_installed()
    if len(np.unique(faces.group)) < 2:
        raise DataError(
            "quantization needs faces of at least two people, to measure ranges and accuracy on "
            "different ones; all faces are of one person: give more data"
        )
    faces = as_cropped_for(run, faces)
    ranges, rest = split_groups(faces.group, 0.5, seed=0)
    ranges = ranges[spread_rows(len(ranges), RANGES_ON)]
    rest = rest[spread_rows(len(rest), MEASURED_ON)]
    graph, metadata = graph_of(run), run_metadata(run)
    with TemporaryDirectory() as folder:
        plain, small = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        plain.write_bytes(with_metadata(graph, metadata))
        small.write_bytes(
            with_metadata(quantize_graph(graph, in_batches(faces.images[ranges])), metadata)
        )
        (floats, normalizer), (int8, _) = (_measure(f, faces.take(rest)) for f in (plain, small))
        write_bytes(out, small.read_bytes())
    return Cost(len(ranges), len(rest), normalizer, floats, int8)


def as_cropped_for(run: Run, faces: Samples) -> Samples:
    """Faces at the run's crop size, framed like its training crops."""
    faces = resize_samples(faces, *run.size)
    x, y, width, height = crop_rule_of(faces).face_box
    to_x, to_y, to_width, to_height = run.crop_rule.face_box
    scale = max(to_width, to_height) / max(width, height)
    shift_x = to_x + to_width / 2 - scale * (x + width / 2)
    shift_y = to_y + to_height / 2 - scale * (y + height / 2)
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]])
    corners = np.array([[x, y], [x + width, y + height]])
    if np.abs(affine.apply(matrix, corners) - corners).max() < _SAME_FRAMING * max(run.size):
        return faces
    rows, columns = run.size
    images = np.stack([affine.warp(image, matrix, columns, rows) for image in faces.images])
    points = affine.apply(matrix, faces.points)
    return replace(faces, images=images, frame=None).with_points(points, faces.labelled)


def quantize_graph(graph: Any, images: Iterable[NDArray[np.uint8]]) -> Any:
    """Quantize the layers of a graph that gain by it.

    Args:
        graph: an `onnx.ModelProto` with one input.
        images: batches (n, H, W) of typical inputs, to measure ranges on.

    Returns:
        The quantized `onnx.ModelProto`; `graph` itself if no layer gains.
    """
    import onnx
    from onnxruntime import quantization

    chosen = _layers_to_quantize(graph)
    if not chosen:  # to onnxruntime, an empty list means all
        return graph
    name = graph.graph.input[0].name

    class Batches(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(images)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            batch = next(self.batches, None)
            return None if batch is None else {name: batch}

    with TemporaryDirectory() as folder, _quiet():
        written = Path(folder, "quantized.onnx")
        quantization.quantize_static(
            graph,
            written,
            Batches(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=[*_LAYERS, *_BETWEEN],
            nodes_to_quantize=chosen,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # 7-bit weights: older x86 adds two products in 16 bits
        )
        return _sum_in_float(onnx.load(written))


def _sum_in_float(graph: Any) -> Any:
    """Let a graph add 8-bit values as floats, and return it.

    onnxruntime fuses an `Add` of 8-bit values to one operation, which rounds sums that lie between
    two numbers otherwise on one kind of processor, or in a browser, than on another. In a deep
    network such a difference grows to tenths of a pixel. A `Sum` of two values is not fused. It
    costs 2 to 4 % of the time.
    """
    before = {name: node for node in graph.graph.node for name in node.output}
    for node in graph.graph.node:
        parts = [before.get(name) for name in node.input]
        if node.op_type == "Add" and all(p and p.op_type == "DequantizeLinear" for p in parts):
            node.op_type = "Sum"
    return graph


def in_batches(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Split images (N, H, W) into small batches, to save memory."""
    return (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))


def _layers_to_quantize(graph: Any) -> list[str]:
    """Names of the layers that may gain from 8 bits, and of the nodes between two of them.

    Other layers are excluded because 8 bits were slower than float there: the last ones, the first
    one of a gray image, and those with a 1x1 kernel or one channel.
    """
    nodes = list(graph.graph.node)  # in the order of computation
    shapes = {weights.name: list(weights.dims) for weights in graph.graph.initializer}
    layers = [node for node in nodes if node.op_type in _LAYERS]
    large = [n for n in layers if _is_large(n.op_type, shapes[n.input[1]])]
    inner = [n for n in large if _reached(nodes, n).intersection(m.name for m in layers)]
    chosen = {n.name for n in inner}
    after = set[str]().union(*(_reached(nodes, n) for n in inner))
    between = [
        n.name
        for n in nodes
        if n.op_type in _BETWEEN and n.name in after and not chosen.isdisjoint(_reached(nodes, n))
    ]
    return [*(n.name for n in inner), *between]


def _is_large(kind: str, weights: list[int]) -> bool:
    """True if a layer with weights of this shape has several input channels and a kernel over
    1x1."""
    return kind != "Conv" or (weights[1] > 1 and max(weights[2:]) > 1)


def _reached(nodes: Sequence[Any], start: Any) -> set[str]:
    """Names of the nodes that depend on a node's output."""
    known, reached = set(start.output), set[str]()
    for node in nodes:
        if known.intersection(node.input):
            known.update(node.output)
            reached.add(node.name)
    return reached


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice of the quantizer to preprocess the graph, which the export has done."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def _measure(file: Path, faces: Samples) -> tuple[Measured, str]:
    """Evaluate a model file on labeled faces; also the normalizer of its NME."""
    model = LandmarkModel.load(file, threads=1)
    report = evaluate(model, faces)
    nme = next(iter(report["nme"].values()))
    times = []
    for repeat in range(_REPEATS):
        crop = faces.images[[repeat % len(faces)]]
        start = time.perf_counter()
        model(crop)
        times.append(time.perf_counter() - start)
    return Measured(
        rmse=report["rmse"],
        nme=nme["mean"],
        within=report["radius"]["within"],
        megabytes=file.stat().st_size / 1e6,
        milliseconds=min(times) * 1e3,
    ), nme["normalizer"]


def table(cost: Cost) -> Table:
    """A `Cost` for the terminal."""
    shown = Table(title=f"8 bits against floats on {count_noun(cost.measured_on, 'face')}")
    for heading in ("measure", "floats", "8 bits"):
        shown.add_column(heading, justify="left" if heading == "measure" else "right")
    pair = (cost.floats, cost.int8)
    shown.add_row("RMSE, pixels of the crop", *(f"{m.rmse:.3f}" for m in pair))
    shown.add_row(f"NME by {cost.normalizer}", *(f"{m.nme:.2%}" for m in pair))
    shown.add_row("within the radius", *(f"{m.within:.1%}" for m in pair))
    shown.add_row("size, MB", *(f"{m.megabytes:.2f}" for m in pair))
    shown.add_row("a face on one thread, ms", *(f"{m.milliseconds:.2f}" for m in pair))
    shown.caption = f"ranges measured on {count_noun(cost.ranges_on, 'face')} of other people"
    return shown

"""The ONNX file of a run in whole numbers of 8 bits: smaller and faster, and what that costs.

    facepoints export runs/first --int8 --data training.csv

Weights and the values between the layers become 8-bit integers (static quantisation, Jacob
et al. 2018, https://arxiv.org/abs/1712.05877), their ranges measured on real crops. The last
layers, which draw the heatmaps or give the coordinates, and the decoding keep floats, as do layers
of one channel. Networks of few and small layers do not get faster.
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
from facepoints.datasets.crop_geometry import crop_rule_of
from facepoints.datasets.crops import resize_samples
from facepoints.datasets.samples import Samples
from facepoints.datasets.splits import split_groups, spread_rows
from facepoints.errors import DataError
from facepoints.evaluation.evaluate import evaluate
from facepoints.imaging import affine
from facepoints.inference.landmark_model import LandmarkModel
from facepoints.models.onnx_export import check_installed, graph_of, run_metadata, seal
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
"""Crops that ranges are measured on, at most; more hardly move them."""

MEASURED_ON = 2000
"""Crops of other people that the cost is measured on, at most."""

_LAYERS = ("Conv", "Gemm")
_BETWEEN = ("Relu", "Add", "Resize", "MaxPool")
_BATCH = 32
_ALIKE = 0.03  # part of the crop's side by which faces may lie otherwise before crops are moved


@dataclass(frozen=True)
class Measured:
    """One file on the crops that no range was measured on.

    Attributes:
        rmse: pixels of the run's crops.
        nme: mean error by `Cost.normaliser`.
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
    """What quantisation costs and brings.

    Attributes:
        ranges_on, measured_on: number of crops.
        normaliser: of the NME, in words.
        floats, int8: the file as `export` writes it, and the quantised one.
    """

    ranges_on: int
    measured_on: int
    normaliser: str
    floats: Measured
    int8: Measured


def quantize(run: Run, faces: Samples, out: Path) -> Cost:
    """Write a run as an ONNX file that computes in 8 bits, whole or not at all.

    Args:
        run: on the CPU.
        faces: labelled real faces of two people or more. Half of the people serve to measure
            ranges, the other half to measure the cost.
        out: file to write.

    Raises:
        DataError: one person only, or no label of a point that the run predicts.
        MissingExtraError: facepoints[train] is not installed.
        WriteError: `out` cannot be written.
    """
    check_installed()
    if len(np.unique(faces.group)) < 2:
        raise DataError(
            "faces of at least two people are needed, some to measure ranges on and others to "
            "measure the cost on; all that came are of one"
        )
    faces = as_cropped_for(run, faces)
    ranges, rest = split_groups(faces.group, 0.5, seed=0)
    ranges = ranges[spread_rows(len(ranges), RANGES_ON)]
    rest = rest[spread_rows(len(rest), MEASURED_ON)]
    graph, header = graph_of(run), run_metadata(run)
    with TemporaryDirectory() as folder:
        plain, small = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        plain.write_bytes(seal(graph, header))
        small.write_bytes(seal(quantize_graph(graph, in_batches(faces.images[ranges])), header))
        (floats, words), (int8, _) = (_measured(f, faces.take(rest)) for f in (plain, small))
        write_bytes(out, small.read_bytes())
    return Cost(len(ranges), len(rest), words, floats, int8)


def as_cropped_for(run: Run, faces: Samples) -> Samples:
    """Faces at the run's crop size, framed like its training crops."""
    faces = resize_samples(faces, *run.size)
    x, y, width, height = crop_rule_of(faces).face_box
    left, top, across, down = run.crop_rule.face_box
    unit = max(across, down) / max(width, height)
    shift = (left + across / 2 - unit * (x + width / 2), top + down / 2 - unit * (y + height / 2))
    matrix = np.array([[unit, 0, shift[0]], [0, unit, shift[1]]])
    moved = affine.apply(matrix, np.array([[x, y], [x + width, y + height]]))
    if np.abs(moved - [[x, y], [x + width, y + height]]).max() < _ALIKE * max(run.size):
        return faces
    high, wide = run.size
    images = np.stack([affine.warp(image, matrix, wide, high) for image in faces.images])
    points = affine.apply(matrix, faces.points)
    return replace(faces, images=images).with_points(points, faces.labelled)


def quantize_graph(graph: Any, pictures: Iterable[NDArray[np.uint8]]) -> Any:
    """A graph, an `onnx.ModelProto` of one input, with 8-bit layers.

    Args:
        pictures: (n, H, W) each, what its input is like: ranges are measured on them.
    """
    import onnx
    from onnxruntime import quantization

    chosen = _chosen(graph)
    if not chosen:  # to onnxruntime, none means all
        return graph
    name = graph.graph.input[0].name

    class Pictures(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter(pictures)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            some = next(self.left, None)
            return None if some is None else {name: some}

    with TemporaryDirectory() as folder, _quiet():
        written = Path(folder, "quantised.onnx")
        quantization.quantize_static(
            graph,
            written,
            Pictures(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=[*_LAYERS, *_BETWEEN],
            nodes_to_quantize=chosen,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: older x86 adds pairs of products in 16
        )
        return onnx.load(written)


def in_batches(images: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Pictures (N, H, W) in parts that take little memory."""
    return (images[start : start + _BATCH] for start in range(0, len(images), _BATCH))


def _chosen(graph: Any) -> list[str]:
    """Names of the layers that may gain by it, and of what lies between two of them.

    Left out are layers whose output reaches no other, the first of a gray picture, and those that
    look at one cell or one channel: there 8 bits took longer than floats. Small networks as
    lenet5 do not gain at all.
    """
    nodes = list(graph.graph.node)  # in the order that they are computed in
    shapes = {weights.name: list(weights.dims) for weights in graph.graph.initializer}
    layers = [node for node in nodes if node.op_type in _LAYERS]
    wide = [n for n in layers if _wide(n.op_type, shapes[n.input[1]])]
    inner = [n for n in wide if _reached(nodes, n).intersection(m.name for m in layers)]
    chosen = {n.name for n in inner}
    after = set[str]().union(*(_reached(nodes, n) for n in inner))
    between = [
        n.name
        for n in nodes
        if n.op_type in _BETWEEN and n.name in after and not chosen.isdisjoint(_reached(nodes, n))
    ]
    return [*(n.name for n in inner), *between]


def _wide(kind: str, weights: list[int]) -> bool:
    """Whether a layer of such weights looks at several channels, and at more than one cell."""
    return kind != "Conv" or (weights[1] > 1 and max(weights[2:]) > 1)


def _reached(nodes: Sequence[Any], start: Any) -> set[str]:
    """Names of the nodes that a node's output leads to."""
    known, reached = set(start.output), set[str]()
    for node in nodes:
        if known.intersection(node.input):
            known.update(node.output)
            reached.add(node.name)
    return reached


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser advises its caller to do what `export` has done."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def _measured(file: Path, faces: Samples) -> tuple[Measured, str]:
    """A file on labelled faces, and what its NME is normalised by."""
    model = LandmarkModel.load(file, threads=1)
    report = evaluate(model, faces)
    nme = next(iter(report["nme"].values()))
    times = []
    for row in range(50):
        crop = faces.images[[row % len(faces)]]
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
    shown = Table(title=f"8 bits against floats on {cost.measured_on} faces")
    for heading in ("measure", "floats", "8 bits"):
        shown.add_column(heading, justify="left" if heading == "measure" else "right")
    pair = (cost.floats, cost.int8)
    shown.add_row("RMSE, pixels of the crop", *(f"{m.rmse:.3f}" for m in pair))
    shown.add_row(f"NME by {cost.normaliser}", *(f"{m.nme:.2%}" for m in pair))
    shown.add_row("within the radius", *(f"{m.within:.1%}" for m in pair))
    shown.add_row("size, MB", *(f"{m.megabytes:.2f}" for m in pair))
    shown.add_row("a face on one thread, ms", *(f"{m.milliseconds:.2f}" for m in pair))
    shown.caption = f"ranges measured on {cost.ranges_on} faces of other people"
    return shown

"""Rates of networks that predict: faces per second by batch size, precision and way to start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from facepoints import weights
from facepoints.landmarks.known_sets import KAGGLE_15
from facepoints.models.networks import NETWORKS, build_model
from facepoints.models.run import Run

__all__ = ["SHIPPED", "forward_rates", "predict_rates", "rate"]

SHIPPED = "landmarks"
"""The built-in landmark network."""
PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
Call = Callable[[], object]


def synchronize(device: torch.device) -> None:
    """Wait until the device has done all work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def rate(call: Call, rows: int, device: torch.device, seconds: float) -> float:
    """Rows per second of a call that takes `rows` of them, over at least `seconds`."""
    begin = 0.0
    for _ in range(2):
        begin = time.perf_counter()
        call()
        synchronize(device)
    together = 8 if time.perf_counter() - begin < seconds / 8 else 1
    begin, calls = time.perf_counter(), 0
    while calls < 2 or time.perf_counter() - begin < seconds:
        for _ in range(together):
            call()
        calls += together
        synchronize(device)
    return calls * rows / (time.perf_counter() - begin)


def networks(device: torch.device) -> Iterator[tuple[str, nn.Module, tuple[int, int]]]:
    """Name, model and input size of the built-in landmark network, and of every network for 96x96
    and 15 points with random weights."""
    run = Run.load(weights.POINTS_RUN, device)
    yield SHIPPED, run.members[0].model, run.size
    for name in NETWORKS:
        yield name, build_model(name, len(KAGGLE_15), (96, 96), 127.0, 70.0), (96, 96)


def forward_rates(
    device: torch.device, batches: list[int], seconds: float
) -> Iterator[dict[str, Any]]:
    """A row per network, batch and way: crops are on the device; those of the built-in network
    also come from the host, in bfloat16, and its points go back there."""
    for name, model, size in networks(device):
        prepared = model.eval().to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        precisions = list(PRECISIONS) if device.type == "cuda" else ["float32"]
        for precision in precisions if name == SHIPPED else precisions[:2]:
            for batch in batches:
                for way in ("eager", "graph") if device.type == "cuda" else ("eager",):
                    from_host = name == SHIPPED and precision == precisions[:2][-1]
                    for source in ("device", "host") if from_host else ("device",):
                        row = {"network": name, "precision": precision, "batch": batch}
                        row |= {"way": way, "crops": source}
                        yield row | _attempt(prepared, size, row, device, seconds)


def compiled_rates(
    device: torch.device, batches: list[int], seconds: float
) -> Iterator[dict[str, Any]]:
    """Rows of the built-in network through `torch.compile`, bfloat16, crops on the device."""
    _, model, size = next(networks(device))
    prepared = model.eval().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    for batch in batches:
        compiled = torch.compile(prepared, dynamic=False)
        row = {"network": SHIPPED, "precision": "bfloat16", "batch": batch}
        row |= {"way": "compile", "crops": "device"}
        yield row | _attempt(compiled, size, row, device, seconds)


def _attempt(
    model: Any, size: tuple[int, int], row: dict[str, Any], device: torch.device, seconds: float
) -> dict[str, Any]:
    try:
        call = _call(model, size, row, device)
        return {"faces_per_s": round(rate(call, row["batch"], device, seconds), 1)}
    except RuntimeError as error:  # out of memory, or nothing that a graph can hold
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}


def _call(model: Any, size: tuple[int, int], row: dict[str, Any], device: torch.device) -> Call:
    batch, dtype = row["batch"], PRECISIONS[row["precision"]]
    rng = np.random.default_rng(0)
    crops = torch.from_numpy(rng.integers(0, 256, (batch, 1, *size), dtype=np.uint8))
    fixed = crops.to(device)

    def forward() -> torch.Tensor:
        enabled = dtype is not None
        with torch.inference_mode(), torch.autocast(device.type, dtype=dtype, enabled=enabled):
            return model(fixed).points

    run: Callable[[], torch.Tensor] = forward
    if row["way"] == "graph":
        run = _graphed(forward)
    if row["crops"] == "device":
        return run
    crops = crops.pin_memory() if device.type == "cuda" else crops

    def from_host() -> object:
        fixed.copy_(crops, non_blocking=True)
        return run().cpu()

    return from_host


def _graphed(forward: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            forward()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = forward()

    def replay() -> torch.Tensor:
        graph.replay()
        return output

    return replay


def predict_rates(
    device: torch.device, batches: list[int], seconds: float
) -> Iterator[dict[str, Any]]:
    """Rows of `Run.predict` as facepoints calls it: crops and points are arrays on the host."""
    run = Run.load(weights.POINTS_RUN, device)
    rng = np.random.default_rng(0)
    for batch in batches:
        crops = rng.integers(0, 256, (batch, *run.size), dtype=np.uint8)
        yield {
            "network": SHIPPED,
            "precision": "as shipped",
            "batch": batch,
            "way": "Run.predict",
            "crops": "host",
            "faces_per_s": round(rate(lambda c=crops: run.predict(c), batch, device, seconds), 1),
        }

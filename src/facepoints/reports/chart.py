"""Charts of a report: lines, steps and bands over two axes, as shapes that the page draws in SVG.

Colors and text sizes come from the page's style, so charts suit light and dark screens, paper and
phones. matplotlib's pictures (`drawing.charts`) cannot do that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facepoints.reports.table import significant

__all__ = ["COLORS", "Chart", "Line", "Rule", "Span", "line_chart"]

Array = NDArray[np.floating]

WIDTH, HEIGHT = 640, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 26, 24, 34
COLORS = 7
"""Number of colors in the style; further lines and bars repeat them."""
_POINTS = 700
"""Most points of a line. Longer lines keep the lowest and the highest value of each step."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: in the legend.
        x, y: (n,) values; a y that is not finite interrupts the line.
        low, high: (n,) limits of a band around the line; None: no band.
        steps: the line keeps its value until the next x.
        dots: also draw a dot at each value, with the value as a tooltip.
        color: number of the color; None: the place of the line in the chart.
    """

    name: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    steps: bool = False
    dots: bool = False
    color: int | None = None


@dataclass(frozen=True)
class Rule:
    """A dashed line across the chart at a value, with a label. `of_x`: at a value of x."""

    value: float
    label: str
    of_x: bool = False


@dataclass(frozen=True)
class Span:
    """A stretch of x with another background. `kind` is a class of the style."""

    start: float
    end: float
    label: str
    kind: str


@dataclass(frozen=True)
class Shape:
    """A shape to draw: an SVG path (`path`), or a circle at `at` if `path` is empty."""

    kind: str
    path: str = ""
    at: tuple[float, float] = (0.0, 0.0)
    label: str = ""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, or a label in the chart: its position in the picture and its text."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn. Positions are in units of a picture of width x height."""

    title: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    shapes: Sequence[Shape]
    labels: Sequence[Tick]
    legend: Sequence[tuple[str, str]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


@dataclass(frozen=True)
class _Axis:
    """Maps values of an axis to the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, values: Array | float) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = (math.log10(v) if self.log else v for v in (self.low, self.high))
            value = np.asarray(np.log10(values) if self.log else values, dtype=float)
        return self.start + (value - low) / ((high - low) or 1.0) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)


def line_chart(
    lines: Sequence[Line],
    *,
    title: str,
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    y_log: bool = False,
    x_percent: bool = False,
    y_percent: bool = False,
    rules: Sequence[Rule] = (),
    spans: Sequence[Span] = (),
) -> Chart:
    """A chart of lines.

    Args:
        lines: what is drawn, in order; the first lies below.
        title: for the heading, and for readers of the screen.
        x_label, y_label: axes, with their units.
        x_range, y_range: limits of the axes; None: those of the values. Lines that leave them are
            cut.
        y_log: logarithmic y axis; values that are not positive are left out.
        x_percent, y_percent: show 0.1 as "10 %".
        rules: dashed lines.
        spans: stretches of x with another background.
    """
    x = _Axis(*(x_range or _limits([one.x for one in lines])), _LEFT, WIDTH - _RIGHT)
    values = [v for one in lines for v in (one.y, one.low, one.high) if v is not None]
    y_limits = y_range or _limits(values, positive=y_log)
    y = _Axis(*y_limits, HEIGHT - _BOTTOM, _TOP, y_log)
    shapes: list[Shape] = []
    for span in spans:
        shapes.append(
            Shape(f"span {span.kind}", _box(x, y, span.start, span.end), label=span.label)
        )
    for number, line in enumerate(lines):
        shapes += _line_shapes(line, x, y, _color(line, number))
    labels = []
    for rule in rules:
        axis, value = (x, rule.value) if rule.of_x else (y, rule.value)
        if not axis.low <= value <= axis.high:
            continue
        at = float(axis.place(value))
        if rule.of_x:
            shapes.append(Shape("rule", f"M{at:.1f} {_TOP}V{HEIGHT - _BOTTOM}"))
            labels.append(Tick(min(max(at, _LEFT + 60), WIDTH - _RIGHT - 60), _TOP - 7, rule.label))
        else:
            shapes.append(Shape("rule", f"M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}"))
            labels.append(Tick(WIDTH - _RIGHT - 4, at - 5, rule.label))
    return Chart(
        title=title,
        x_label=x_label,
        y_label=y_label,
        x_ticks=[
            Tick(float(x.place(v)), HEIGHT - _BOTTOM, _tick_text(v, x_percent)) for v in x.ticks()
        ],
        y_ticks=[Tick(_LEFT, float(y.place(v)), _tick_text(v, y_percent)) for v in y.ticks()],
        shapes=shapes,
        labels=labels,
        legend=[(f"s{_color(one, k)}", one.name) for k, one in enumerate(lines) if one.name],
    )


def _color(line: Line, number: int) -> int:
    return (number if line.color is None else line.color) % COLORS


def _line_shapes(line: Line, x: _Axis, y: _Axis, color: int) -> list[Shape]:
    shapes = []
    if line.low is not None and line.high is not None:
        for part in _finite_parts(line.low + line.high):
            low, high = line.low[part], line.high[part]
            there = _joined(x.place(line.x[part]), _cut(y.place(high)))
            back = _joined(x.place(line.x[part])[::-1], _cut(y.place(low))[::-1])
            shapes.append(Shape(f"band s{color}", f"M{there}L{back}Z"))
    placed_x, placed_y = x.place(line.x), y.place(line.y)
    for part in _finite_parts(placed_y):
        px, py = _thinned(placed_x[part], placed_y[part])
        if line.steps:
            px, py = np.repeat(px, 2)[1:], np.repeat(py, 2)[:-1]
        shapes.append(Shape(f"line s{color}", "M" + _joined(px, _cut(py)), label=line.name))
        if line.dots or len(px) == 1:
            for at_x, at_y, value_x, value_y in zip(
                placed_x[part], _cut(placed_y[part]), line.x[part], line.y[part], strict=True
            ):
                label = f"{line.name}: {significant(value_y)} at {significant(value_x)}"
                shapes.append(
                    Shape(f"dot s{color}", at=(float(at_x), float(at_y)), label=label.strip(": "))
                )
    return shapes


def _finite_parts(values: Array) -> list[slice]:
    """Stretches of finite values."""
    finite = np.isfinite(values)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], finite.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most about `_POINTS` points of a line, with the lowest and highest of each step."""
    if len(x) <= _POINTS:
        return x, y
    parts = np.array_split(np.arange(len(x)), _POINTS // 2)
    kept = sorted({int(part[k]) for part in parts for k in (y[part].argmin(), y[part].argmax())})
    return x[kept], y[kept]


def _cut(y: Array) -> Array:
    """Positions (n,) moved to the borders of the chart where they lie outside."""
    return np.clip(y, _TOP, HEIGHT - _BOTTOM)


def _joined(x: Array, y: Array) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _box(x: _Axis, y: _Axis, start: float, end: float) -> str:
    a, b = (float(np.clip(x.place(v), x.start, x.end)) for v in (start, end))
    middle, b = (a + b) / 2, max(b, a + 2.0)  # a short one stays visible
    a = min(a, middle - 1)
    return f"M{a:.1f} {_TOP}H{b:.1f}V{HEIGHT - _BOTTOM}H{a:.1f}Z"


def _limits(values: Sequence[Array], positive: bool = False) -> tuple[float, float]:
    """The range of values with a little room, from 0 if they are near it."""
    every = np.concatenate([np.ravel(v) for v in values] or [np.zeros(0)])
    every = every[np.isfinite(every) & ((every > 0) | (not positive))]
    if not len(every):
        return (0.1, 1.0) if positive else (0.0, 1.0)
    low, high = float(every.min()), float(every.max())
    if positive:
        return low / 1.15, high * 1.15
    if low == high:
        return low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    if 0 <= low < 0.6 * high:
        return 0.0, high + 0.05 * high
    room = 0.06 * (high - low)
    return low - room, high + room


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers in a range: steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if not span > 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * k for k in (1, 2, 5, 10, 20) if span / (power * k) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten; powers of ten alone over more than three of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if math.log10(high / low) <= 3 else (1,)
    found = [k * 10.0**power for power in powers for k in factors if low <= k * 10.0**power <= high]
    return found if len(found) > 1 else _ticks(low, high)


def _tick_text(value: float, percent: bool) -> str:
    return f"{100 * value:.4g} %" if percent else f"{value:.4g}"

"""Charts of training and evaluation, as PNG. matplotlib is imported for the first chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facepoints._util import files
from facepoints._util.words import count_noun
from facepoints.errors import MissingExtraError
from facepoints.landmarks import metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "ced_chart", "check_charts", "curves"]

# The colors of Okabe & Ito (https://jfly.uni-koeln.de/color/), which color-blind people can tell
# apart, without yellow, which is too light for lines.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#555555")
_INK, _FAINT = "#333333", "#DDDDDD"
_CUT = 4.0  # times the median: where longer bars are cut


def check_charts() -> None:
    """Raises MissingExtraError if matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise MissingExtraError("matplotlib", "adapt", "drawing charts")


def _figure(width: float, height: float) -> Figure:
    """An empty figure; sizes in inches. Not from pyplot, which keeps figures in a global list."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", "adapt", "drawing charts") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # pyright: ignore
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Figure, path: Path) -> None:
    with files.atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, facecolor="white")


def _plain(axes: Axes, grid: str = "y") -> None:
    """Reduce axes to two thin lines, with a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_INK)
    axes.tick_params(colors=_INK, labelsize=9, length=3)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(axis=grid, color=_FAINT, linewidth=0.7)  # pyright: ignore[reportArgumentType]


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", fontsize=10.5, color=_INK)


_PANELS = (
    ("train_loss", "training loss", True),
    ("validation_rmse", "validation RMSE (px)", True),
    ("learning_rate", "learning rate", False),
)


def curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Chart training loss, validation RMSE and learning rate over the epochs, in panels.

    Args:
        history: a row per epoch as in metrics.jsonl: "epoch", "train_loss", "learning_rate",
            "validation_rmse" if rows were held out, and "member" in a run of several. A panel
            without any value is left out.
        path: PNG file to write.

    Raises:
        MissingExtraError: matplotlib is not installed.
        WriteError: `path` cannot be written.
    """
    panels = [p for p in _PANELS if any(p[0] in row for row in history)] or [_PANELS[0]]
    members = list(dict.fromkeys(row.get("member", 0) for row in history))
    figure = _figure(6.8, 0.6 + 1.9 * len(panels))
    stack = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (key, words, logarithmic) in zip(stack, panels, strict=True):
        _plain(axes)
        _title(axes, words)
        for number, member in enumerate(members):
            rows = [r for r in history if r.get("member", 0) == member and key in r]
            x = np.array([r["epoch"] for r in rows], dtype=float)
            y = np.array([r[key] for r in rows], dtype=float)
            name = f"member {member}"
            if key == "validation_rmse":
                name += _mark_best(axes, x, y, _color(number), alone=len(members) == 1)
            mark = "o" if len(rows) == 1 else ""
            axes.plot(x, y, color=_color(number), linewidth=1.5, label=name, marker=mark)
        if len(members) > 1 and key != "learning_rate":
            axes.legend(frameon=False, fontsize=9, labelcolor=_INK, loc="upper right")
        _span(axes, logarithmic)
    stack[-1].set_xlabel("epoch", color=_INK, fontsize=9.5)
    stack[-1].xaxis.get_major_locator().set_params(integer=True)
    _save(figure, path)


def _mark_best(axes: Axes, x: NDArray, y: NDArray, color: str, *, alone: bool) -> str:
    """Mark the lowest value with a dot. Returns a text for the legend of several lines."""
    if not np.isfinite(y).any():
        return ""
    best = int(np.nanargmin(np.where(np.isfinite(y), y, np.nan)))
    axes.plot(x[best], y[best], "o", color=color, markersize=4.5)
    if alone:
        axes.annotate(
            f"{y[best]:.2f}",
            (x[best], y[best]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=9,
            color=color,
        )
    return f": {y[best]:.2f} at its best"


def _span(axes: Axes, logarithmic: bool) -> None:
    """Make an axis logarithmic if its values span more than a factor of six; else start it at 0."""
    values = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines] or [[]])
    values = values[np.isfinite(values)]
    if not len(values):
        return
    if logarithmic and values.min() > 0 and values.max() > 6 * values.min():
        from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif values.min() >= 0:
        axes.set_ylim(bottom=0)


def ced_chart(errors: Mapping[str, NDArray], path: Path, normalizer: str) -> None:
    """Chart the cumulative error distribution: the share of faces with at most each error.

    Args:
        errors: name of a curve -> (M,) NME of its faces; 0.01 is 1 % of the normalizer.
        path: PNG file to write.
        normalizer: name of the normalizing distance, for the axis.

    Raises:
        MissingExtraError: matplotlib is not installed.
        WriteError: `path` cannot be written.
    """
    from_all = [np.asarray(e, dtype=float) for e in errors.values() if len(e)]
    limit = metrics.FAILURE
    high = max([1.25 * limit, *(float(np.quantile(e, 0.9)) * 1.1 for e in from_all)])
    figure = _figure(6.8, 4.4)
    axes = figure.subplots()
    _plain(axes, "both")
    for number, (name, values) in enumerate(errors.items()):
        if not len(values):
            continue
        x, y = metrics.ced(np.asarray(values))
        failed, area = metrics.failure_rate(values), metrics.auc(values)
        words = f"{name}: {count_noun(len(values), 'face')}, AUC {area:.3f}, failed {failed:.1%}"
        x, y = np.concatenate([[0], x, [max(high, x[-1])]]), np.concatenate([[0], y, [1]])
        axes.step(
            x, y, where="post", color=_color(number), linewidth=1.8, label=words,
            linestyle=("-", "--", ":")[number // len(_COLORS) % 3],
        )  # fmt: skip
    axes.axvline(limit, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(
        f"failed beyond {limit:g}",
        (limit, 1.02),
        xycoords=("data", "axes fraction"),
        ha="center",
        fontsize=8.5,
        color=_INK,
    )
    axes.set_xlim(0, high)
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel(f"error / {normalizer}", color=_INK, fontsize=9.5)
    axes.set_ylabel("faces with at most this error", color=_INK, fontsize=9.5)
    if from_all:
        legend = axes.legend(fontsize=9, labelcolor=_INK, loc="lower right", framealpha=1)
        legend.get_frame().set_edgecolor("none")
    _save(figure, path)


def bars(table: Mapping[str, Mapping[str, float]], path: Path, title: str) -> None:
    """Chart grouped bars with their values. Lower is better: the lowest value is bold.

    The axis starts at 0. Bars of values far above the others are cut, with a mark.

    Args:
        table: group -> series -> value. A group may lack a series; each series keeps its color
            and its place. Values that are not finite are left out.
        path: PNG file to write.
        title: names the values and their unit.

    Raises:
        MissingExtraError: matplotlib is not installed.
        WriteError: `path` cannot be written.
    """
    series = list(dict.fromkeys(name for group in table.values() for name in group))
    values = [
        (group, name, float(value))
        for group, row in table.items()
        for name, value in row.items()
        if np.isfinite(value)
    ]
    groups = list(table)
    numbers = [value for *_, value in values]
    best, top = min(numbers, default=0.0), max(numbers, default=1.0)
    # one value far above the others would leave no room for them
    limit = min(top, _CUT * float(np.median(numbers))) if numbers else top
    limit = limit if limit > 0 else top or 1.0
    figure = _figure(7.2, 1.4 + len(groups) * (0.22 * len(series) + 0.25))
    axes = figure.subplots()
    _plain(axes, "x")
    axes.spines[["left", "bottom"]].set_visible(False)
    thick = 0.8 / max(len(series), 1)
    for group, name, value in values:
        place = groups.index(group) - 0.4 + (series.index(name) + 0.5) * thick
        color, shown = _color(series.index(name)), min(value, limit)
        axes.barh(place, shown, height=thick * 0.86, color=color)
        if value > limit:
            axes.plot(limit * 0.97, place, marker="$//$", color="white", markersize=9)
        weight = "bold" if value == best else "normal"
        axes.text(
            shown + 0.008 * limit, place, f"{value:.2f}", va="center", fontsize=8.5, color=_INK,
            weight=weight,
        )  # fmt: skip
    axes.set_yticks(range(len(groups)), groups)
    axes.set_xlim(0, limit * 1.08)
    axes.set_xlabel(f"{title}; lower is better", color=_INK, fontsize=9.5)
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.set_ylim(max(len(groups), 1) - 0.5, -0.5)  # first group on top
    if len(series) > 1:
        from matplotlib.patches import Patch

        keys = [Patch(color=_color(i), label=name) for i, name in enumerate(series)]
        figure.legend(
            handles=keys, loc="outside lower left", ncols=min(len(series), 6),
            frameon=False, fontsize=9, labelcolor=_INK, handlelength=1, handleheight=1,
        )  # fmt: skip
    _save(figure, path)

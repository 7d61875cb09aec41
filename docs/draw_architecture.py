"""Draw docs/images/architecture.svg: the packages in their import order.

python docs/draw_architecture.py
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).parent / "images" / "architecture.svg"

FLOORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("words that all share", ("errors", "_version", "weights")),
    ("words that all share", ("_util",)),
    ("words that all share", ("landmarks",)),
    ("files of models and images", ("runtime",)),
    ("files of models and images", ("imaging",)),
    ("what is predicted at scale", ("sources",)),
    ("labeled faces", ("datasets",)),
    ("faces and frames", ("detection", "video")),
    ("from image to points", ("inference",)),
    ("what to do with points", ("measurement", "tracking", "drawing")),
    ("what to do with points", ("results",)),
    ("what load() returns", ("api",)),
    ("how good it is", ("evaluation",)),
    ("labels that people make and mend", ("audit", "labeling")),
    ("how good it is", ("reports",)),
    ("networks", ("models",)),
    ("networks", ("training",)),
    ("what a user calls", ("commands",)),
    ("what a user calls", ("web",)),
    ("what a user calls", ("cli",)),
)
"""Floors from the top, each with a note and its packages. A package imports only from above."""

WIDTH, BOX_HEIGHT, GAP, NOTE, TOP = 860, 36, 10, 230, 46
WITH_TORCH = ("models", "training")


def svg() -> str:
    """The figure."""
    step = BOX_HEIGHT + GAP
    height = TOP + len(FLOORS) * step + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" font-family="sans-serif" role="img">',
        "<title>Packages of facepoints in their import order</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        '<defs><marker id="head" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 10 5 0 10z" fill="#555555"/></marker></defs>',
        f'<text x="{NOTE}" y="28" font-size="14" fill="#333333">'
        "A package imports only packages above it. Red: needs PyTorch.</text>",
        f'<line x1="28" y1="{height - 16}" x2="28" y2="{TOP + 8}" stroke="#555555" '
        'stroke-width="1.5" marker-end="url(#head)"/>',
        f'<text x="14" y="{height / 2 + TOP / 2:.0f}" font-size="13" fill="#555555" '
        f'text-anchor="middle" transform="rotate(-90 14 {height / 2 + TOP / 2:.0f})" '
        'dy="-1">imports</text>',
    ]
    note_before = ""
    for number, (note, packages) in enumerate(FLOORS):
        y = TOP + number * step
        if note != note_before:
            parts.append(
                f'<text x="{NOTE - 14}" y="{y + BOX_HEIGHT / 2 + 5}" font-size="13" '
                f'fill="#555555" text-anchor="end">{escape(note)}</text>'
            )
        note_before = note
        wide = (WIDTH - NOTE - 10 - GAP * (len(packages) - 1)) / len(packages)
        for column, name in enumerate(packages):
            x = NOTE + column * (wide + GAP)
            fill, edge = ("#fbeaec", "#b23a48") if name in WITH_TORCH else ("#e8f1f2", "#00707c")
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{BOX_HEIGHT}" rx="6" '
                f'fill="{fill}" stroke="{edge}"/>'
                f'<text x="{x + wide / 2:.1f}" y="{y + BOX_HEIGHT / 2 + 5}" font-size="15" '
                f'font-family="monospace" fill="#222222" text-anchor="middle">{name}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(svg(), "utf-8")

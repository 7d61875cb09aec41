"""The report of an audit: what is wrong with labels, face by face, with fixes to choose from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facepoints._util.words import count_noun
from facepoints.audit.fault import DESCRIPTIONS, AuditResult, Cause
from facepoints.datasets.fixes import Fix, Sets
from facepoints.datasets.samples import Samples
from facepoints.reports.audit_list import ListedFault, row_words
from facepoints.reports.audit_pictures import MOST_PICTURES, fault_pictures
from facepoints.reports.audit_proof import Proof
from facepoints.reports.page import write_page
from facepoints.reports.picture import Picture
from facepoints.reports.table import Column, Table, count, number, percent, share, text

__all__ = ["AUDIT_REPORT", "write_audit_report"]

AUDIT_REPORT = "audit.html"
"""Name of the report in the output folder."""

_SUSPICIOUS = 50  # rows without a named fault that are listed


@dataclass(frozen=True)
class _Card:
    """A fault on the page.

    Attributes:
        listed: the fault.
        title: the name of its row, or what its rows have in common.
        rows: which rows, in words.
        description: the cause in words.
        pictures: one or two, side by side; empty: none.
        words: for the search, in small letters.
        order: number of its row in all data, to sort by.
        off: mean distance of the label from what was expected, to sort by.
    """

    listed: ListedFault
    title: str
    rows: str
    description: str
    pictures: list[Picture]
    words: str
    order: int
    off: float


@dataclass(frozen=True)
class _View:
    cards: list[tuple[str, str]]
    sentences: list[str]
    notes: list[str]
    causes: Table
    faults: list[_Card]
    cause_names: list[tuple[str, str]]
    sets: list[str]
    suspicious: Table | None
    data: str
    digest: str
    without_pictures: int
    proof: Proof | None


def write_audit_report(
    path: Path,
    result: AuditResult,
    listed: Sequence[ListedFault],
    faces: Samples,
    sets: Sets,
    *,
    model: str = "",
    mend_above: float = 0.9,
    proof: Proof | None = None,
    details: Mapping[str, str] | None = None,
) -> None:
    """Write the report of an audit as one HTML file.

    Args:
        path: file to write.
        result: of the audit.
        listed: its faults, of `audit_list.list_faults`.
        faces: the audited faces.
        sets: names of the data sets, and the number (N,) of the set of each row.
        model: name of the second opinion; empty: there was none.
        mend_above: the confidence from which on fixes are chosen before anybody has looked.
        proof: what the mended labels bring; None: not measured.
        details: further lines for the foot of the page, by name.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        WriteError: the file cannot be written.
    """
    names = [str(name) for name in sets[0]]
    stamp = [("second opinion", model or "none: labels were compared with each other")]
    stamp += [("data", ", ".join(names)), *(details or {}).items()]
    view = _view(result, listed, faces, sets, mend_above, proof)
    lead = f"{count_noun(len(faces), 'row')} of {', '.join(names)}"
    write_page(path, "audit.html", view=view, lead=lead, stamp=stamp, mend_above=mend_above)


def _view(
    result: AuditResult,
    listed: Sequence[ListedFault],
    faces: Samples,
    sets: Sets,
    mend_above: float,
    proof: Proof | None,
) -> _View:
    data = json.dumps({"faults": {str(one.number): _embedded(one) for one in listed}})
    shown = _with_pictures(listed)
    causes = list(dict.fromkeys(one.fault.cause for one in listed))
    return _View(
        cards=_summary_cards(result, listed, faces),
        sentences=_sentences(result, listed, faces, mend_above),
        notes=list(result.notes),
        causes=_cause_table(listed),
        faults=[_card(one, result, faces, one.number in shown) for one in listed],
        cause_names=[(cause.value, DESCRIPTIONS[cause]) for cause in causes],
        sets=[str(name) for name in sets[0]],
        suspicious=_suspicious(result, listed, faces, sets),
        data=data,
        digest=hashlib.sha256(data.encode()).hexdigest()[:16],
        without_pictures=len(listed) - len(shown),
        proof=proof,
    )


def _embedded(one: ListedFault) -> dict[str, Any]:
    """A fault for the page's script, which makes the chosen fixes of it."""
    keys = {(fix.set, fix.row): number for number, fix in enumerate(one.rows)}
    first = one.rows[0].to_dict()
    return {
        "cause": first["cause"],
        "evidence": first.get("evidence", ""),
        "rows": [_identity(fix) for fix in one.rows],
        "changes": [[keys[fix.set, fix.row], fix.action, fix.values] for fix in one.fixes],
    }


def _identity(fix: Fix) -> dict[str, Any]:
    return {
        "set": fix.set,
        "row": fix.row,
        "name": fix.name,
        "fingerprint": list(fix.fingerprint),
    }


def _with_pictures(listed: Sequence[ListedFault]) -> set[int]:
    """Numbers of the faults that are shown with pictures: the most certain of each cause."""
    ranks: dict[Cause, int] = {}
    order = []
    for one in listed:
        ranks[one.fault.cause] = ranks.get(one.fault.cause, 0) + 1
        order.append((ranks[one.fault.cause], one.number))
    return {number for _, number in sorted(order)[:MOST_PICTURES]}


def _card(one: ListedFault, result: AuditResult, faces: Samples, pictures: bool) -> _Card:
    fault = one.fault
    rows = row_words(one)
    description = DESCRIPTIONS[fault.cause]
    many = len(fault.rows) > 2
    title = f"{len(fault.rows):,} rows" if many else " and ".join(fix.name for fix in one.rows)
    residual = float(result.residual[fault.row])
    return _Card(
        listed=one,
        title=title,
        rows=rows,
        description=description,
        pictures=fault_pictures(fault, faces) if pictures else [],
        words=f"{title} {rows} {description} {fault.evidence} {' '.join(fault.points)}".lower(),
        order=fault.row,
        off=residual if np.isfinite(residual) else 0.0,
    )


def _rows_of(listed: Sequence[ListedFault]) -> set[int]:
    return {row for one in listed for row in one.fault.rows}


def _summary_cards(
    result: AuditResult, listed: Sequence[ListedFault], faces: Samples
) -> list[tuple[str, str]]:
    single = [one for one in listed if len(one.fault.rows) <= 2]
    rows = len(_rows_of(single))
    return [
        (f"{len(faces):,}", "rows in all"),
        (f"{result.checked:,}", "rows were checked"),
        (f"{len(listed):,}", "faults were found"),
        (f"{rows:,}", f"rows have a fault of their own, {percent(rows / len(faces))}"),
        (f"{sum(one.mend for one in listed):,}", "faults are chosen to be mended"),
    ]


def _sentences(
    result: AuditResult, listed: Sequence[ListedFault], faces: Samples, mend_above: float
) -> list[str]:
    if not listed:
        return ["No fault was found. That is no proof that there is none."]
    true = sum(one.fault.confidence for one in listed)
    hard = sum(not one.words for one in listed)
    sentences = [
        f"By the confidence of each, about {true:.0f} of the {count_noun(len(listed), 'fault')} "
        f"will be true. Look before you mend: an unusual face is no fault.",
        f"Fixes with a confidence of {percent(mend_above, 0)} or more are chosen already. Change "
        f"the choice at each fault, and save it as a file. The label files themselves are never "
        f"changed.",
    ]
    if hard:
        sentences.append(
            f"For {count_noun(hard, 'fault')} no fix is suggested: leave the row out, or label it "
            f"anew."
        )
    if any(fix.action == "scheme" for one in listed for fix in one.fixes[:1]):
        sentences.append(
            "Faults of many rows come first. A new marking scheme gives a network further outputs, "
            "so it is not chosen before you have looked."
        )
    return sentences


def _cause_table(listed: Sequence[ListedFault]) -> Table:
    columns = (
        Column("cause", numeric=False),
        Column("what it is", numeric=False),
        Column("faults"),
        Column("rows"),
        Column("mean confidence", "of 100 faults with a confidence of 90 %, about 90 are true"),
        Column("chosen", "faults that are chosen to be mended before you have looked"),
    )
    groups: dict[Cause, list[ListedFault]] = {}
    for one in listed:
        groups.setdefault(one.fault.cause, []).append(one)
    rows = [
        (
            text(cause.value.replace("_", " "), link=f"fault-{some[0].number}"),
            text(DESCRIPTIONS[cause]),
            count(len(some)),
            count(len(_rows_of(some))),
            share(float(np.mean([one.fault.confidence for one in some])), 0),
            count(sum(one.mend for one in some)),
        )
        for cause, some in groups.items()
    ]
    return Table(columns, rows)


def _suspicious(
    result: AuditResult, listed: Sequence[ListedFault], faces: Samples, sets: Sets
) -> Table | None:
    """Rows without a named fault whose labels fit least."""
    residual = np.where(np.isfinite(result.residual), result.residual, -1)
    residual[list(_rows_of([one for one in listed if len(one.fault.rows) <= 2]))] = -1
    order = np.argsort(-residual, kind="stable")[:_SUSPICIOUS]
    order = [int(row) for row in order if residual[row] > 0]
    if not order:
        return None
    starts = {number: int(np.argmax(sets[1] == number)) for number in set(sets[1].tolist())}
    columns = (
        Column("face", numeric=False),
        Column("data set", numeric=False),
        Column("row"),
        Column("distance", "mean distance of the label from what was expected, in eye distances"),
    )
    rows = [
        (
            text(str(faces.names[row])),
            text(str(sets[0][int(sets[1][row])])),
            count(row - starts[int(sets[1][row])]),
            number(float(residual[row])),
        )
        for row in order
    ]
    return Table(columns, rows)

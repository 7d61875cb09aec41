"""Audits label files: finds faults, and writes a report, a table and a file of fixes.

facepoints audit training.csv --out audit/
facepoints train training.csv --fixes audit/fixes.json --out runs/mended
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from facepoints import weights
from facepoints._util import files
from facepoints._util.progress import ImageProgress
from facepoints._util.text_files import open_text, write_row
from facepoints._util.words import count_noun
from facepoints.audit import AUDIT_CONFIG, AuditConfig, AuditResult, ModelOpinion, audit
from facepoints.commands.audit_data import AuditData, load_for_audit
from facepoints.commands.audit_proof import check_proof, prove_fixes
from facepoints.datasets.fixes import Fix, write_fixes
from facepoints.datasets.load import dataset_paths
from facepoints.errors import DataError, SettingsError
from facepoints.reports.audit import AUDIT_REPORT, write_audit_report
from facepoints.reports.audit_list import CSV_HEADING, ListedFault, csv_rows, list_faults
from facepoints.reports.audit_proof import Proof
from facepoints.reports.page import missing_extra

__all__ = ["FILES", "AuditReport", "audit_files", "check_audit"]

FILES = (AUDIT_REPORT, "faults.csv", "fixes.json")
"""What the command writes into its folder."""


@dataclass(frozen=True)
class AuditReport:
    """What an audit of label files found.

    Attributes:
        data: the faces that were audited.
        result: the faults, by row.
        listed: the faults as they are listed in the report.
        fixes: those that were chosen.
        proof: what they bring; None: not measured.
    """

    data: AuditData
    result: AuditResult
    listed: list[ListedFault]
    fixes: list[Fix]
    proof: Proof | None

    def summary(self) -> str:
        """The closing line of the command."""
        causes: dict[str, int] = {}
        for one in self.listed:
            name = one.fault.cause.value.replace("_", " ")
            causes[name] = causes.get(name, 0) + 1
        rows = count_noun(self.result.checked, "row")
        if not causes:
            return f"{rows} checked: no fault found"
        listed = ", ".join(f"{number} {cause}" for cause, number in causes.items())
        faults = count_noun(len(self.listed), "fault")
        fixes = count_noun(len(self.fixes), "fix", "fixes")
        return f"{rows} checked: {faults} ({listed}); {fixes} chosen"


def check_audit(*, mend_above: float, prove: bool, labels_only: bool) -> None:
    """Check what `audit_files` needs before any work is done. Errors as there."""
    if not 0 <= mend_above <= 1:
        raise SettingsError(f"mend_above must lie in [0, 1], is {mend_above}")
    if (missing := missing_extra("the report of an audit")) is not None:
        raise missing
    if prove:
        check_proof(labels_only)


def audit_files(
    data: AuditData | str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    model: str | Path = weights.BUILTIN,
    mend_above: float = 0.9,
    settings: AuditConfig = AUDIT_CONFIG,
    prove: bool = False,
    device: str = "cpu",
    console: Console | None = None,
) -> AuditReport:
    """Find faults in label files and write ``audit.html``, ``faults.csv`` and ``fixes.json``.

    Args:
        data: one file or folder of labeled faces, or several, in any format of
            `readers.READERS`; or what `audit_data.load_for_audit` read.
        out: folder to write to.
        model: the second opinion: "builtin", an ONNX file, or a run folder.
        mend_above: [0, 1]. Fixes of faults with at least this confidence are chosen.
        settings: what is named a fault.
        prove: also train twice, to say what the chosen fixes bring. Needs PyTorch.
        device: that the model runs on: "cpu", "cuda", "cuda:N", "tensorrt" or "auto".
        console: shows progress; None: shows nothing.

    Raises:
        DataError: a data set cannot be read, or no fixes can be proved.
        ModelError: the model is missing, damaged or newer.
        MissingExtraError: Jinja2 is not installed, or PyTorch is needed and not installed.
        SettingsError: `mend_above` is out of its range, or there are no images to train on.
        WriteError: `out` cannot be written.
    """
    check_audit(mend_above=mend_above, prove=prove, labels_only=False)
    read = data if isinstance(data, AuditData) else load_for_audit(dataset_paths(data))
    check_audit(mend_above=mend_above, prove=prove, labels_only=read.labels_only)
    files.check_output_folder(Path(out), read.paths, FILES)
    result = _audited(read, model, settings, console, device)
    listed = list_faults(result, read.faces, read.sets, names=read.names, mend_above=mend_above)
    fixes = [fix for one in listed if one.mend for fix in one.fixes]
    report = AuditReport(read, result, listed, fixes, None)
    name = "" if read.labels_only else str(model)
    _write(report, Path(out), name, mend_above)
    if prove:  # afterwards, since it takes minutes
        report = replace(report, proof=prove_fixes(read, fixes, console=console))
        _write(report, Path(out), name, mend_above)
    return report


def _audited(
    data: AuditData,
    model: str | Path,
    settings: AuditConfig,
    console: Console | None,
    device: str,
) -> AuditResult:
    if not np.any(data.faces.labelled):
        raise DataError(f"no point is labeled in {', '.join(map(str, data.paths))}")
    opinion = None if data.labels_only else ModelOpinion.load(model, device=device)
    shown = console or Console(quiet=True)
    with ImageProgress(shown, len(data.faces), unit="rows") as bar:
        return audit(
            data.faces,
            opinion,
            settings,
            sets=data.sets[1],
            split=data.split,
            pictures=data.pictures,
            progress=lambda done, of: bar.at(done, done),
        )


def _write(report: AuditReport, out: Path, model: str, mend_above: float) -> None:
    files.make_folder(out)
    faces = report.data.faces
    with files.atomic_file(out / "faults.csv") as temporary, open_text(temporary) as file:
        write_row(file, CSV_HEADING)
        for row in csv_rows(report.listed, faces.landmarks):
            write_row(file, row)
    write_fixes(out / "fixes.json", report.fixes)
    write_audit_report(
        out / AUDIT_REPORT,
        report.result,
        report.listed,
        faces,
        report.data.sets,
        model=model,
        mend_above=mend_above,
        proof=report.proof,
    )

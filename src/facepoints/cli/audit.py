"""The command that finds faults in label files: audit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from facepoints import weights
from facepoints._util.option_help import flag, option
from facepoints._util.text_files import formulas_kept
from facepoints.cli.options import AnyModel, Data, Device, Rename, Split
from facepoints.cli.output import ERR, say, working
from facepoints.cli.outputs import KeepFormulas, Overwrite, folder_output, model_files, outputs

__all__ = ["audit"]


def audit(
    data: Data,
    out: Annotated[
        Path,
        option("Folder for audit.html, faults.csv and fixes.json.", metavar="FOLDER"),
    ],
    model: AnyModel = weights.BUILTIN,
    labels_only: Annotated[
        bool,
        flag(
            "Compare labels with each other only, and read no image. A table without pixels is "
            "always audited so."
        ),
    ] = False,
    test_data: Annotated[
        tuple[Path, ...],
        option(
            "Label files or folders of the faces to test on. They are audited too, and images and "
            "people that are on both sides are named.",
            metavar="DATA [DATA ...]",
            default_text="default: none",
        ),
    ] = (),
    min_confidence: Annotated[
        float,
        option("Name faults with at least this confidence, from 0 to 1.", metavar="CONFIDENCE"),
    ] = 0.5,
    mend_above: Annotated[
        float,
        option(
            "Choose the fixes of faults with at least this confidence, from 0 to 1, for "
            "fixes.json. The choice can be changed in audit.html.",
            metavar="CONFIDENCE",
        ),
    ] = 0.9,
    prove: Annotated[
        bool,
        flag(
            "Train twice for some minutes, with the labels as they are and mended, and report the "
            "error of both on rows that no fix touches."
        ),
    ] = False,
    split: Split = "training",
    rename: Rename = None,
    device: Device = "cpu",
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
) -> None:
    """Find what is wrong in label files, name the cause, and suggest fixes.

    A model gives a second opinion on every face. audit.html shows the faults face by face; choose
    there which to mend, and save the choice. Other commands apply it with --fixes. Label files are
    never changed.
    """
    from facepoints.audit import AuditConfig
    from facepoints.commands.audit import FILES, audit_files, check_audit
    from facepoints.commands.audit_data import load_for_audit

    settings = AuditConfig(min_confidence=min_confidence)
    inputs = [*data, *test_data, *model_files(model), *([] if rename is None else [rename])]
    with (
        outputs(folder_output(out, FILES), inputs=inputs, overwrite=overwrite),
        formulas_kept(keep_formulas),
    ):
        check_audit(mend_above=mend_above, prove=prove, labels_only=labels_only)
        with working("reading the data"):
            read = load_for_audit(
                data, test_data, split=split, rename=rename, labels_only=labels_only
            )
        report = audit_files(
            read,
            out,
            model=model,
            mend_above=mend_above,
            settings=settings,
            prove=prove,
            device=device,
            console=ERR,
        )
    say(report.summary())
    for note in report.result.notes:
        say(note)
    if report.proof is not None:
        say(report.proof.sentence())
    say(f"look at {out / 'audit.html'}; fixes are in {out / 'fixes.json'}")

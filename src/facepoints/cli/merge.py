"""The command merge."""

from __future__ import annotations

from typing import Annotated

import tyro

from facepoints._util.option_help import option
from facepoints._util.text_files import formulas_kept
from facepoints.cli.output import ERR, note
from facepoints.cli.outputs import KeepFormulas, Overwrite
from facepoints.cli.predict_parts import file_outputs

__all__ = ["merge"]

_Folder = Annotated[
    str,
    tyro.conf.Positional,
    option(
        "Folder of parts that facepoints predict wrote; a path, or an address such as "
        "s3://bucket/faces/.",
        metavar="FOLDER",
        default_text="required",
    ),
]


def merge(
    folder: _Folder,
    out: Annotated[
        str | None,
        option(
            "Join the parts into this .parquet, .jsonl, .csv or other file of results, also at an "
            "address.",
            metavar="FILE",
            default_text="default: the parts are only checked",
        ),
    ] = None,
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
) -> None:
    """Check that a folder of parts is whole, and join the parts into one file.

    Every row is read. Parts that are missing, damaged or of another run, files that do not belong
    there, and images with two rows are reported with the commands that compute what is missing.
    Nothing is written then, and the exit status is 2. An image that a list names twice has two
    rows, and an archive that was cut off lacks images: a line says so, and the parts are joined.
    """
    from facepoints.commands.merge import merge

    with (
        formulas_kept(keep_formulas),
        file_outputs(out, overwrite=overwrite),
    ):
        report = merge(folder, out, console=ERR)
    checked = "no part is missing" if report.doubles else "nothing is missing or double"
    checked = "no part is missing or double" if report.cut and not report.doubles else checked
    note(f"{report.summary()}; {f'results are in {out}' if out else checked}")

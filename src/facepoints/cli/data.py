"""The commands that write or draw labeled faces: convert, show, synthetic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from facepoints._util.option_help import option
from facepoints._util.text_files import formulas_kept
from facepoints._util.words import count_noun
from facepoints.cli.options import Data, Device, ReadOptions, Seed, group
from facepoints.cli.output import note, say, working
from facepoints.cli.outputs import KeepFormulas, Overwrite, folder_output, model_files, outputs
from facepoints.errors import SettingsError

__all__ = ["convert", "show", "synthetic"]

_DATA = ReadOptions()


def convert(
    data: Data,
    out: Annotated[
        Path,
        option("CSV file (kaggle) or new folder (all others) to write.", metavar="PATH"),
    ],
    to: Annotated[
        Literal["kaggle", "coco", "pts", "cvat", "label-studio"], option("Format to write.")
    ] = "coco",
    overwrite: Overwrite = False,
    keep_formulas: KeepFormulas = False,
    options: Annotated[ReadOptions, group("")] = _DATA,
) -> None:
    """Write labeled faces in another format, as square gray crops."""
    from facepoints.datasets.writers import WRITERS, written_outputs
    from facepoints.landmarks.known_sets import numbered_set

    inputs = [*data, *options.files()]
    with outputs(*written_outputs(to, out), inputs=inputs, overwrite=overwrite):
        faces = options.load(data)
        with working("writing the faces"), formulas_kept(keep_formulas):
            written = WRITERS[to](faces, out)
    points = count_noun(len(faces.landmarks), "point")
    say(f"{count_noun(len(faces), 'face')} with {points} written to {written}")
    names = faces.landmarks.names
    again = numbered_set(len(names))[0].names
    if to == "pts" and set(again) != set(names):
        more = ", ..." if len(again) > 3 else ""
        note(
            f"a .pts file holds no names: read again, the points are {', '.join(again[:3])}{more} "
            f"in this order: {', '.join(names)}"
        )


def show(
    data: Data,
    out: Annotated[Path, option("PNG file to write.", metavar="FILE")],
    model: Annotated[
        str | None,
        option(
            "Model: an ONNX file, a run folder, or 'builtin' for the model in the package.",
            metavar="MODEL",
            default_text="default: none, only labels are drawn",
        ),
    ] = None,
    count: Annotated[
        int, option("Number of faces to draw, spread evenly over the data.", metavar="N")
    ] = 24,
    device: Device = "cpu",
    overwrite: Overwrite = False,
    options: Annotated[ReadOptions, group("")] = _DATA,
) -> None:
    """Draw labeled faces on one sheet, and with --model also the predictions of a model."""
    from facepoints.commands.show import show as draw

    if out.suffix.lower() != ".png":
        raise SettingsError(f"the sheet is a PNG: expected a name that ends in .png, got {out}")
    inputs = [*data, *options.files(), *model_files(model)]
    with outputs(out, inputs=inputs, overwrite=overwrite):
        faces = options.load(data)
        with working("drawing the faces"):
            shown = draw(faces, out, count=count, model=model, device=device)
    say(f"{count_noun(shown, 'face')} drawn on {out}")


def synthetic(
    out: Annotated[
        Path,
        option(
            "Folder for training.csv, test.csv, IdLookupTable.csv and solution.csv.",
            metavar="FOLDER",
        ),
    ],
    count: Annotated[int, option("Number of training faces.", metavar="N")] = 2000,
    test: Annotated[
        int,
        option(
            "Number of test faces. They show other people than the training faces.", metavar="N"
        ),
    ] = 200,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Render artificial faces with known points, in the format of Kaggle's competition."""
    from facepoints.datasets.synthetic.kaggle_files import FILES, write_kaggle_files

    with outputs(folder_output(out, FILES), overwrite=overwrite):
        write_kaggle_files(out, count=count, test=test, seed=seed)
    say(f"{count} training and {test} test faces written to {out}")

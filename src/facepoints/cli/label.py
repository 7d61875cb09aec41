"""The command that opens the label page in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import tyro

from facepoints._util.option_help import flag, option
from facepoints._util.words import count_noun
from facepoints.cli.options import PredictorOptions, group
from facepoints.cli.output import note, say, working
from facepoints.cli.serving import (
    Host,
    NoOpen,
    Open,
    Port,
    Token,
    check_packages,
    opens_browser,
    run_server,
    secret_of,
)
from facepoints.errors import SettingsError

if TYPE_CHECKING:
    from facepoints.labeling.point_set import PointSet
    from facepoints.labeling.session import Session

__all__ = ["label"]

LabelFormatName = Literal["coco", "cvat", "label-studio", "kaggle", "pts"]
"""Keys of `label_files.LABEL_FORMATS`, whose import takes time."""

_MODEL = PredictorOptions()


def label(
    photos: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        option(
            "Image files, folders, or patterns in quotes such as 'photos/*.jpg'.",
            metavar="[PHOTO ...]",
            default_text="default: those of --labels, or those that --out has already",
        ),
    ] = (),
    *,
    out: Annotated[
        Path,
        option(
            "Label file that is written: .json (COCO or Label Studio), .xml (CVAT), .csv (Kaggle), "
            "or a folder (.pts). Its journal lies beside it; the same --out goes on with it.",
            metavar="PATH",
        ),
    ],
    format: Annotated[
        LabelFormatName | None,
        option(
            "Format of the labels.",
            metavar=f"{{{','.join(get_args(LabelFormatName))}}}",
            default_text="default: by the name of --out",
        ),
    ] = None,
    landmarks: Annotated[
        str | None,
        option(
            "Points to label: a known set (ibug-68, kaggle-15, ...), 'model' for those of the "
            "model, or 'none' to name them in the page.",
            metavar="SET",
            default_text="default: ibug-68, or those of --model",
        ),
    ] = None,
    points: Annotated[
        Path | None,
        option(
            "File with the names of your own points: a name a line, and lines such as "
            "'chin -- left_jaw' for points that are joined.",
            metavar="FILE",
            default_text="default: --landmarks",
        ),
    ] = None,
    labels: Annotated[
        tuple[Path, ...],
        option(
            "Label files or folders to begin with, in any format that is read. They are not "
            "changed.",
            metavar="DATA [DATA ...]",
            default_text="default: none",
        ),
    ] = (),
    worklist: Annotated[
        Path | None,
        option(
            "The fixes.json that 'facepoints audit' wrote for --labels. Its faces come first, with "
            "what is wrong and the suggested mend.",
            metavar="FILE",
            default_text="default: none",
        ),
    ] = None,
    annotator: Annotated[
        str | None,
        option(
            "Whose labels these are. Several people may work on one --out; nobody overwrites "
            "another.",
            metavar="NAME",
            default_text="default: your user name",
        ),
    ] = None,
    blind: Annotated[
        bool,
        flag("Do not show the labels of other annotators, to measure how far they disagree."),
    ] = False,
    disagreement: Annotated[
        Path | None,
        option(
            "Write how far the annotators of --out disagree to this .html or .csv file, and end.",
            metavar="FILE",
            default_text="default: open the page",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = 8010,
    token: Token = None,
    open: Open = False,
    no_open: NoOpen = False,
    model: Annotated[PredictorOptions, group("prediction")] = _MODEL,
) -> None:
    """Make and mend labels of faces in the browser.

    Faces are found and their points placed by the model. You move what is wrong; the other points
    follow as faces do. Every move is saved at once. After each 20 finished faces, the first
    guesses of the others get better. Ctrl-C ends it; the same command goes on.
    """
    browser = opens_browser(open, no_open)
    token = secret_of(token)
    check_packages("facepoints label")
    from facepoints.commands.label import LabelSettings, open_session, write_disagreement

    if disagreement is not None:
        written = write_disagreement(out, format, disagreement)
        say(f"{count_noun(written, 'face')} of two annotators compared in {disagreement}")
        return
    named, editable = _points(landmarks, points, model)
    settings = LabelSettings(named, editable, annotator or "", blind, labels, worklist)
    from facepoints.web.server import listen

    listener = listen(host, port)
    with listener:
        with working("loading the model"):
            session = open_session(photos, out, model.load, settings, format)
        _run(listener, session, token, host, browser)


def _points(
    landmarks: str | None, file: Path | None, model: PredictorOptions
) -> tuple[PointSet | None, bool]:
    """The points that the options name, and whether the page may change them."""
    from facepoints.inference.landmark_model import LandmarkModel
    from facepoints.labeling.point_set import PointSet, read_point_set
    from facepoints.landmarks.known_sets import known_set

    if landmarks is not None and file is not None:
        raise SettingsError("--landmarks and --points both name the points; give one of them")
    if file is not None:
        return read_point_set(file), True
    if landmarks is None:
        return None, False
    if landmarks == "none":
        return PointSet(), True
    own = landmarks == "model"
    named = LandmarkModel.load(model.model).landmarks if own else known_set(landmarks)
    return PointSet.of_landmarks(named), False


def _run(listener, session: Session, token: str, host: str, browser: bool) -> None:
    from facepoints.web.gate import Access
    from facepoints.web.label_service import LABEL_PAGE, make_label_app
    from facepoints.web.page_files import label_files
    from facepoints.web.server import url_of

    for line in session.project.notes:
        note(line)
    app = make_label_app(session, label_files(), Access(token), host=host)
    address = f"{url_of(listener)}{LABEL_PAGE}"
    run_server(
        app,
        listener,
        token,
        ready=f"labels are ready: {address} ({session.output.path}); Ctrl-C ends it",
        page=address + (f"#token={token}" if token else "") if browser else "",
        stranger="change the labels",
    )
    if session.save_error:
        raise SettingsError(
            f"{session.save_error}; your work is in {session.project.journal.path}, and the same "
            f"command writes it again"
        )
    if session.output.path.exists():
        note(f"labels are in {session.output.path}")
    else:
        note(f"no face is finished yet; your work is in {session.project.journal.path}")

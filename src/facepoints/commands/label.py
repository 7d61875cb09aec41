"""Opens a labeling session: the journal, the pictures, the points, and labels to be mended."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from facepoints._util.files import check_output, check_output_folder
from facepoints.api import FaceModel
from facepoints.errors import SettingsError, WriteError
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.input_paths import find_images
from facepoints.labeling.label_files import LABEL_FORMATS, format_of, journal_path
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.project import Project, checked_annotator
from facepoints.labeling.session import LabelOutput, Session
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70

__all__ = ["LabelSettings", "default_annotator", "open_project", "open_session"]


@dataclass(frozen=True)
class LabelSettings:
    """How a folder of pictures is labeled.

    Attributes:
        points: that are labeled; None: those of the project, and for a new project the 68 iBUG
            points, or those of a model with points of its own.
        editable: whether `points` may be changed in the page.
        annotator: whose work it is.
        blind: annotators do not see each other's work.

    Raises:
        SettingsError: the name of the annotator cannot be used.
    """

    points: PointSet | None = None
    editable: bool = False
    annotator: str = ""
    blind: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "annotator", checked_annotator(self.annotator or default_annotator())
        )


def default_annotator() -> str:
    """The user's name on this machine."""
    try:
        return getpass.getuser()[:40] or "annotator"
    except (OSError, KeyError, ImportError):  # a user without a name, as in some containers
        return "annotator"


def open_project(out: Path, to: str | None, *, blind: bool = False) -> tuple[Project, LabelOutput]:
    """Open the project of a label file, or begin one.

    Args:
        out: the label file, or folder.
        to: its format; None: its suffix decides.
        blind: annotators do not see each other's work.

    Raises:
        DataError: its journal is damaged from the start, or none.
        SettingsError: the suffix does not fit the format.
        WriteError: it cannot be written, or it exists without a journal, so that it is not of
            this program.
    """
    output = LabelOutput(out, format_of(out, to))
    journal = journal_path(out)
    if LABEL_FORMATS[output.format].suffix:
        check_output(out, [])
    else:
        check_output_folder(out)
    if out.exists() and not journal.exists() and (out.is_file() or any(out.iterdir())):
        raise WriteError(
            f"{out} exists, and its journal {journal.name} does not, so it would be lost; name "
            f"another file with `out`, and mend these labels with `labels` {out}"
        )
    return Project(journal, blind=blind), output


def open_session(
    pictures: Sequence[str],
    out: Path,
    load: Callable[[], FaceModel],
    settings: LabelSettings,
    to: str | None = None,
) -> Session:
    """Open a session, which is not started yet.

    Args:
        pictures: files, folders and patterns.
        out: the label file, or folder.
        load: loads the model.
        settings: how it is labeled.
        to: format of the labels; None: the suffix of `out` decides.

    Raises:
        DataError: there is no picture, or the journal cannot be used.
        ModelError: the model cannot be used.
        SettingsError: other points than those that faces have already.
        WriteError: see `open_project`.
    """
    if STDIN in pictures:
        raise SettingsError("pictures are labeled in files; name a file or folder instead of '-'")
    files = find_images(pictures, results=out if format_of(out, to) == "pts" else None)
    project, output = open_project(out, to, blind=settings.blind)
    try:
        model = load()
        _set_points(project, settings, model)
        folder = os.path.abspath(out.parent)
        for file in files:
            project.add_picture(_shown_name(file, folder), file)
        return Session(project, model, output, settings.annotator)
    except BaseException:
        project.close()
        raise


def _shown_name(file: str, folder: str) -> str:
    """The path of a picture from the folder of the labels."""
    try:
        return PurePath(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive
        return PurePath(os.path.abspath(file)).as_posix()


def _set_points(project: Project, settings: LabelSettings, model: FaceModel) -> None:
    """Name the points of a new project, or check that they are those of the old one."""
    with project.reading() as state:
        before, revision = state.points, state.points_revision
        labeled = any(face.readings for face in state.faces.values())
    if settings.points is None and revision:
        return
    points, editable = settings.points, settings.editable
    if points is None:
        own = IBUG_68 if model.landmarks.names == OPENPOSE_70.names else model.landmarks
        points = PointSet.of_landmarks(own)
    if revision and points == before:
        return
    if labeled and points.names[: len(before)] != before.names:
        raise SettingsError(
            f"faces of {project.journal.path.parent / project.journal.path.name} are labeled with "
            f"{len(before)} points ({', '.join(before.names[:3])}, ...); other points need another "
            f"`out`, and further points come after these"
        )
    project.set_points(points, revision, settings.annotator, editable=editable)

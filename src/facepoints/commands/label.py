"""Opens a labeling session: the journal, the pictures, the points, and labels to be mended."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from facepoints._util.files import check_output, check_output_folder, write_text
from facepoints.api import FaceModel
from facepoints.datasets import readers
from facepoints.datasets.mending import fixes_of_sets
from facepoints.errors import DataError, SettingsError, WriteError
from facepoints.imaging.image_io import STDIN
from facepoints.imaging.input_paths import find_images
from facepoints.labeling.disagreement import disagreement_csv, disagreement_of
from facepoints.labeling.imported import import_labels
from facepoints.labeling.label_files import LABEL_FORMATS, format_of, journal_path
from facepoints.labeling.point_set import PointSet
from facepoints.labeling.project import Project, checked_annotator
from facepoints.labeling.session import LabelOutput, Session
from facepoints.labeling.worklist import Note, notes_of_fixes
from facepoints.landmarks.known_sets import IBUG_68, OPENPOSE_70
from facepoints.landmarks.landmark_set import LandmarkSet
from facepoints.reports.disagreement import write_disagreement_report

__all__ = [
    "LabelSettings",
    "default_annotator",
    "open_project",
    "open_session",
    "write_disagreement",
]


@dataclass(frozen=True)
class LabelSettings:
    """How a folder of pictures is labeled.

    Attributes:
        points: that are labeled; None: those of the project, and for a new project the 68 iBUG
            points, or those of a model with points of its own.
        editable: whether `points` may be changed in the page.
        annotator: whose work it is.
        blind: annotators do not see each other's work.
        labels: files or folders of labels to begin with, in any format that is read.
        worklist: file of fixes for these labels, which `audit` wrote; None: none.

    Raises:
        SettingsError: the name of the annotator cannot be used, or there is a worklist without
            labels.
    """

    points: PointSet | None = None
    editable: bool = False
    annotator: str = ""
    blind: bool = False
    labels: tuple[Path, ...] = ()
    worklist: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "annotator", checked_annotator(self.annotator or default_annotator())
        )
        if self.worklist is not None and not self.labels:
            raise SettingsError("`worklist` is about labels; name their file with `labels`")


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
        WriteError: it cannot be written, or it exists and was not made from its journal, so that
            it is another's.
    """
    output = LabelOutput(out, format_of(out, to))
    journal = journal_path(out)
    if LABEL_FORMATS[output.format].suffix:
        check_output(out, [])
    else:
        check_output_folder(out)
    there = out.is_file() or (out.is_dir() and any(out.iterdir()))
    if there and not journal.exists():
        raise WriteError(
            f"{out} exists, and its journal {journal.name} does not, so it would be lost; name "
            f"another file with `out`, and mend these labels with `labels` {out}"
        )
    project = Project(journal, blind=blind)
    try:
        with project.reading() as state:
            foreign = there and bool(state.outputs) and out.name not in state.outputs
        if foreign:
            raise WriteError(
                f"{out} exists and was not made from {journal.name}, which is that of other "
                f"labels, so it would be lost; name another file with `out`"
            )
        project.name_output(out.name)
    except BaseException:
        project.close()
        raise
    return project, output


def open_session(
    pictures: Sequence[str],
    out: Path,
    load: Callable[[], FaceModel],
    settings: LabelSettings,
    to: str | None = None,
) -> Session:
    """Open a session, which is not started yet.

    Args:
        pictures: files, folders and patterns. Without any and without labels, the pictures of the
            project are gone on with.
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
    kind = format_of(out, to)
    goes_on = not pictures and not settings.labels
    if goes_on and not journal_path(out).is_file():
        raise SettingsError("expected photos to label, or labels to mend with `labels`")
    files = find_images(pictures, results=out if kind == "pts" else None) if pictures else []
    data = [readers.read(path) for path in settings.labels]
    model = load()
    project, output = open_project(out, to, blind=settings.blind)
    try:
        _set_points(project, settings, data[0].landmarks if data else model.landmarks)
        folder = os.path.abspath(out.parent)
        for file in _known_files(project, folder) if goes_on else files:
            project.add_picture(_shown_name(file, folder), file)
        notes: dict[str, list[Note]] = {}
        fixes = fixes_of_sets(settings.worklist, settings.labels)
        for path, one, own in zip(settings.labels, data, fixes, strict=True):
            rows = import_labels(project, path, one, lambda file: _shown_name(str(file), folder))
            names = project.state.points.names
            for row in rows if own else ():
                listed = [fix for fix in own if fix.name == row.name]
                if listed:
                    notes[row.face] = notes_of_fixes(listed, row.reading, names)
        return Session(project, model, output, settings.annotator, notes)
    except BaseException:
        project.close()
        raise


def _known_files(project: Project, folder: str) -> list[str]:
    """The pictures of a project that is gone on with, as far as they exist."""
    with project.reading() as state:
        files = [os.path.join(folder, picture.file) for picture in state.pictures.values()]
    found = [os.path.normpath(file) for file in files if os.path.isfile(file)]
    if not found:
        raise DataError(
            f"none of the {len(files)} pictures that {project.journal.path} names is there; name "
            f"the photos"
        )
    return found


def _shown_name(file: str, folder: str) -> str:
    """The path of a picture from the folder of the labels."""
    try:
        return PurePath(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # on another drive
        return PurePath(os.path.abspath(file)).as_posix()


def _set_points(project: Project, settings: LabelSettings, landmarks: LandmarkSet) -> None:
    """Name the points of a new project, or check that they are those of the old one.

    Args:
        landmarks: of the labels, or else of the model.
    """
    with project.reading() as state:
        before, revision = state.points, state.points_revision
        labeled = any(face.readings for face in state.faces.values())
    if settings.points is None and revision:
        return
    points, editable = settings.points, settings.editable
    if points is None:
        own = IBUG_68 if landmarks.names == OPENPOSE_70.names else landmarks
        points = PointSet.of_landmarks(own)
    if revision and points == before:
        return
    if labeled and points.names[: len(before)] != before.names:
        raise SettingsError(
            f"the faces of {project.journal.path} are labeled with "
            f"{len(before)} points ({', '.join(before.names[:3])}, ...); other points need another "
            f"`out`, and further points come after these"
        )
    project.set_points(points, revision, settings.annotator, editable=editable)


def write_disagreement(out: Path, to: str | None, report: Path) -> int:
    """Write how far the annotators of a project disagree.

    Args:
        out: the label file, or folder, whose journal is read.
        to: its format; None: its suffix decides.
        report: .html or .csv file to write.

    Returns:
        The number of faces that two annotators finished.

    Raises:
        DataError: there is no journal beside `out`, or no such face.
        SettingsError: `report` has another suffix.
        WriteError: it cannot be written.
    """
    kind = report.suffix.lower()
    if kind not in (".html", ".csv"):
        raise SettingsError(f"the report is an .html or .csv file, got {report}")
    format_of(out, to)
    journal = journal_path(out)
    if not journal.is_file():
        raise DataError(f"no journal at {journal}; expected that of the labels {out}")
    check_output(report, [journal, out])
    project = Project(journal)
    try:
        found = disagreement_of(project)
    finally:
        project.close()
    if not found.faces:
        who = ", ".join(found.annotators) or "nobody"
        raise DataError(
            f"no face was finished by two annotators ({who} finished some); let another one label "
            f"the same faces with `annotator` NAME `blind`"
        )
    if kind == ".csv":
        write_text(report, disagreement_csv(found))
    else:
        write_disagreement_report(report, found, out.name)
    return len({face.face for face in found.faces})

"""A labeling session: a project with its pictures, a model, and what runs in the background.

In the background, pictures are searched for faces, guesses are fitted to finished faces, and the
label file is written after changes. All of it can be done again from the journal, so none of it
can lose work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facepoints.api import FaceModel
from facepoints.errors import DataError, FacepointsError
from facepoints.imaging.image_io import decode_image
from facepoints.labeling.face_changes import add_face, write_found
from facepoints.labeling.finder import face_at_eyes, find_faces
from facepoints.labeling.label_files import Labels, labels_of, write_labels
from facepoints.labeling.project import Project
from facepoints.labeling.shape_learning import shape_model_for
from facepoints.labeling.state import FaceRecord, Picture
from facepoints.labeling.views import Views
from facepoints.labeling.worklist import Note

__all__ = ["LabelOutput", "Session"]

_REST = 0.5  # seconds between two looks at what is to do
_WRITE_SHARE = 20  # the label file is written for at most a 20th of the time
_LONGEST_REST = 10.0  # seconds until changes are in the label file, besides its writing
_RETRY = 2.0  # seconds until a search that could not be written is tried again
_KEPT_PIXELS = 60_000_000  # of pictures that are kept decoded


@dataclass(frozen=True)
class LabelOutput:
    """Where and how the labels are written.

    Attributes:
        path: the label file, or folder.
        format: in `label_files.LABEL_FORMATS`.
    """

    path: Path
    format: str


class Session:
    """A project that is being labeled.

    Args:
        project: with its points and pictures.
        model: finds faces.
        output: of the labels.
        annotator: whose name changes have if a request gives none.
        notes: of a worklist, by face.

    Attributes:
        save_error: why the label file, or what was found, could not be written; empty if it could.
    """

    def __init__(
        self,
        project: Project,
        model: FaceModel,
        output: LabelOutput,
        annotator: str,
        notes: dict[str, list[Note]] | None = None,
    ) -> None:
        self.project, self.model, self.output = project, model, output
        self.annotator = annotator
        self.views = Views(project, notes)
        self._save_error = self._search_error = ""
        checksum = str(getattr(model.model, "checksum", ""))
        self.model_key = project.set_model(checksum, model.landmarks)
        self._images = _Images()
        self._search_lock = threading.Lock()
        self._shape: tuple[int, dict[str, Any] | None] = (0, None)
        self._shape_of: tuple[int, int] = (-1, -1)
        self._written: object = None
        self._ending = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []
        self.refitting = False

    @property
    def save_error(self) -> str:
        """See above."""
        return self._save_error or self._search_error

    def start(self) -> None:
        """Start what runs in the background."""
        for work in (self._search_all, self._keep):
            thread = threading.Thread(target=work, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """End what runs in the background, and write the label file a last time."""
        self._ending.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self.save()
        self.project.close()

    def changed(self) -> None:
        """Say that something changed, so that it is written soon."""
        self._wake.set()

    def picture(self, name: str) -> Picture:
        """A picture of this session, searched for faces. Raises KeyError."""
        picture = self.project.state.pictures[name]
        if not picture.path:
            raise KeyError(name)
        self._search(picture)
        return picture

    def image(self, picture: Picture) -> NDArray[np.uint8]:
        """The pixels (H, W, 3) RGB of a picture, upright. Raises DataError."""
        return self._images.read(picture.path)

    def face_at_eyes(
        self, picture: Picture, eyes: Sequence[Sequence[float]], by: str, key: str
    ) -> FaceRecord:
        """Add the face whose eyes were clicked.

        Raises:
            DataError: the picture cannot be read.
            SettingsError: the eyes cannot be those of a face in the picture.
        """
        image = self.image(picture)
        found = face_at_eyes(self.model, self.model_key, image, eyes)
        return add_face(
            self.project, picture.id, found.box, by, seen=found.seen, score=found.score, key=key
        )

    @property
    def shape(self) -> tuple[int, dict[str, Any] | None]:
        """Revision of the shape model, and the model for the page; None: there is none yet."""
        return self._shape

    def save(self) -> None:
        """Write the label file if the labels changed. `save_error` says why it failed."""
        try:
            with self.project.reading() as state:
                content = (state.changes, state.points_revision)
                if content == self._written or not (state.changes and len(state.points)):
                    return
                labels = labels_of(self.project)
            if labels.faces or self.output.path.exists():
                self._write(labels)
            self._written, self._save_error = content, ""
        except FacepointsError as error:
            self._save_error = str(error)

    def _write(self, labels: Labels) -> None:
        write_labels(labels, self.output.path, self.output.format)

    def _keep(self) -> None:
        """Fit guesses, make the shape model, and write labels, until the session ends."""
        while not self._ending.is_set():
            begin = time.monotonic()
            try:
                self.refitting = True
                self.project.refit_if_due()
                self._renew_shape()
            except FacepointsError as error:
                self._save_error = str(error)
            finally:
                self.refitting = False
            self.save()
            took = time.monotonic() - begin
            self._wake.clear()
            self._ending.wait(min(max(_REST, _WRITE_SHARE * took), _LONGEST_REST))

    def _renew_shape(self) -> None:
        """Make the shape model again after a fit."""
        with self.project.reading() as state:
            project = self.project
            current = (project.guesser.revision, state.points_revision)
            if current == self._shape_of or not len(state.points):
                return
            landmarks, tested = state.points.landmarks(), project.guesser.tested
        count = len(landmarks)
        tested = [one for one in tested if len(one.radius) == count]
        predicted = np.array([one.points for one in tested]).reshape(-1, count, 2)
        radius = np.array([one.radius for one in tested]).reshape(-1, count)
        labeled = np.array([one.labels for one in tested]).reshape(-1, count, 2)
        seen = np.array([one.seen for one in tested]) if tested else None
        known = np.asarray(np.isfinite(labeled).all(axis=2), dtype=bool)
        model = shape_model_for(landmarks, predicted, labeled, known, radius, seen)
        self._shape = (self._shape[0] + 1, None if model is None else model.to_dict())
        self._shape_of = current

    def _search_all(self) -> None:
        """Search the pictures in order, until all are searched or the session ends."""
        with self.project.reading() as state:
            names = [p.id for p in sorted(state.pictures.values(), key=lambda p: p.file) if p.path]
        for name in names:
            while not self._ending.is_set():
                try:
                    self._search(self.project.state.pictures[name])
                except FacepointsError as error:  # such as a full disk: try again later
                    self._search_error = str(error)
                    self._ending.wait(_RETRY)
                else:
                    self._search_error = ""
                    break

    def _search(self, picture: Picture) -> None:
        """Find the faces of a picture, unless this model has searched it."""
        if picture.searched == self.model_key or picture.error:
            return
        with self._search_lock:
            if picture.searched == self.model_key or picture.error:
                return
            try:
                image = self.image(picture)
                found = find_faces(self.model, self.model_key, image, picture.path)
            except DataError as error:
                self.project.unreadable(picture.id, str(error))
                return
            height, width = image.shape[:2]
            write_found(self.project, picture.id, (width, height), self.model_key, found)


class _Images:
    """Decoded pictures, of which the last ones are kept."""

    def __init__(self) -> None:
        self._kept: dict[str, NDArray[np.uint8]] = {}
        self._lock = threading.Lock()

    def read(self, path: str) -> NDArray[np.uint8]:
        with self._lock:
            if path in self._kept:
                self._kept[path] = self._kept.pop(path)
                return self._kept[path]
        image = decode_image(path).pixels
        with self._lock:
            self._kept[path] = image
            while (
                len(self._kept) > 1 and sum(_pixels(i) for i in self._kept.values()) > _KEPT_PIXELS
            ):
                del self._kept[next(iter(self._kept))]
        return image


def _pixels(image: NDArray[np.uint8]) -> int:
    return image.shape[0] * image.shape[1]

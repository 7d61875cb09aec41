"""The faces of one image, with the reason if the image could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from facepoints.errors import DataError
from facepoints.inference.face import Face

__all__ = ["FaceList", "as_faces", "check_one_face"]


class FaceList(list[Face]):
    """The faces of one image: a list, highest score first, with one attribute more.

    Two lists are equal if their faces are.

    Examples:
        >>> for faces in model(["a.jpg", "damaged.jpg"], on_error="skip"):  # doctest: +SKIP
        ...     print(faces.error or len(faces))

    Attributes:
        error: why the image could not be read; empty if it could. With an error, the list is
            empty.
    """

    def __init__(self, faces: Iterable[Face] = (), error: str = "") -> None:
        super().__init__(faces)
        self.error = error

    def __repr__(self) -> str:
        return f"FaceList(error={self.error!r})" if self.error else super().__repr__()


def as_faces(faces: object) -> list[Face]:
    """The faces that a caller gave: one face, or several in any iterable.

    Raises:
        DataError: anything else.
    """
    if isinstance(faces, Face):
        return [faces]
    listed: list[Any] = list(faces) if isinstance(faces, Iterable) else [faces]
    for one in listed:
        if not isinstance(one, Face):
            hint = "; take the faces of one image" if isinstance(one, list) else ""
            raise DataError(f"expected a Face or a list of them, got {type(one).__name__}{hint}")
    return listed


def check_one_face(face: object, what: str) -> None:
    """Raises DataError for anything but one face. `what` names the function that takes it."""
    if not isinstance(face, Face):
        hint = ", call it for each face" if isinstance(face, list) else ""
        raise DataError(f"{what} takes one Face, got {type(face).__name__}{hint}")

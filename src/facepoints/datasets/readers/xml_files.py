"""Streams of XML elements, without the parts of XML that grow without limit or read files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.parsers import expat

from facepoints.datasets.readers.label_files import open_regular
from facepoints.errors import DataError

__all__ = ["XmlReader"]

_DEEPEST = 200


class XmlReader:
    """Reads an XML file as a stream of elements.

    It uses expat directly to reject a document type before any entity is expanded: entities may
    grow without limit or read other files.

    Args:
        path: the file.
        start: called with the name and the attributes of each element that begins.
        end: called with the name of each element that ends.
    """

    def __init__(
        self,
        path: Path,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None],
    ) -> None:
        self._path = path
        self._start, self._end = start, end
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._open
        self._parser.EndElementHandler = self._close
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self) -> None:
        """Read the file. Raises DataError."""
        with open_regular(self._path) as file:
            try:
                self._parser.ParseFile(file)
            except (expat.ExpatError, LookupError, ValueError) as error:  # last two: encodings
                raise DataError(f"{self._path} is damaged XML: {error}") from error
            except OSError as error:
                raise DataError(
                    f"could not read {self._path}: {error.strerror or error}"
                ) from error

    @property
    def line(self) -> int:
        """The line that is being read, from 1."""
        return self._parser.CurrentLineNumber

    def error(self, text: str) -> DataError:
        """An error at the line that is being read."""
        return DataError(f"{self._path}, line {self.line}: {text}")

    def _open(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.error("the elements are nested too deeply")
        self._start(tag, attributes)

    def _close(self, tag: str) -> None:
        self._depth -= 1
        self._end(tag)

    def _refuse(self, *_: object) -> None:
        raise DataError(f"{self._path} declares a document type; label files have none")

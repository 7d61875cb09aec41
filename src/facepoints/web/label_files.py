"""Label files to download from the label page, and the report of how far annotators disagree."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import zipfile
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from facepoints.labeling.disagreement import disagreement_csv, disagreement_of
from facepoints.labeling.label_files import LABEL_FORMATS, labels_of, write_labels
from facepoints.labeling.session import Session
from facepoints.web.api_errors import ApiError

__all__ = ["LabelDownloads"]

_TYPES = {".json": "application/json", ".xml": "application/xml", ".csv": "text/csv"}


class LabelDownloads:
    """The handlers. The reports show all annotators, unless the session is blind."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def export(self, request: Request) -> Response:
        """GET /v1/labels/export/{format}."""
        name = request.path_params["format"]
        if name not in LABEL_FORMATS:
            known = ", ".join(LABEL_FORMATS)
            raise ApiError("not_found", f"there is no format {name[:40]!r}", f"one of {known}")
        return await asyncio.to_thread(self._exported, name)

    def _exported(self, name: str) -> Response:
        labels = labels_of(self._session.project)
        if not labels.faces:
            raise ApiError("bad_parameter", "no face is finished yet", "one finished face or more")
        suffix = LABEL_FORMATS[name].suffix
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / f"labels{suffix}"
            write_labels(labels, out, name)
            if suffix:
                return _download(out.read_bytes(), out.name, _TYPES[suffix])
            return _download(_zipped(out), "labels.zip", "application/zip")

    async def disagreement(self, request: Request) -> Response:
        """GET /v1/labels/disagreement."""
        kind = request.query_params.get("format", "json")
        if kind not in ("json", "csv"):
            raise ApiError("bad_parameter", f"format is {kind!r:.40}", "format: json or csv")
        if self._session.project.blind:
            raise ApiError(
                "bad_parameter",
                "annotators do not see each other's labels in this session",
                "facepoints label --disagreement FILE afterwards",
            )
        found = await asyncio.to_thread(disagreement_of, self._session.project)
        if kind == "csv":
            return _download(disagreement_csv(found).encode(), "disagreement.csv", "text/csv")
        text = json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False)
        return Response(text.encode("utf-8", "backslashreplace"), media_type="application/json")


def _download(data: bytes, name: str, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, headers=headers, media_type=kind)


def _zipped(folder: Path) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    return data.getvalue()

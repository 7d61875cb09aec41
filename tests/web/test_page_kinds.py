"""The page knows a file by its first bytes, and a photo's size before it decodes it."""

from __future__ import annotations

from base64 import b64encode
from io import BytesIO
from typing import Any

import pytest
from page_modules import run_modules
from PIL import Image

SIZE = (311, 207)
KINDS = """
    return Promise.all(data.map((file) => {
      const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0));
      return kindOf(new Blob([bytes]));
    }));
"""


def kinds(*contents: bytes) -> list[dict[str, Any]]:
    encoded = [b64encode(content).decode() for content in contents]
    return run_modules({"app/kinds.js": "kindOf"}, KINDS, encoded)


def picture(format: str, mode: str = "RGB", **options: Any) -> bytes:
    file = BytesIO()
    Image.new(mode, SIZE, (90, 120, 30, 128)[: len(mode)]).save(file, format, **options)
    return file.getvalue()


def test_formats_and_sizes_of_photos() -> None:
    long_header = Image.Exif()
    long_header[0x010E] = "x" * 60_000  # a description that fills the first kilobytes
    photos = {
        "JPEG": picture("JPEG"),
        "JPEG progressive": picture("JPEG", progressive=True),
        "JPEG long header": picture("JPEG", exif=long_header),
        "PNG": picture("PNG"),
        "GIF": picture("GIF"),
        "WebP": picture("WEBP"),
        "WebP lossless": picture("WEBP", lossless=True),
        "WebP alpha": picture("WEBP", "RGBA"),
        "BMP": picture("BMP"),
    }
    for (name, _), known in zip(photos.items(), kinds(*photos.values()), strict=True):
        expected = {"kind": "photo", "format": name.split()[0], "size": list(SIZE)}
        assert known == expected, name


def test_other_files() -> None:
    files = {
        b"RIFF\x10\0\0\0AVI LIST": ("video", "AVI"),
        b"\0\0\0\x20ftypisom": ("video", "MP4 or QuickTime"),
        b"\0\0\0\x20ftypheic": ("photo", "HEIC"),
        b"\0\0\0\x20ftypavif": ("photo", "AVIF"),
        b"\x1aE\xdf\xa3\x9f": ("video", "WebM or Matroska"),
        b"II*\0\x08": ("photo", "TIFF"),
        b"%PDF-1.7": ("other", ""),
        b"BM is how this text begins": ("other", ""),
        b"PK\x03\x04": ("other", ""),
        b"\xff": ("other", ""),
    }
    found = [(known["kind"], known["format"]) for known in kinds(*files)]
    assert found == list(files.values())


@pytest.mark.parametrize("cut", [3, 20, 160])
def test_headers_that_are_cut_off_tell_no_size(cut: int) -> None:
    (known,) = kinds(picture("JPEG")[:cut])
    assert known == {"kind": "photo", "format": "JPEG", "size": None}

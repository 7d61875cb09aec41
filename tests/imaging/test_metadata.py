"""Color profile and EXIF data that a changed copy of an image keeps."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational

from facepoints.imaging.image_writer import encode_image
from facepoints.imaging.metadata import copy_metadata

FACE = b"a thumbnail of the face"
COPY = np.full((20, 30, 3), 90, np.uint8)


def source(kind: str, *, mode: str = "RGB", profile: bool = True, xmp: bool = True) -> bytes:
    """A file with the metadata of a phone, and things that show the picture."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.DateTime] = "2026:11:26 12:00:00"
    exif[0x02BC] = FACE
    exposure = exif.get_ifd(ExifTags.IFD.Exif)
    exposure[ExifTags.Base.ExposureTime] = IFDRational(1, 125)
    exposure[ExifTags.Base.MakerNote] = FACE
    exposure[ExifTags.Base.DateTimeOriginal] = "2026:11:26 11:59:59"
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = "N"
    gps[ExifTags.GPS.GPSLatitude] = (52.0, 31.0, 12.5)
    thumbnail = exif.get_ifd(ExifTags.IFD.IFD1)
    thumbnail[0x0201], thumbnail[0x0202] = 8, len(FACE)
    file = io.BytesIO()
    image = Image.new(mode, (30, 20))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profile else None
    more = {"xmp": FACE} if kind == "JPEG" and xmp else {}
    image.save(file, kind, exif=exif, icc_profile=icc, **more)
    return file.getvalue()


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png")])
def test_exif_data_are_kept_without_the_pictures_in_them(kind: str, suffix: str) -> None:
    kept = copy_metadata(source(kind), encode_image(COPY, suffix), exif=True)
    assert FACE not in kept
    with Image.open(io.BytesIO(kept)) as image:
        exif, icc = image.getexif(), image.info["icc_profile"]
        image.load()
    assert np.array(image).shape == COPY.shape
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif[ExifTags.Base.Orientation] == 1
    exposure, gps = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert float(exposure[ExifTags.Base.ExposureTime]) == pytest.approx(1 / 125)
    assert exposure[ExifTags.Base.DateTimeOriginal] == "2026:11:26 11:59:59"
    assert ExifTags.Base.MakerNote not in exposure
    assert [float(n) for n in gps[ExifTags.GPS.GPSLatitude]] == [52.0, 31.0, 12.5]
    assert icc[36:40] == b"acsp"
    assert not exif.get_ifd(ExifTags.IFD.IFD1)


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png")])
def test_without_exif_only_the_color_profile_is_kept(kind: str, suffix: str) -> None:
    kept = copy_metadata(source(kind), encode_image(COPY, suffix), exif=False)
    with Image.open(io.BytesIO(kept)) as image:
        assert not dict(image.getexif())
        assert "icc_profile" in image.info
    assert b"Maker" not in kept
    bare = encode_image(COPY, suffix)
    assert copy_metadata(source(kind, profile=False), bare, exif=False) == bare


def test_a_profile_for_other_colors_is_left_out() -> None:
    data = source("JPEG")
    at = data.index(b"RGB ")
    cmyk = data[:at] + b"CMYK" + data[at + 4 :]
    bare = encode_image(COPY, ".jpg")
    assert copy_metadata(cmyk, bare, exif=False) == bare


def test_other_kinds_and_damaged_files_give_the_copy_as_it_is() -> None:
    jpeg, png = encode_image(COPY, ".jpg"), encode_image(COPY, ".png")
    assert copy_metadata(source("PNG"), jpeg, exif=True) == jpeg
    assert copy_metadata(b"RIFF....WEBP", png, exif=True) == png
    whole = source("JPEG", xmp=False)
    for end in range(2, 400, 7):  # never an error, and never a broken file
        with Image.open(io.BytesIO(copy_metadata(whole[:end], jpeg, exif=True))) as image:
            image.load()
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[int(random.integers(2, 500))] = int(random.integers(256))
        copied = copy_metadata(bytes(damaged), jpeg, exif=True)
        with Image.open(io.BytesIO(copied)) as image:
            image.load()

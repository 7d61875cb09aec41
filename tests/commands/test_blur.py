"""facepoints blur: photos, folders and videos without recognizable faces."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import exit_status
from numpy.typing import NDArray
from PIL import ExifTags, Image
from skimage import data

import facepoints
from facepoints.commands import blur_video
from facepoints.commands.blur import output_paths
from facepoints.commands.blur_search import make_search
from facepoints.detection import BuiltinDetector
from facepoints.errors import SettingsError
from facepoints.tracking.tracker import track_video
from facepoints.video.source import open_video
from facepoints.video.writer import VideoWriter

pytest.importorskip("av")

PHOTO = data.astronaut()
FRAMES, STEP = 40, 3.0


def scene(index: int) -> NDArray[np.uint8]:
    """`skimage.data.astronaut()` that moves to the right by `STEP` pixels per frame."""
    matrix = np.array([[0.6, 0, -40 + STEP * index], [0, 0.6, 0]])
    return np.asarray(cv2.warpAffine(PHOTO, matrix, (320, 200)), np.uint8)


@pytest.fixture(scope="module")
def model() -> facepoints.FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with VideoWriter(path, 30) as writer:
        for index in range(FRAMES):
            writer.add(scene(index), index / 30)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo of a phone: it lies on its side, with a place and a thumbnail of the face."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.Artist] = "A. Photographer"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = b"thumbnail of the face"
    path = tmp_path / "photos" / "phone.jpg"
    path.parent.mkdir()
    Image.fromarray(np.rot90(PHOTO)).save(path, exif=exif, quality=95)
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_photos_and_videos(
    photo: Path, clip: Path, model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, report = photo.parent, tmp_path / "out", tmp_path / "report.csv"
    (folder / "more").mkdir()
    cv2.imwrite(str(folder / "more" / "cat.webp"), data.cat()[..., ::-1])
    shutil.copy(clip, folder / "more" / "clip.mp4")
    (folder / "bad.jpg").write_bytes(photo.read_bytes()[:300])
    (folder / "notes.txt").write_text("words")
    assert exit_status("blur", folder, "--out", out, "--review", report) == 0
    message = " ".join(capsys.readouterr().err.split())
    assert "passed over: 1 other file (notes.txt)" in message
    assert f"{FRAMES + 3} images and frames: {FRAMES + 1} faces" in message
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert written == ["more/cat.png", "more/clip.mp4", "phone.jpg"]
    assert model(out / "phone.jpg") == []
    assert facepoints.read_image(out / "phone.jpg").shape == PHOTO.shape  # upright
    cat = facepoints.read_image(out / "more" / "cat.png")
    assert np.array_equal(cat, facepoints.read_image(folder / "more" / "cat.webp"))
    assert all(model(frame.image) == [] for frame in open_video(out / "more" / "clip.mp4"))
    reasons = {Path(row["file"]).name: row["reason"] for row in rows(report)}
    assert reasons["cat.webp"] == "no face found"
    assert reasons["bad.jpg"].startswith("unreadable: ")
    assert "phone.jpg" not in reasons


def test_metadata_are_left_out_or_kept_without_pictures(photo: Path, tmp_path: Path) -> None:
    assert exit_status("blur", photo, "--out", tmp_path / "bare.jpg") == 0
    bare = (tmp_path / "bare.jpg").read_bytes()
    assert b"Exif" not in bare
    assert exit_status("blur", photo, "--out", tmp_path / "kept.jpg", "--keep-exif") == 0
    kept = (tmp_path / "kept.jpg").read_bytes()
    assert b"thumbnail of the face" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        exif = image.getexif()
    assert exif[ExifTags.Base.Artist] == "A. Photographer"
    assert exif[ExifTags.Base.Orientation] == 1


@pytest.mark.parametrize("style", ["pixelate", "mask", "box"])
def test_styles(style: str, photo: Path, model, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    color = [] if style == "pixelate" else ["--color", "9", "90", "200"]
    assert exit_status("blur", photo, "--out", out, "--style", style, *color) == 0
    hidden = facepoints.read_image(out)
    x, y = model(PHOTO)[0]["nose_tip"].astype(int)
    assert (hidden[y, x].tolist() == [9, 90, 200]) == (style != "pixelate")
    assert model(hidden) == []


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracker sees the face in frames 8 to 19 and 26 to 33 only, and not surely in 26 to 33."""

    def some(predictor, source, config) -> Iterator:
        for frame, faces in track_video(predictor, source, config):
            seen = [f for f in faces if 8 <= frame.index < 20]
            if 26 <= frame.index < 34:
                seen = [
                    facepoints.Face(f.box, 0.4, f.points, f.radius, f.landmarks, f.track_id)
                    for f in faces
                ]
            yield frame, seen

    monkeypatch.setattr(blur_video, "track_video", some)


def test_a_face_stays_covered_in_frames_in_which_it_is_not_seen(
    clip: Path, model, blind: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "out.mp4", tmp_path / "report.csv"
    assert exit_status("blur", clip, "--out", out, "--review", report) == 0
    assert "20 faces, 20 without a face, 20 covered by their track" in " ".join(
        capsys.readouterr().err.split()
    )
    frames = list(open_video(out))
    assert len(frames) == FRAMES
    assert all(model(frame.image) == [] for frame in frames)
    doubts = [(r["reason"], r["first_frame"], r["last_frame"], r["score"]) for r in rows(report)]
    assert doubts == [
        ("covered before it was first seen", "0", "7", ""),
        ("not seen, covered in between", "20", "25", ""),
        ("low score", "26", "33", "0.4"),
        ("covered after it was last seen", "34", "39", ""),
    ]
    first = rows(report)[0]
    assert float(first["last_time"]) == pytest.approx(7 / 30, abs=1e-3)
    center = float(first["x"]) + float(first["width"]) / 2
    nose = model(scene(0))[0]["nose_tip"][0]
    assert center == pytest.approx(nose, abs=12)  # where it was, not where it was first seen


def test_a_track_that_is_never_sure_is_reported_and_not_covered(
    clip: Path, model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsure(predictor, source, config) -> Iterator:
        for frame, faces in track_video(predictor, source, config):
            yield (
                frame,
                [
                    facepoints.Face(f.box, 0.2, f.points, f.radius, f.landmarks, f.track_id)
                    for f in faces
                ],
            )

    monkeypatch.setattr(blur_video, "track_video", unsure)
    out, report = tmp_path / "out.mp4", tmp_path / "report.csv"
    assert exit_status("blur", clip, "--out", out, "--review", report) == 0
    assert len(model(next(iter(open_video(out))).image)) == 1
    (row,) = rows(report)
    assert (row["reason"], row["covered"]) == ("possible face, not covered", "no")
    assert (row["first_frame"], row["last_frame"]) == ("0", str(FRAMES - 1))
    assert exit_status("blur", clip, "--out", out, "--min-score", "0.18", "--overwrite") == 0
    assert model(next(iter(open_video(out))).image) == []


def test_careful_finds_faces_that_lie_on_their_side(
    model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = np.ascontiguousarray(np.rot90(PHOTO))
    cv2.imwrite(str(tmp_path / "a.png"), lying[..., ::-1])
    assert model(lying) == []
    assert exit_status("blur", tmp_path / "a.png", "--out", tmp_path / "b.png", "--careful") == 0
    counted = re.search(r"1 image or frame: (\d+) face", " ".join(capsys.readouterr().err.split()))
    assert counted is not None
    assert 1 <= int(counted[1]) <= 4  # it may cover other places, too
    hidden = facepoints.read_image(tmp_path / "b.png")
    assert facepoints.load(any_angle=True)(hidden) == []


def test_the_sound_is_kept(tmp_path: Path) -> None:
    import av

    path = tmp_path / "talk.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 200, "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono")
        container.metadata["location"] = "+52.5+013.4/"
        tone = np.sin(np.arange(16000) / 8).astype(np.float32)[None] * 0.5
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(scene(index), format="rgb24")
            container.mux(stream.encode(frame))
        for start in range(0, 15000, 1000):
            part = av.AudioFrame.from_ndarray(tone[:, start : start + 1000], "fltp", "mono")
            part.sample_rate, part.pts = 16000, start
            container.mux(audio.encode(part))
        container.mux(stream.encode())
        container.mux(audio.encode())
    assert exit_status("blur", path, "--out", tmp_path / "out.mp4") == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
        assert "location" not in container.metadata
    assert sound.shape[1] >= 14000
    assert np.abs(sound).max() > 0.3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["0", "--out", "o"], "Record 0, and blur the recording"),
        (["{photo}", "--out", "o", "--strength", "0.2"], "faces could be recognized"),
        (["{photo}", "--out", "o.mp4"], "an image is written to a folder or to .jpg"),
        (["{photo}", "--out", "o.gif"], "an image is written to a folder or to .jpg"),
        (["{photo}", "{clip}", "--out", "o.png"], "2 files are written to a folder"),
        (["{photo}", "--out", "{photo}"], "is an input"),
        (["{photo}", "--out", "o", "--review", "r.txt"], "places to review go to a .csv file"),
        (
            ["{photo}", "--out", "o", "--style", "box", "--color", "1", "2", "300"],
            "from 0 to 255",
        ),
        (["{photo}", "--out", "o", "--color", "1", "2", "3"], "--color is for the styles mask"),
        (
            ["{photo}", "--out", "o", "--style", "mask", "--strength", "2"],
            "--strength is for the styles blur and pixelate",
        ),
        (["missing.jpg", "--out", "o"], "no image or folder at missing.jpg"),
    ],
)
def test_wrong_inputs(
    arguments: list[str],
    text: str,
    photo: Path,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = photo.read_bytes()
    assert exit_status("blur", *(a.format(photo=photo, clip=clip) for a in arguments)) == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert photo.read_bytes() == before
    assert not (tmp_path / "o").exists()


def test_only_unreadable_inputs_are_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    (tmp_path / "b.jpg").write_bytes(b"nothing")
    assert exit_status("blur", tmp_path / "b.jpg", "--out", tmp_path / "out") == 2
    assert exit_status("blur", tmp_path / "a.mp4", "--out", tmp_path / "out.mp4") == 2
    assert not (tmp_path / "out.mp4").exists()
    assert "error: " in capsys.readouterr().err


def test_a_video_that_is_read_differently_the_second_time_gives_no_copy(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def shorter(predictor, source, config) -> Iterator:
        for frame, faces in track_video(predictor, source, config):
            if frame.index < 30:
                yield frame, faces

    monkeypatch.setattr(blur_video, "track_video", shorter)
    assert exit_status("blur", clip, "--out", tmp_path / "out.mp4") == 2
    assert "read differently the second time" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.mp4").exists()


def test_output_names() -> None:
    images, out = ["p/a.png", "p/a.webp", "p/more/b.JPG"], Path("out")
    paths = output_paths(out, images, ["p/a.mov"])
    assert [str(path) for path in paths] == [
        "out/a.png.png",
        "out/a.webp.png",
        "out/more/b.JPG",
        "out/a.mp4",
    ]
    assert output_paths(Path("o.jpeg"), ["a.png"], []) == [Path("o.jpeg")]
    with pytest.raises(SettingsError):
        output_paths(Path("o.jpg"), [], ["a.mp4"])


def test_a_careful_search_asks_less_of_a_face(model) -> None:
    plain, careful = make_search(model), make_search(model, careful=True)
    assert plain.min_score == 0.5
    assert plain.model.min_score < plain.min_score
    assert careful.min_score < 0.2
    assert careful.model.any_angle
    assert isinstance(careful.model.detector, BuiltinDetector)
    assert isinstance(plain.model.detector, BuiltinDetector)
    assert careful.model.detector.more_sides == plain.model.detector.more_sides == (640,)
    assert careful.model.detector.min_score < plain.model.detector.min_score
    assert not plain.model.any_angle
    assert careful.fill.hold_seconds > plain.fill.hold_seconds
    assert make_search(facepoints.load(min_score=0.05), careful=True).min_score == 0.05

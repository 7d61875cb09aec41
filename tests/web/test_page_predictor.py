"""The page's predictor in Chromium: the same faces as in Python, from the same pixels."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from page_server import chromium, serve_page
from skimage.data import astronaut

import facepoints
from facepoints.datasets import synthetic
from facepoints.detection import iou

pytestmark = pytest.mark.slow

LOAD = """async (base) => {
    const { FacePredictor } = await import(`${base}js/predict/predictor.js`);
    window.predictor = await FacePredictor.load(base);
}"""
RUN = """async ([pngs, how, options]) => {
    const results = [];
    let faces = options.faces ?? [];
    for (const png of pngs) {
        const bytes = Uint8Array.from(atob(png), (c) => c.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], {type: 'image/png'}),
            {colorSpaceConversion: 'none', premultiplyAlpha: 'none'});
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d', {willReadFrequently: true});
        context.drawImage(bitmap, 0, 0);
        const image = context.getImageData(0, 0, bitmap.width, bitmap.height);
        faces = how === 'follow' ? await predictor.follow(image, faces, options)
            : await predictor.predict(image, options);
        results.push(faces);
    }
    return results;
}"""
BATCH = 10  # images that are sent to the browser at once
PHOTOS = 50

Image = NDArray[np.uint8]
Faces = list[dict[str, Any]]


@dataclass
class Page:
    """A page of the site, in which the predictor is loaded."""

    page: Any

    def run(self, images: Sequence[Image], how: str = "predict", **options: Any) -> list[Faces]:
        """The faces of each image."""
        results: list[Faces] = []
        for start in range(0, len(images), BATCH):
            some = [png(image) for image in images[start : start + BATCH]]
            results += self.page.evaluate(RUN, [some, how, options])
        return results


def png(image: Image) -> str:
    code = {2: None, 3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    kind = code[image.ndim if image.ndim == 2 else image.shape[2]]
    stored = image if kind is None else cv2.cvtColor(image, kind)
    coded = cv2.imencode(".png", stored, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
    return b64encode(coded.tobytes()).decode()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with serve_page() as server, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{server.address}settings.json")
        page.evaluate(LOAD, server.address)
        yield Page(page)


@pytest.fixture(scope="module")
def model() -> facepoints.FaceModel:
    return facepoints.load()


def rendered_sheet() -> Image:
    faces = synthetic.render(12, seed=0, size=240).images
    sheet = faces.reshape(3, 4, 240, 240).transpose(0, 2, 1, 3).reshape(720, 960)
    return np.repeat(sheet[..., None], 3, axis=2)


def point_errors(theirs: Faces, ours: Sequence[facepoints.Face]) -> list[NDArray[np.float64]]:
    """Distances in pixels between the points of the same faces."""
    assert len(theirs) == len(ours)
    pairs = zip(theirs, ours, strict=True)
    return [np.hypot(*(np.array(js["points"]) - face.points).T) for js, face in pairs]


def check_same(theirs: Faces, ours: Sequence[facepoints.Face], within: float = 0.5) -> None:
    errors = point_errors(theirs, ours)
    for js, face, error in zip(theirs, ours, errors, strict=True):
        assert error.max() < within
        assert np.median(error) < 0.1
        assert face.visible is not None
        np.testing.assert_allclose(js["radius"], face.radius, rtol=0.1)
        np.testing.assert_allclose(js["visible"], face.visible, atol=0.06)
        np.testing.assert_allclose(js["box"], face.box, atol=within)
        assert js["score"] == pytest.approx(face.score, abs=0.01)
        assert js["track"] is None


def test_a_photo_and_rendered_faces_give_the_same_as_in_python(
    page: Page, model: facepoints.FaceModel
) -> None:
    images = [astronaut(), rendered_sheet(), np.zeros((40, 30, 3), np.uint8)]
    results = page.run(images)
    assert len(results[1]) >= 10
    assert results[2] == []
    for faces, image in zip(results, images, strict=True):
        check_same(faces, model(image))


def test_faces_have_the_keys_and_digits_of_json_lines(
    page: Page, model: facepoints.FaceModel
) -> None:
    (face,) = page.run([astronaut()])[0]
    assert set(face) == set(model(astronaut())[0].to_dict())
    for values in (face["radius"], *face["points"]):
        singles = [float(text) for text in np.array(values, np.float32).astype(str)]
        assert values == pytest.approx(singles, rel=1e-9)
    assert np.array(face["visible"]) == pytest.approx(np.round(face["visible"], 2), abs=1e-12)


def test_large_and_small_images_are_searched_alike(page: Page, model: facepoints.FaceModel) -> None:
    face = astronaut()[:300, 80:380]
    tiny = np.full((1100, 1700, 3), 128, np.uint8)
    tiny[700:760, 1300:1360] = cv2.resize(face, (60, 60), interpolation=cv2.INTER_AREA)
    small = cv2.resize(face, (75, 75), interpolation=cv2.INTER_AREA)
    scattered = np.full((1300, 2100, 3), 128, np.uint8)  # the last pass sees it in tiles
    for k in range(8):
        x, y = 40 + 270 * k, 60 + (k % 4) * 320
        scattered[y : y + 75, x : x + 75] = small
    for image, least in ((tiny, 1), (scattered, 6), (face[:, :40], 0), (face[:3, :90], 0)):
        ours = model(image)
        assert len(ours) >= least
        check_same(page.run([image])[0], ours)


def test_turned_faces_are_found_if_asked_for(page: Page, model: facepoints.FaceModel) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut(), 1))
    found = page.run([turned], anyAngle=True)[0]
    every = facepoints.load(any_angle=True)(turned)
    assert len(found) == 1
    check_same(found, every)
    least = page.run([astronaut()], minScore=1.0)[0]
    assert least == []


def test_transparent_pixels_are_white(page: Page, model: facepoints.FaceModel) -> None:
    cover = np.full((512, 512, 1), 255, np.uint8)
    cover[:, :200] = 60
    image = np.concatenate([astronaut(), cover], axis=2)
    check_same(page.run([image])[0], model(image))


def test_faces_are_followed_without_the_detector(page: Page, model: facepoints.FaceModel) -> None:
    frames = [np.roll(astronaut(), (step, 2 * step), axis=(0, 1)) for step in (0, 4, 8, 12)]
    (first,) = page.run(frames[:1])[0]
    followed = page.run(frames[1:], "follow", faces=[first])
    for faces, frame in zip(followed, frames[1:], strict=True):
        (error,) = point_errors(faces, model(frame))
        assert np.median(error) < 1  # other crops than the detector's
    gone = page.run([np.full((512, 512, 3), 90, np.uint8)], "follow", faces=[first])
    assert gone == [[]]


def photos(shared: Path) -> list[Path]:
    """Photos of every data set with faces, evenly spread."""
    folders = ("afw", "cfp", "helen", "inthewild21", "lfpw", "pointing04", "youtube-faces")
    files: list[Path] = []
    for folder in folders:
        found = sorted(p for p in (shared / folder).rglob("*") if p.suffix in (".jpg", ".png"))
        files += found[:: max(1, len(found) // 8)][:8]
    return files[:PHOTOS]


def test_fifty_photos_give_the_same_faces_as_in_python(
    shared: Path, page: Page, model: facepoints.FaceModel
) -> None:
    images = [facepoints.read_image(file) for file in photos(shared)]
    assert len(images) >= 40, "needs real faces"
    errors, radii, visible, single = [], [], [], []
    for image, found in zip(images, page.run(images), strict=True):
        ours = [face.to_dict() for face in model(image)]
        pairs, alone = matched(found, ours)
        single += [face["score"] for face in alone]
        for js, face in pairs:
            errors.append(np.hypot(*(np.array(js["points"]) - face["points"]).T))
            radii.append(np.abs(np.log(np.array(js["radius"]) / face["radius"])))
            visible.append(np.abs(np.array(js["visible"]) - face["visible"]))
    # Processors sum in different orders. Where a value of an 8-bit network lies between two
    # steps, that decides the step: a face at the minimum score may be found by one of both.
    assert len(single) <= 3
    assert all(score < 0.75 for score in single)
    assert len(errors) >= 45
    assert np.median(errors) < 0.1
    assert np.mean(np.max(errors, axis=1) < 0.5) > 0.95
    assert np.mean(np.max(radii, axis=1) < 0.1) > 0.95
    assert np.mean(np.max(visible, axis=1) < 0.06) > 0.95


def matched(
    theirs: Faces, ours: Faces
) -> tuple[list[tuple[dict[str, Any], dict[str, Any]]], Faces]:
    """Pairs of the same faces, and faces without a partner."""
    pairs, left = [], list(ours)
    for js in theirs:
        same = [face for face in left if iou(js["box"], face["box"]) > 0.5]
        if same:
            left.remove(same[0])
            pairs.append((js, same[0]))
    known = [id(js) for js, _ in pairs]
    return pairs, [*left, *(js for js in theirs if id(js) not in known)]

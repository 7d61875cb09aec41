"""The page in Chromium: files in, what is shown and said, files out.

One browser and one page serve all tests of this module; each test opens its own files.
"""

from __future__ import annotations

import csv
import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from clip import write_clip
from page_server import PAGE, PageServer, chromium, serve_page, use_colors
from skimage.data import astronaut
from waiting import wait_until

import facepoints
from facepoints.drawing import blur_faces
from facepoints.imaging.image_writer import write_image
from facepoints.video.source import open_video

pytestmark = pytest.mark.slow

FRAMES = 12
EXAMPLE = PAGE / "example" / "astronaut.jpg"
MARKUP = "<img src=x onerror=document.title='hacked'>&amp; a.png"
IDLE = """() => [...document.querySelectorAll('#items .state')].every(
    (state) => !/waiting|working/.test(state.textContent))"""
DROP = """([name, type, bytes]) => {
    const transfer = new DataTransfer();
    const content = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
    transfer.items.add(new File([content], name, {type}));
    const event = KIND === 'paste'
        ? new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true, cancelable: true})
        : new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
}"""

LATE = """async (delay) => {
    const { VideoSource } = await import(new URL("js/app/video_source.js", document.baseURI));
    class LateVideo extends EventTarget {  // it has sought before its frame is painted
        painted = 0;
        duration = 1;
        hasAttribute() { return true; }
        get currentTime() { return this.time; }
        set currentTime(seconds) {
            this.time = seconds;
            const frame = Math.floor(seconds * 30) / 30;
            if (delay !== null) setTimeout(() => { this.painted = frame; }, delay);
            setTimeout(() => this.dispatchEvent(new Event("seeked")));
        }
    }
    const real = window.VideoFrame;
    window.VideoFrame = class {
        constructor(video) { this.timestamp = 1e6 * video.painted; }
        close() {}
    };
    const source = new VideoSource(new Blob([]));
    source.video = new LateVideo();
    const taken = [];
    source.grab = () => taken.push(Math.round(30 * source.video.painted));
    for (const frame of [1, 2, 3, 9, 8, 7]) await source.seekFrame(frame);
    window.VideoFrame = real;
    return [taken, source.missed];
}"""

LEAVE = """async () => {
    const time = document.getElementById('time');
    const begun = new Promise((done) => new MutationObserver((_, observer) => {
        if (!time.textContent.startsWith('Analyzing')) return;
        observer.disconnect();
        done();
    }).observe(time, { childList: true }));
    document.getElementById('analyze').click();
    await begun;
    document.querySelector('#items li:nth-child(2) button').click();
}"""


@dataclass
class Site:
    """An open page, its server, and every address that it asked for."""

    page: Any
    server: PageServer
    asked: list[str]

    def text(self, selector: str) -> str:
        return self.page.inner_text(selector)

    def clear(self) -> None:
        """Close everything that is open."""
        if self.page.is_visible("#clear"):
            self.page.click("#clear")
        for close in self.page.query_selector_all(".alert button"):
            close.click()

    def open(self, *files: Path) -> None:
        """Choose files, and wait until they are analyzed."""
        self.clear()
        self.page.set_input_files("#file-input", [str(file) for file in files])
        self.wait_idle(len(files))

    def wait_idle(self, count: int) -> None:
        self.page.wait_for_selector(f"#items li:nth-child({count}) .state")
        self.until(IDLE)

    def until(self, condition: str) -> None:
        """Wait for a condition in the page. (Playwright's own wait needs a looser policy.)"""
        wait_until(lambda: self.page.evaluate(condition), message=condition, pause=0.02)

    def give(self, kind: str, name: str, content: bytes, media_type: str = "image/png") -> None:
        """Drop or paste a file."""
        self.page.evaluate(
            DROP.replace("KIND", repr(kind)), [name, media_type, b64encode(content).decode()]
        )

    def states(self) -> list[str]:
        return [each.inner_text() for each in self.page.query_selector_all("#items .state")]

    def save(self, kind: str, folder: Path) -> Path:
        """Press a button that saves, and keep the file."""
        with self.page.expect_download() as started:
            self.page.click(f'[data-save="{kind}"]')
        file = folder / started.value.suggested_filename
        started.value.save_as(file)
        return file


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip, the same as a camera's stream, and photos."""
    folder = tmp_path_factory.mktemp("media")
    write_clip(folder / "clip.mp4", FRAMES)
    with (folder / "camera.mjpeg").open("wb") as stream:
        for frame in open_video(folder / "clip.mp4"):
            ok, encoded = cv2.imencode(".jpg", frame.image[..., ::-1])
            assert ok
            stream.write(encoded.tobytes())
    write_image(folder / "face.png", astronaut()[:256, 100:356])
    write_image(folder / "sky.png", np.full((120, 160, 3), 140, np.uint8))
    write_image(folder / "turned.png", np.rot90(astronaut()[:256, 100:356], 2))
    return folder


@pytest.fixture(scope="module")
def site(media: Path) -> Iterator[Site]:
    camera = ("--use-fake-device-for-media-stream",)
    camera += (f"--use-file-for-fake-video-capture={media / 'camera.mjpeg'}",)
    with serve_page() as server, chromium(*camera) as browser:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        asked: list[str] = []
        faults: list[str] = []
        context.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: _note(faults, message))
        page.goto(server.address)
        page.wait_for_selector("body[data-ready]")
        yield Site(page, server, asked)
        assert faults == []
        context.close()


def _note(faults: list[str], message: Any) -> None:
    if message.type in ("error", "warning") and "ERR_INTERNET_DISCONNECTED" not in message.text:
        faults.append(message.text)


@pytest.fixture
def visible_start(site: Site) -> Site:
    site.clear()
    return site


def test_the_start_says_what_it_does(visible_start: Site) -> None:
    text = visible_start.text("#start")
    assert "photos, a video or the camera" in text
    assert "Nothing is uploaded" in visible_start.text(".top")
    for action in ("files", "folder", "camera", "example"):
        assert visible_start.page.is_visible(f'#start [data-action="{action}"]')


def test_the_example_gives_the_points_of_python(site: Site, tmp_path: Path) -> None:
    site.clear()
    site.page.click('#start [data-action="example"]')
    site.wait_idle(1)
    file = site.save("jsonl", tmp_path)
    assert file.name == "astronaut.jsonl"
    (result,) = facepoints.read_faces(file)
    (wanted,) = facepoints.load()(EXAMPLE)
    (face,) = result.faces
    assert (result.file, result.size) == ("astronaut.jpg", (512, 512))
    assert face.landmarks.names == wanted.landmarks.names
    np.testing.assert_allclose(face.points, wanted.points, atol=0.5)
    np.testing.assert_allclose(face.radius, wanted.radius, rtol=0.1)
    assert face.score == pytest.approx(wanted.score, abs=0.01)
    assert face.track_id is None


def test_tables_hold_what_pythons_tables_hold(site: Site, media: Path, tmp_path: Path) -> None:
    site.open(media / "face.png", media / "sky.png")
    assert site.states() == ["1 face", "no face"]
    model = facepoints.load()
    (wanted,) = model(media / "face.png")
    for kind in ("csv", "coco"):
        results = facepoints.read_faces(site.save(kind, tmp_path))
        (face,) = results[0].faces
        assert Path(results[0].file).name == "face.png"
        np.testing.assert_allclose(face.points, wanted.points, atol=0.5)
        np.testing.assert_allclose(face.radius, wanted.radius, rtol=0.1)
        assert wanted.visible is not None
        assert face.visible is not None
        np.testing.assert_allclose(face.visible, wanted.visible, atol=0.05)
    assert [len(result.faces) for result in results] == [1, 0]  # COCO keeps photos without a face
    table = site.save("measures", tmp_path).read_text("utf-8").splitlines()
    (row,) = csv.DictReader(table)
    for name, measured in facepoints.measure(wanted).items():
        assert float(row[name]) == pytest.approx(measured.value, abs=0.5 * measured.radius), name
        assert float(row[f"{name}_r"]) == pytest.approx(measured.radius, rel=0.2), name
    site.page.select_option("#convention", "street")
    (other,) = csv.DictReader(site.save("measures", tmp_path).read_text("utf-8").splitlines())
    assert other["convention"] == "street"
    name = "palpebral_fissure_left_px"
    share = (
        facepoints.measure(wanted, "street")[name].value / facepoints.measure(wanted)[name].value
    )
    assert float(other[name]) / float(row[name]) == pytest.approx(share, rel=1e-4)


def test_dropped_files_that_are_no_photos_are_said(site: Site, media: Path, tmp_path: Path) -> None:
    photo = (media / "face.png").read_bytes()
    huge = bytearray(photo[:64])
    huge[16:24] = (60_000).to_bytes(4, "big") * 2
    broken = {
        "text.jpg": (b"hello, no picture", "not a photo or a video"),
        "empty.png": (b"", "empty (0 bytes)"),
        "cut.png": (photo[:60], "damaged or cut off"),
        "huge.png": (bytes(huge), "60000 × 60000 pixels"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(40), "cannot read HEIC pictures"),
        "codec.mp4": (b"\0\0\0\x18ftypisom" + bytes(400), "cannot play this video"),
    }
    site.clear()
    for count, (name, (content, message)) in enumerate(broken.items(), start=1):
        site.give("drop", name, content, "application/octet-stream")
        site.page.wait_for_selector(f"#items li:nth-child({count})")
        site.until(f"() => document.getElementById('stage-message').innerText.includes({name!r})")
        assert message in site.text("#stage-message"), name
    assert set(site.states()) == {"cannot be read"}
    site.give("drop", "good.png", photo)
    site.wait_idle(len(broken) + 1)
    assert site.states()[-1] == "1 face"
    said = "() => document.getElementById('status').textContent"
    site.until(f"{said}.startsWith('1 photo: 1 face found. ')")
    results = facepoints.read_faces(site.save("jsonl", tmp_path))
    assert [result.file for result in results] == [*broken, "good.png"]
    assert [bool(result.error) for result in results] == [True] * len(broken) + [False]


def test_a_file_name_with_markup_stays_text(site: Site, media: Path, tmp_path: Path) -> None:
    site.clear()
    site.give("drop", MARKUP, (media / "sky.png").read_bytes())
    site.wait_idle(1)
    assert site.text("#items .name") == MARKUP
    assert site.page.get_attribute("#stage", "aria-label").startswith(MARKUP)
    assert site.page.query_selector_all("img, [onerror]") == []
    assert site.page.title() == "facepoints"
    site.give("drop", f"=x{MARKUP}.txt", b"text", "text/plain")
    site.wait_idle(2)
    assert MARKUP in site.text("#stage-message")
    file = site.save("jsonl", tmp_path)
    lines = file.read_text("utf-8").splitlines()
    assert [json.loads(line)["file"] for line in lines] == [MARKUP, f"=x{MARKUP}.txt"]


def test_a_pasted_picture_is_opened(site: Site, media: Path) -> None:
    site.clear()
    site.give("paste", "image.png", (media / "face.png").read_bytes())
    site.wait_idle(1)
    assert site.states() == ["1 face"]
    assert site.text("#items .name").startswith("pasted-")
    site.page.evaluate(
        "() => document.body.dispatchEvent(new ClipboardEvent('paste',"
        " {clipboardData: new DataTransfer(), bubbles: true}))"
    )
    assert "The clipboard holds no picture." in site.text("#alerts")


def test_a_folder_is_opened_without_its_other_files(
    site: Site, media: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "trip"
    (folder / "day 1").mkdir(parents=True)
    (folder / "day 1" / "a.png").write_bytes((media / "face.png").read_bytes())
    (folder / "notes.txt").write_text("no photo")
    site.clear()
    site.page.set_input_files("#folder-input", str(folder))
    site.wait_idle(1)
    assert site.text("#items .name") == "trip/day 1/a.png"
    assert "1 file of the folder passed over" in site.text("#alerts")


def test_no_face_is_said_and_lying_faces_can_be_found(site: Site, media: Path) -> None:
    site.open(media / "turned.png")
    assert site.states() == ["no face"]
    assert "No face was found" in site.text("#stage-message")
    assert "No face was found (256 × 256 pixels" in site.text("#summary")
    site.page.check("#any-angle")
    try:
        site.until("() => document.querySelector('#items .state').textContent === '1 face'")
        assert not site.page.is_visible("#stage-message")
    finally:
        site.page.uncheck("#any-angle")
        site.until(IDLE)


def stage_pixels(site: Site) -> bytes:
    site.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return site.page.evaluate("() => document.getElementById('canvas').toDataURL()").encode()


def test_keys_zoom_pan_and_show_the_original(site: Site, media: Path) -> None:
    site.open(media / "face.png")
    site.page.focus("#stage")
    keys = site.page.keyboard
    fitted, drawn = site.text("#zoom"), stage_pixels(site)
    keys.down("o")
    assert stage_pixels(site) != drawn
    assert site.page.get_attribute("#original", "aria-pressed") == "true"
    keys.up("o")
    assert stage_pixels(site) == drawn
    keys.press("1")
    assert site.text("#zoom") == "100 %"
    keys.press("+")
    assert site.text("#zoom") == "125 %"
    before = stage_pixels(site)
    keys.press("ArrowLeft")
    assert stage_pixels(site) != before
    for _ in range(30):
        keys.press("+")
    assert site.text("#zoom") == "6400 %"  # a pixel of the photo is 64 pixels wide
    keys.press("0")
    assert site.text("#zoom") == fitted
    assert stage_pixels(site) == drawn
    for layer, key in (("radii", "r"), ("numbers", "n"), ("boxes", "b"), ("axes", "h")):
        keys.press(key)
        assert site.page.get_attribute(f'[data-layer="{layer}"]', "aria-pressed") == "true"
        assert stage_pixels(site) != drawn, layer
        keys.press(key)
    assert stage_pixels(site) == drawn
    keys.press("?")
    site.page.uncheck("#keys-on")  # single keys rest
    keys.press("Escape")
    site.page.focus("#stage")
    keys.press("1")
    assert site.text("#zoom") == fitted
    site.page.click("#help")
    site.page.check("#keys-on")
    site.page.click("#help-close")


def test_a_point_under_the_pointer_is_named(site: Site, media: Path) -> None:
    site.open(media / "face.png")
    (face,) = facepoints.load()(media / "face.png")
    tip = face.landmarks.names.index("nose_base")
    zoom = float(site.text("#zoom").rstrip(" %")) / 100
    box = site.page.query_selector("#stage").bounding_box()
    x, y = (face.points[tip] - 127.5).tolist()
    site.page.mouse.move(
        box["x"] + box["width"] / 2 + x * zoom, box["y"] + box["height"] / 2 + y * zoom
    )
    site.page.wait_for_selector("#tooltip:not([hidden])")
    assert f"{tip} nose base" in site.text("#tooltip")
    assert "±" in site.text("#tooltip")
    shown = site.text("#readout").replace("x ", "").replace("y ", "").split(", ")
    np.testing.assert_allclose([float(n) for n in shown], face.points[tip], atol=1.5)
    site.page.click("#points-details summary")
    site.until("() => document.querySelector('#points').innerText.includes('nose base')")
    site.page.click("#points-details summary")


def test_a_measure_has_unit_radius_and_definition(site: Site, media: Path) -> None:
    site.open(media / "face.png")
    site.page.wait_for_selector("#measures tr")
    before = stage_pixels(site)
    row = '#measures tr[data-name="inner_canthal_px"]'
    site.page.click(f"{row} button")
    assert site.page.get_attribute(f"{row} button", "aria-pressed") == "true"
    assert facepoints.DEFINITIONS["inner_canthal_px"].meaning in site.text("#definition")
    assert "in 90 % of cases" in site.text("#definition")
    assert stage_pixels(site) != before  # its points are marked
    (face,) = facepoints.load()(media / "face.png")
    cells = [cell.inner_text() for cell in site.page.query_selector_all(f"{row} td")]
    measured = facepoints.measure(face)["inner_canthal_px"]
    assert float(cells[0]) == pytest.approx(measured.value, abs=0.6)
    assert float(cells[1]) == pytest.approx(measured.radius, abs=0.3)
    assert cells[2] == "px"


def rgb(file: Path) -> np.ndarray:
    image = cv2.imread(str(file))
    assert image is not None
    return image[..., ::-1].astype(int)


def test_the_drawn_picture_is_the_photo_with_points(
    site: Site, media: Path, tmp_path: Path
) -> None:
    site.open(media / "face.png")
    drawn, photo = rgb(site.save("png", tmp_path)), rgb(media / "face.png")
    assert drawn.shape == photo.shape
    (face,) = facepoints.load()(media / "face.png")
    changed = np.abs(drawn - photo).max(axis=2) > 8
    x, y, width, height = face.box
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 200
    assert x - 4 < columns.min() < columns.max() < x + width + 4
    assert y - 4 < rows.min() < rows.max() < y + height + 4
    for column, row in np.rint(face.points).astype(int):
        assert changed[row - 1 : row + 2, column - 1 : column + 2].any()


@pytest.mark.parametrize("style", ["blur", "pixelate", "mask", "box"])
def test_hidden_faces_look_as_python_hides_them(
    site: Site, media: Path, tmp_path: Path, style: str
) -> None:
    site.open(media / "face.png")
    site.page.select_option("#hide-style", style)
    hidden, photo = rgb(site.save("hidden", tmp_path)), rgb(media / "face.png")
    assert "1 face hidden" in site.text("#save-note")
    faces = facepoints.load()(media / "face.png")
    wanted = blur_faces(photo.astype(np.uint8), faces, style=style).astype(int)  # type: ignore[arg-type]
    inside = np.abs(wanted - photo).max(axis=2) > 0
    core = cv2.erode(inside.astype(np.uint8), np.ones((7, 7))) > 0
    around = cv2.dilate(inside.astype(np.uint8), np.ones((7, 7))) > 0
    assert (hidden == photo)[~around].all()
    assert np.abs(hidden - wanted)[core].mean() < 6
    assert np.abs(hidden - photo)[core].mean() > 8


def test_a_video_is_analyzed_frame_by_frame(site: Site, media: Path, tmp_path: Path) -> None:
    site.open(media / "clip.mp4")
    site.page.wait_for_selector("#player:not([hidden])")
    site.until("() => document.getElementById('summary').innerText.startsWith('2 faces')")
    site.page.click("#step-on")
    site.until("() => document.getElementById('time').innerText.startsWith('0:00.05')")
    site.page.focus("#scrubber")
    site.page.keyboard.press("End")
    site.until("() => document.getElementById('time').innerText.startsWith('0:00.3')")
    file = site.save("jsonl", tmp_path)  # analyzes all frames first
    results = facepoints.read_faces(file)
    frames = list(open_video(media / "clip.mp4"))
    assert [result.frame for result in results] == list(range(FRAMES))
    times = [result.time for result in results]
    np.testing.assert_allclose(times, [frame.time for frame in frames], atol=1e-3)  # type: ignore[arg-type]
    assert {face.track_id for result in results for face in result.faces} == {0, 1}
    wanted = facepoints.load()(frames[-1].image)
    assert len(results[-1].faces) == len(wanted) == 2
    for face in results[-1].faces:
        far = min(np.abs(face.points - other.points).mean() for other in wanted)
        assert far < 2.5  # the tracker smooths
    drawn = site.save("video", tmp_path)
    assert drawn.name.startswith("clip.points.")
    recorded = list(open_video(drawn))
    assert recorded[0].image.shape == frames[0].image.shape
    assert recorded[-1].time > 0.5 * FRAMES / 30  # as long as the clip, or longer if busy


def test_a_frame_is_taken_once_it_is_painted(site: Site) -> None:
    assert site.page.evaluate(LATE, 20) == [[1, 2, 3, 9, 8, 7], 0]
    # a video whose frames have no such times is not waited for again and again
    assert site.page.evaluate(LATE, None) == [[0] * 6, 3]


def test_a_video_that_is_left_while_it_is_analyzed_can_be_opened_again(
    site: Site, media: Path
) -> None:
    site.open(media / "clip.mp4", media / "face.png")
    site.page.wait_for_selector("#player:not([hidden])")
    site.page.evaluate(LEAVE)
    site.until("() => document.getElementById('summary').innerText.startsWith('1 face')")
    assert not site.page.is_visible("#player")
    site.page.click("#items li:nth-child(1) button")
    site.page.wait_for_selector("#player:not([hidden])")
    assert site.text("#analyze") == "Analyze all frames"
    site.page.click("#play")
    site.until("() => Number(document.getElementById('scrubber').value) > 0.3")
    assert site.states()[0] == "video"


def test_the_camera_can_be_refused_and_used(site: Site) -> None:
    site.clear()
    site.page.click('#start [data-action="camera"]')
    site.page.wait_for_selector(".alert")
    assert "The camera was refused. Allow it" in site.text("#alerts")
    site.page.context.grant_permissions(["camera"])
    site.page.click('#start [data-action="camera"]')
    site.page.wait_for_selector("#camera-controls:not([hidden])")
    assert site.text("#alerts") == ""
    site.until("() => document.getElementById('summary').innerText.startsWith('2 faces')")
    assert "Track 0" in site.text("#faces")
    site.page.click("#snapshot")
    site.wait_idle(1)
    assert site.states() == ["2 faces"]
    assert not site.page.is_visible("#camera-controls")
    site.page.context.clear_permissions()


def test_the_keyboard_alone_is_enough(visible_start: Site, tmp_path: Path) -> None:
    page = visible_start.page
    page.evaluate("() => { document.activeElement.blur(); scrollTo(0, 0); }")
    page.focus(".skip")

    def tab_to(selector: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate(f"() => document.activeElement.matches({selector!r})"):
                return
        pytest.fail(f"Tab does not reach {selector}")

    tab_to('[data-action="example"]')
    page.keyboard.press("Enter")
    visible_start.wait_idle(1)
    page.focus(".skip")
    tab_to('[data-layer="radii"]')
    page.keyboard.press("Space")
    assert page.get_attribute('[data-layer="radii"]', "aria-pressed") == "true"
    page.keyboard.press("Space")
    tab_to("#stage")
    tab_to("#measures button")
    page.keyboard.press("Enter")
    assert visible_start.text("#definition") != ""
    tab_to('[data-save="csv"]')
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    assert started.value.suggested_filename == "astronaut.csv"
    assert "Saved astronaut.csv: 1 face" in visible_start.text("#save-note")


@pytest.mark.parametrize(
    ("scheme", "only"),
    [("light", {}), ("dark", {"runOnly": ["color-contrast"]})],
    ids=["light", "dark"],
)
def test_axe_finds_nothing_serious(site: Site, scheme: str, only: dict[str, Any]) -> None:
    rules = {"resultTypes": ["violations"], **only}
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    # without the motion that makes colors change for a while
    site.clear()
    use_colors(site.page, scheme)
    found = [("start", axe.run(site.page, options=rules))]
    site.page.click('#start [data-action="example"]')
    site.wait_idle(1)
    site.page.evaluate(
        "() => document.body.dispatchEvent(new DragEvent('drop',"
        " {dataTransfer: new DataTransfer(), bubbles: true, cancelable: true}))"
    )
    assert "Drop files, not text or links" in site.text("#alerts")
    site.page.wait_for_selector("#measures tr")
    site.page.click("#points-details summary")
    use_colors(site.page, scheme)
    found.append(("work", axe.run(site.page, options=rules)))
    site.page.click("#points-details summary")
    site.page.click("#help")
    use_colors(site.page, scheme)
    found.append(("help", axe.run(site.page, options=rules)))
    site.page.click("#help-close")
    site.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    faults = [
        (where, rule["id"], [node["target"] for node in rule["nodes"]])
        for where, results in found
        for rule in results.response["violations"]
        if rule["impact"] in ("serious", "critical")
    ]
    assert faults == []


def test_a_phone_shows_everything_without_scrolling_sideways(site: Site, media: Path) -> None:
    site.open(media / "face.png")
    site.page.set_viewport_size({"width": 320, "height": 640})
    wide = "() => document.scrollingElement.scrollWidth"
    try:
        assert site.page.evaluate(wide) <= 320
        for selector in ("#stage", "#measures", '[data-save="jsonl"]', '[data-action="camera"]'):
            box = site.page.query_selector(f"#work {selector}").bounding_box()
            assert box["x"] >= 0, selector
            assert box["x"] + box["width"] <= 320, selector
        site.clear()
        assert site.page.evaluate(wide) <= 320
    finally:
        site.page.set_viewport_size({"width": 1280, "height": 800})


def test_the_page_works_without_a_network_once_it_is_open(
    site: Site, media: Path, tmp_path: Path
) -> None:
    site.page.context.set_offline(True)
    try:
        site.open(media / "face.png")
        assert site.states() == ["1 face"]
        assert len(facepoints.read_faces(site.save("jsonl", tmp_path))) == 1
    finally:
        site.page.context.set_offline(False)


def test_a_file_that_is_chosen_while_the_page_loads_is_opened(site: Site, media: Path) -> None:
    context = site.page.context.browser.new_context()
    page, held = context.new_page(), []
    page.route("**/js/app/main.js", lambda route: held.append(route))
    page.goto(site.server.address, wait_until="commit")
    page.wait_for_selector("#file-input", state="attached")
    page.set_input_files("#file-input", str(media / "face.png"))
    while not held:
        page.wait_for_timeout(20)
    held[0].continue_()
    page.wait_for_selector("#items .state:has-text('1 face')")
    context.close()


def test_webassembly_that_is_missing_is_said(site: Site) -> None:
    context = site.page.context.browser.new_context()
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(site.server.address)
    page.wait_for_selector(".alert")
    assert "This browser has no WebAssembly" in page.inner_text("#alerts")
    context.close()


def test_models_that_cannot_be_loaded_are_said(site: Site) -> None:
    context = site.page.context.browser.new_context()
    context.route("**/models/*", lambda route: route.abort())
    page = context.new_page()
    page.goto(site.server.address)
    page.wait_for_selector(".alert")
    assert "The models could not be loaded." in page.inner_text("#alerts")
    context.close()


def test_every_request_went_to_the_pages_own_server(site: Site) -> None:
    """The last test: everything above was asked for by then."""
    assert len(site.asked) > 40
    others = [
        url for url in site.asked if not url.startswith((site.server.address, "blob:", "data:"))
    ]
    assert others == []
    assert {method for method, _ in site.server.asked} == {"GET"}

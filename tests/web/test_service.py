"""The REST service over HTTP: answers, parameters, limits, errors, access, headers."""

from __future__ import annotations

import base64
import csv
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from service_tools import Client, running
from skimage import data
from waiting import PATIENCE, wait_until

import facepoints
from facepoints.api import FaceModel
from facepoints.cli.main import main
from facepoints.inference.alignment import align
from facepoints.results.records import record
from facepoints.web.gate import Access
from facepoints.web.limits import ServiceLimits
from facepoints.web.service import ServiceSettings


def encoded(image: NDArray[np.uint8], suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, image[..., ::-1])[1].tobytes()


PHOTO = np.ascontiguousarray(data.astronaut()[:256, 90:346])
PNG = encoded(PHOTO)
NO_FACE = encoded(np.full((120, 160, 3), 90, np.uint8))
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return facepoints.load()


@pytest.fixture(scope="module")
def faces(model: FaceModel) -> list[facepoints.Face]:
    return list(model(PHOTO))


@pytest.fixture(scope="module")
def client(model: FaceModel) -> Iterator[Client]:
    limits = ServiceLimits(max_mb=2, max_megapixels=1, max_files=3)
    with running(model, ServiceSettings(limits)) as client:
        yield client


def error_of(answer: Any, status: int) -> dict[str, Any]:
    """The error of an answer, whose shape is checked."""
    assert answer.status == status, answer.body[:300]
    assert answer.headers["content-type"] == "application/json"
    (error,) = json.loads(answer.body).values()
    assert set(error) == {"status", "code", "message", "expected"}
    assert error["status"] == status
    assert error["message"]
    assert error["expected"]
    return error


# Answers


def test_an_image_gives_the_record_that_predict_writes(
    client: Client, faces: list[facepoints.Face]
) -> None:
    answer = client.post("/v1/predict", PNG)
    assert answer.status == 200
    content = answer.json()
    assert content["images"] == [record("image", PHOTO.shape[:2], faces)]
    assert content["facepoints"]["version"] == facepoints.__version__
    assert answer.headers["facepoints-images"] == "1"
    assert answer.headers["facepoints-faces"] == str(len(faces)) == "1"


@pytest.mark.parametrize("kind", [None, "image/png", "application/x-www-form-urlencoded"])
def test_the_kind_is_known_from_the_content(client: Client, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    assert client.request("POST", "/v1/predict", PNG, headers).status == 200


def test_several_images_come_in_order_and_one_may_be_broken(
    client: Client, faces: list[facepoints.Face]
) -> None:
    files = [("file", "a.png", PNG), ("more", "b.txt", b"words"), ("file", "é.png", NO_FACE)]
    answer = client.form("/v1/predict", files)
    assert answer.status == 200
    first, second, third = answer.json()["images"]
    assert first == record("a.png", PHOTO.shape[:2], faces)
    assert second["file"] == "b.txt"
    assert second["error"].startswith("b.txt is not an image of a known kind")
    assert (third["file"], third["width"], third["height"], third["faces"]) == (
        *("é.png", 160, 120),
        [],
    )
    counts = [answer.headers[f"facepoints-{name}"] for name in ("images", "unreadable", "faces")]
    assert counts == ["3", "1", "1"]


def test_names_are_labels_that_no_file_is_opened_for(client: Client) -> None:
    names = ["/etc/passwd", "../../x.png", "<b>.png"]
    answer = client.form("/v1/predict", [("file", name, NO_FACE) for name in names])
    assert [one["file"] for one in answer.json()["images"]] == names


def test_options_come_in_the_address_or_in_the_form(client: Client) -> None:
    in_form = client.form("/v1/predict", [("file", "a.png", PNG)], {"radius": "false"})
    in_address = client.form("/v1/predict?radius=False", [("file", "a.png", PNG)])
    assert in_form.json() == in_address.json()
    assert "radius" not in in_form.json()["images"][0]["faces"][0]


def test_measures_are_those_of_python(client: Client, faces: list[facepoints.Face]) -> None:
    answer = client.post("/v1/predict?measure=true", PNG)
    (face,) = answer.json()["images"][0]["faces"]
    expected = facepoints.measure(faces[0])
    assert list(face["measures"]) == list(expected)
    for name, measured in expected.items():
        assert face["measures"][name]["value"] == pytest.approx(measured.value, rel=1e-5)
        assert face["measures"][name]["radius"] == pytest.approx(measured.radius, rel=1e-2)


def test_measures_come_with_what_the_command_writes(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    main(["measure", str(tmp_path / "a.png"), "--out", str(tmp_path / "m.jsonl")])
    (expected,) = json.loads((tmp_path / "m.jsonl").read_text())["faces"]
    (face,) = client.post("/v1/predict?measure=true", PNG).json()["images"][0]["faces"]
    for name in ("measures", "head_transform", "eye_closure", "gaze"):
        assert_close(face[name], expected[name])


def assert_close(here: Any, there: Any) -> None:
    """The same, except for the last digits of numbers: they depend on the images computed at a
    time."""
    if isinstance(there, dict):
        assert list(here) == list(there)
        for key, value in there.items():
            assert_close(here[key], value)
    elif isinstance(there, list):
        assert len(here) == len(there)
        for one, other in zip(here, there, strict=True):
            assert_close(one, other)
    else:
        assert here == (pytest.approx(there, rel=1e-4, abs=1e-4) if is_number(there) else there)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_a_table_has_the_columns_of_predict_and_of_measures(
    client: Client, faces: list[facepoints.Face]
) -> None:
    answer = client.post("/v1/predict?format=csv&measure=true", PNG)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    chin = faces[0].landmarks.names.index("chin")
    assert float(row["chin_x"]) == pytest.approx(faces[0].points[chin, 0])
    assert float(row["chin_r"]) == pytest.approx(faces[0].radius[chin])
    assert float(row["yaw"]) == pytest.approx(facepoints.measure(faces[0])["yaw"].value, rel=1e-5)
    assert float(row["yaw_r"]) > 0


def test_a_table_without_radii_keeps_the_measures(client: Client) -> None:
    answer = client.post("/v1/predict?format=csv&measure=true&radius=false", PNG)
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert "chin_x" in row
    assert "chin_r" not in row
    assert row["yaw_r"]


def test_a_name_in_a_table_is_no_formula(client: Client) -> None:
    answer = client.form("/v1/predict?format=csv", [("file", "=cmd()", PNG)])
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row["file"] == "'=cmd()"


def test_coco_is_what_write_faces_writes(
    client: Client, faces: list[facepoints.Face], tmp_path: Any
) -> None:
    answer = client.form("/v1/predict?format=coco", [("file", "a.png", PNG)])
    result = facepoints.FrameResult("a.png", faces, PHOTO.shape[:2])
    facepoints.write_faces([result], tmp_path / "faces.json")
    expected = json.loads((tmp_path / "faces.json").read_text())
    expected["images"][0]["file_name"] = "a.png"
    assert answer.json() == expected
    bare = client.post("/v1/predict?format=coco&radius=false&measure=true", PNG).json()
    assert "radius" not in bare["annotations"][0]
    assert bare["annotations"][0]["measures"]["yaw"]["radius"] > 0


def test_other_landmarks_and_scores(client: Client, faces: list[facepoints.Face]) -> None:
    answer = client.post("/v1/predict?landmarks=kaggle-15", PNG).json()["images"][0]
    assert answer["landmarks"] == "kaggle-15"
    expected = faces[0].as_landmarks(facepoints.KAGGLE_15).to_dict()
    assert answer["faces"][0]["points"] == expected["points"]
    assert client.post("/v1/predict?min_score=1", PNG).json()["images"][0]["faces"] == []


def test_any_angle_finds_a_face_upside_down(client: Client) -> None:
    turned = encoded(np.ascontiguousarray(PHOTO[::-1, ::-1]))
    found = client.post("/v1/predict?any_angle=true", turned)
    assert found.headers["facepoints-faces"] == "1"


def test_aligned_faces(client: Client, faces: list[facepoints.Face]) -> None:
    expected = align(PHOTO, faces[0], "arcface-112", 64)
    query = "template=arcface-112&size=64"
    answer = client.post(f"/v1/align?{query}", PNG).json()
    (face,) = answer["images"][0]["faces"]
    png = base64.b64decode(face["image"])
    assert np.array_equal(facepoints.read_image(png), expected)
    assert np.shape(face["matrix"]) == (2, 3)
    alone = client.post(f"/v1/align?{query}&format=png", PNG)
    assert alone.headers["content-type"] == "image/png"
    assert alone.body == png
    files = [("file", "x/a.png", PNG), ("file", "a.png", PNG), ("file", "b", b"words")]
    packed = client.form(f"/v1/align?{query}&format=zip", files)
    archive = zipfile.ZipFile(io.BytesIO(packed.body))
    assert sorted(archive.namelist()) == ["a.png-2-face1.png", "a.png-face1.png", "errors.json"]
    assert archive.read("a.png-face1.png") == png


def test_blurred_faces(client: Client, faces: list[facepoints.Face]) -> None:
    hidden = facepoints.blur_faces(PHOTO, faces, style="pixelate", strength=2)
    answer = client.post("/v1/blur?style=pixelate&strength=2", PNG)
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(facepoints.read_image(answer.body), hidden)
    assert answer.headers["facepoints-faces"] == "1"
    jpeg = client.post("/v1/blur?format=jpeg", PNG)
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert jpeg.body[:3] == b"\xff\xd8\xff"
    packed = client.form("/v1/blur", [("file", "a.jpg", PNG), ("file", "b.png", NO_FACE)])
    assert packed.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(packed.body))
    assert archive.namelist() == ["a.png", "b.png"]
    assert np.array_equal(facepoints.read_image(archive.read("b.png")), np.full((120, 160, 3), 90))


def test_the_model_is_described(client: Client, model: FaceModel) -> None:
    described = client.get("/v1/model").json()
    assert described["landmarks"]["names"] == list(model.landmarks.names)
    assert described["facepoints"]["model"] == model.describe()["model"]
    assert described["limits"] == {
        "bytes": 2_000_000,
        "pixels": 1_000_000,
        "files": 3,
        "waiting": 64,
        "seconds": 60.0,
    }


# Errors


@pytest.mark.parametrize(
    ("query", "message", "expected"),
    [
        ("format=xml", "the parameter 'format' is 'xml'", "'format' is json or csv or coco"),
        ("measure=1", "the parameter 'measure' is '1'", "'measure' is true or false"),
        ("min_score=2", "the parameter 'min_score' is '2'", "a number from 0 to 1"),
        ("min_score=nan", "'nan'", "a number from 0 to 1"),
        ("radius=true&radius=true", "'radius' is given twice", "each parameter once"),
        ("path=/etc/passwd", "there is no parameter 'path'", "format, radius, measure"),
        ("landmarks=x", "'landmarks' is 'x'", "openpose-70"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: Client, query: str, message: str, expected: str
) -> None:
    error = error_of(client.post(f"/v1/predict?{query}", PNG), 400)
    assert error["code"] == "bad_parameter"
    assert message in error["message"]
    assert expected in error["expected"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"words", "image is not an image of a known kind (JPEG, PNG"),
        (PNG[:2000], "could not be decoded"),
        (b"BM" + PNG[2:6] + b"\0\0\0\0" + b"\0" * 16, "could not be decoded"),
        (b"%PDF-1.7 ....", "image is a PDF document, which is not read"),
        (encoded(np.zeros((1001, 1000, 3), np.uint8)), "claims 1000 x 1001 pixels, at most 1"),
    ],
)
def test_what_is_no_image_is_told(client: Client, body: bytes, message: str) -> None:
    error = error_of(client.post("/v1/predict", body), 422)
    assert error["code"] == "unreadable_image"
    assert message in error["message"]


def test_paths_and_addresses_are_not_taken(client: Client) -> None:
    for kind in ("application/json", "text/plain; charset=utf-8"):
        answer = client.request(
            "POST", "/v1/predict", b'{"url": "http://x/a.jpg"}', {"Content-Type": kind}
        )
        assert error_of(answer, 415)["code"] == "unsupported_type"
    field = client.form("/v1/predict", [], {"file": "/etc/passwd"})
    assert "holds no file" in error_of(field, 422)["message"]


def test_limits_of_bytes_and_files(client: Client) -> None:
    large = client.post("/v1/predict", b"\0" * 2_000_001)
    assert error_of(large, 413)["expected"] == "at most 2 MB in one request"
    chunked = client.chunked("/v1/predict", [b"\0" * 500_000] * 5)
    assert error_of(chunked, 413)["code"] == "too_large"
    many = client.form("/v1/predict", [("file", "a.png", NO_FACE)] * 4)
    assert error_of(many, 413)["message"] == "the form holds more than 3 files"
    assert client.post("/v1/predict", PNG).status == 200


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("multipart/form-data", b"x", "names no boundary"),
        ("multipart/form-data; boundary=b", b"words", "damaged"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nwo',
            "cut off",
        ),
        (
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n",
            "has no name",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
            + b"x" * 2000
            + b"\r\n--b--\r\n",
            "is long and is not a file",
        ),
    ],
)
def test_a_damaged_form_is_told(client: Client, kind: str, body: bytes, message: str) -> None:
    answer = client.request("POST", "/v1/predict", body, {"Content-Type": kind})
    assert message in error_of(answer, 400)["message"]


def test_other_addresses_and_methods(client: Client) -> None:
    for path in ("/nothing", "/v1/predict/", "/../etc/passwd", "/%2e%2e/x", "/js/../../x"):
        assert error_of(client.get(path), 404)["code"] == "not_found"
    answer = client.get("/v1/predict")
    assert error_of(answer, 405)["code"] == "method_not_allowed"
    assert answer.headers["allow"] == "POST"


def test_one_face_is_needed_for_one_image(client: Client) -> None:
    error = error_of(client.post("/v1/align?format=png", NO_FACE), 422)
    assert error["code"] == "no_face"
    two = client.form("/v1/align?format=png", [("file", "a.png", PNG)] * 2)
    assert error_of(two, 400)["message"] == "format=png with 2 images"


def test_a_fault_is_one_line_without_values(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: object) -> None:
        raise RuntimeError("secret.jpg at (3, 4)")

    with running(model, ServiceSettings()) as client:
        monkeypatch.setattr("facepoints.api.FaceModel.predict_batch", broken)
        answer = client.form("/v1/predict", [("file", "secret.jpg", PNG)])
        assert error_of(answer, 500)["code"] == "internal"
        monkeypatch.undo()
        assert client.post("/v1/predict", PNG).status == 200
    lines = capfd.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("fault: RuntimeError at ")] == lines
    assert len(lines) == 1


# Access and headers


def test_a_token_guards_the_service_but_not_the_page(model: FaceModel) -> None:
    with running(model, ServiceSettings(access=Access(token="s3cret"))) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "s3cret"}):
            answer = client.request("POST", "/v1/predict", PNG, headers)
            assert error_of(answer, 401)["code"] == "unauthorized"
            assert answer.headers["www-authenticate"] == "Bearer"
        good = {"Authorization": "Bearer s3cret"}
        assert client.request("POST", "/v1/predict", PNG, good).status == 200
        assert client.get("/metrics").status == 401
        assert client.get("/v1/model").status == 401
        assert [client.get(path).status for path in ("/healthz", "/readyz", "/")] == [200] * 3
        document = client.get("/openapi.json").json()
        assert document["paths"]["/v1/predict"]["post"]["security"] == [{"token": []}]


def test_other_sites_may_call_only_if_they_are_named(client: Client, model: FaceModel) -> None:
    origin = {"Origin": "https://example.org"}
    closed = client.request("POST", "/v1/predict", NO_FACE, origin)
    assert closed.status == 200
    assert "access-control-allow-origin" not in closed.headers
    with running(model, ServiceSettings(access=Access(origins=("https://example.org",)))) as named:
        answer = named.request("POST", "/v1/predict", NO_FACE, origin)
        assert answer.headers["access-control-allow-origin"] == "https://example.org"
        asked = {"Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization,content-type"
        before = named.request("OPTIONS", "/v1/predict", b"", origin | asked)
        assert before.status == 200
        assert "POST" in before.headers["access-control-allow-methods"]
        other = named.request("POST", "/v1/predict", NO_FACE, {"Origin": "https://x.org"})
        assert other.headers.get("access-control-allow-origin") is None
        error = named.request("POST", "/v1/predict", b"words", origin)
        assert error.status == 422
        assert error.headers["access-control-allow-origin"] == "https://example.org"


@pytest.mark.parametrize("origin", ["example.org", "https://example.org/", "javascript:x", ""])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(facepoints.SettingsError, match="an origin is a scheme and a host"):
        Access(origins=(origin,))


def test_answers_are_neither_kept_nor_framed(client: Client) -> None:
    for answer in (client.post("/v1/predict", NO_FACE), client.get("/nothing")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        policy = answer.headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"


def test_metrics_count_requests_images_and_faces(model: FaceModel) -> None:
    with running(model, ServiceSettings()) as client:
        client.form("/v1/predict", [("file", "a", PNG), ("file", "b", b"x")])
        client.get("/nowhere/else")
        answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    labels = 'route="/v1/predict",method="POST",status="200"'
    assert values[f"facepoints_requests_total{{{labels}}}"] == "1"
    assert values['facepoints_requests_total{route="other",method="GET",status="404"}'] == "1"
    counts = [values[f"facepoints_{n}_total"] for n in ("images", "unreadable_images", "faces")]
    assert counts == ["2", "1", "1"]
    assert values["facepoints_waiting_requests"] == "0"
    assert values["facepoints_held_bytes"] == "0"
    assert float(values["facepoints_resident_bytes"]) > 1e7
    assert values['facepoints_request_seconds_bucket{route="/v1/predict",le="+Inf"}'] == "1"


def test_readiness_follows_the_threads(model: FaceModel) -> None:
    with running(model, ServiceSettings()) as client:
        assert client.get("/readyz").body == b"ready\n"
        assert client.get("/healthz").body == b"ok\n"
        assert client.request("HEAD", "/healthz").status == 200


# Documents


def test_the_description_names_every_parameter_and_limit(client: Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/v1/predict"]["post"]
    names = {one["name"] for one in operation["parameters"]}
    assert names == {"format", "radius", "measure", "landmarks", "any_angle", "min_score"}
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["properties"]["file"]["description"].startswith("Up to 3 images")
    assert {"400", "401", "408", "413", "415", "422", "429", "500", "503"} < set(
        operation["responses"]
    )


def test_the_description_can_be_read_without_scripts_or_other_sites(client: Client) -> None:
    page = client.get("/docs")
    text = page.body.decode()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for words in ("/v1/predict", "/v1/align", "/v1/blur", "min_score", "429", "curl"):
        assert words in text
    assert "<script" not in text
    assert "https://" not in text
    assert client.get("/docs.css").headers["content-type"].startswith("text/css")


def test_examples_fit_their_schemas(client: Client) -> None:
    jsonschema = pytest.importorskip("jsonschema_rs")
    document = client.get("/openapi.json").json()
    components = {"components": document["components"]}
    for path in ("/v1/predict", "/v1/align"):
        content = document["paths"][path]["post"]["responses"]["200"]["content"]
        described = content["application/json"]
        validator = jsonschema.Draft202012Validator(described["schema"] | components)
        validator.validate(described["example"])
        validator.validate(client.post(path, PNG).json())


# Many at once


def test_requests_at_once_get_their_own_answers(
    client: Client, together: Callable[..., list[Any]]
) -> None:
    sizes = [(100 + n, 90) for n in range(12)]
    bodies = [encoded(np.full((*size, 3), 7, np.uint8)) for size in sizes]
    answers = together(lambda body: client.fresh().post("/v1/predict", body), bodies)
    seen = [(a.json()["images"][0]["height"], a.json()["images"][0]["width"]) for a in answers]
    assert seen == sizes


def test_a_full_queue_says_when_to_try_again(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch, together: Callable[..., list[Any]]
) -> None:
    predict, refused = FaceModel.predict_batch, threading.Event()

    def wait(self: FaceModel, *args: Any) -> Any:
        assert refused.wait(PATIENCE)
        return predict(self, *args)

    monkeypatch.setattr("facepoints.api.FaceModel.predict_batch", wait)
    settings = ServiceSettings(ServiceLimits(max_waiting=2), workers=1, batch=1)
    with running(model, settings) as client:

        def ask(_: int) -> Any:
            answer = client.fresh().post("/v1/predict", NO_FACE)
            if answer.status == 429:
                refused.set()
            return answer

        answers = together(ask, range(6))
        statuses = sorted(answer.status for answer in answers)
        assert statuses[:2] == [200, 200]
        assert statuses[-1] == 429
        assert set(statuses) == {200, 429}
        busy = next(answer for answer in answers if answer.status == 429)
        assert error_of(busy, 429)["code"] == "busy"
        assert 1 <= int(busy.headers["retry-after"]) <= 60
        assert client.post("/v1/predict", NO_FACE).status == 200


def test_an_answer_that_takes_too_long_is_given_up(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def wait(self: FaceModel, images: Any, names: Any) -> Any:
        assert answered.wait(PATIENCE)
        return [[]]

    monkeypatch.setattr("facepoints.api.FaceModel.predict_batch", wait)
    limits = replace(ServiceLimits(), timeout=0.8)  # the request itself has to arrive in it, too
    with running(model, ServiceSettings(limits)) as client:
        try:
            answer = client.post("/v1/predict", NO_FACE)
        finally:
            answered.set()
        assert error_of(answer, 503)["code"] == "unavailable"
        assert int(answer.headers["retry-after"]) > 0


def test_a_request_of_many_images_lets_others_pass(
    model: FaceModel, monkeypatch: pytest.MonkeyPatch, together: Callable[..., list[Any]]
) -> None:
    predict = FaceModel.predict_batch
    started, both_wait = threading.Event(), threading.Event()
    heights: list[int] = []

    def wait(self: FaceModel, images: Any, names: Any) -> Any:
        heights.append(len(images[0]))
        started.set()
        assert both_wait.wait(PATIENCE)
        return predict(self, images, names)

    monkeypatch.setattr("facepoints.api.FaceModel.predict_batch", wait)
    with running(model, ServiceSettings(workers=1, batch=1)) as client:

        def many(_: int) -> None:
            client.fresh().form("/v1/predict", [("file", "a", NO_FACE)] * 12)

        def one(_: int) -> None:
            assert started.wait(PATIENCE)
            client.fresh().post("/v1/predict", PNG)

        def watch(_: int) -> None:
            try:
                wait_until(lambda: client.metric("facepoints_waiting_requests") == 2)
            finally:
                both_wait.set()

        together(lambda work: work(0), [many, one, watch])
    assert len(heights) == 13
    assert heights.index(len(PHOTO)) <= 2

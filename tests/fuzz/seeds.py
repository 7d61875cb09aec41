"""Small valid files of every kind that facepoints reads: what the fuzz job mutates.

A seed is a folder with one file to mutate, the other files that it needs, and the function that
reads it. A new reader gets a function here and an entry in `SEEDS`.
"""

from __future__ import annotations

import gzip
import importlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from source_files import jpeg, tar_bytes

from facepoints.datasets import readers
from facepoints.datasets.crops import cut_crops
from facepoints.datasets.samples import Photos
from facepoints.landmarks.known_sets import IBUG_68, KAGGLE_15
from facepoints.sources import list_parts, read_part

__all__ = ["SEEDS", "Seed"]

POINTS = IBUG_68.names


@dataclass(frozen=True)
class Seed:
    """A valid file and how it is read.

    Attributes:
        file: the file to mutate, below the folder that `read` is called with.
        read: reads the folder; raises FacepointsError for a file that cannot be used.
    """

    file: str
    read: Callable[[Path], object]


def _image(seed: int = 0, side: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)


def _points(count: int, side: int = 24) -> np.ndarray:
    return np.random.default_rng(1).uniform(2, side - 3, (count, 2)).round(1)


def _png(path: Path) -> None:
    cv2.imwrite(str(path), _image())


def labels(path: Path) -> None:
    """Read a label file, and cut its crops as training does."""
    data = readers.read(path)
    if isinstance(data, Photos) and data.labelled.any():
        cut_crops(data, 16)


def _reads(name: str, function: Callable[[Path], object] = labels) -> Callable[[Path], object]:
    return lambda folder: function(folder / name)


def _seed(folder: Path, name: str, content: bytes | str) -> Seed:
    data = content.encode() if isinstance(content, str) else content
    (folder / name).write_bytes(data)
    return Seed(name, _reads(name))


def kaggle_table(rows: int = 2) -> str:
    names = [f"{n}_{axis}" for n in KAGGLE_15.names for axis in "xy"]
    lines = [",".join([*names, "Image"])]
    for row in range(rows):
        cells = [f"{value:g}" for value in _points(15, 16).ravel()]
        cells[4] = ""
        lines.append(",".join([*cells, " ".join(map(str, _image(row, 16).ravel()))]))
    return "\n".join(lines) + "\n"


def kaggle(folder: Path) -> Seed:
    return _seed(folder, "training.csv", kaggle_table())


def kaggle_gzip(folder: Path) -> Seed:
    return _seed(folder, "training.csv.gz", gzip.compress(kaggle_table().encode(), mtime=0))


def kaggle_zip(folder: Path) -> Seed:
    with zipfile.ZipFile(folder / "training.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("training.csv", kaggle_table())
    return Seed("training.zip", _reads("training.zip"))


def pts(folder: Path) -> Seed:
    rows = "\n".join(f"{x} {y}" for x, y in _points(68))
    _png(folder / "a.png")
    (folder / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{rows}\n}}\n")
    return Seed("a.pts", labels)


def coco(folder: Path) -> Seed:
    _png(folder / "a.png")
    flat = [value for x, y in _points(68) for value in (x, y, 2)]
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": 24, "height": 24}],
        "categories": [{"id": 1, "name": "face", "keypoints": list(POINTS), "skeleton": [[1, 2]]}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "keypoints": flat, "num_keypoints": 68,
             "bbox": [2, 2, 20, 20], "area": 400, "iscrowd": 0}
        ],
    }  # fmt: skip
    return _seed(folder, "labels.json", json.dumps(data))


def imglab(folder: Path) -> Seed:
    _png(folder / "a.png")
    parts = "".join(
        f"<part name='{number:02}' x='{x:.0f}' y='{y:.0f}'/>"
        for number, (x, y) in enumerate(_points(68))
    )
    text = (
        "<?xml version='1.0' encoding='UTF-8'?>\n<dataset><name>n</name><images>"
        f"<image file='a.png'><box top='2' left='2' width='20' height='20'>{parts}</box></image>"
        "</images></dataset>"
    )
    return _seed(folder, "labels.xml", text)


def frames(folder: Path) -> Seed:
    (folder / "training").mkdir()
    _png(folder / "training" / "A_B_01.jpg")
    head = ",".join(["", *map(str, range(136))])
    row = ",".join(["A_B_01.jpg", *(f"{v}" for v in _points(68).ravel())])
    (folder / "training_frames_keypoints.csv").write_text(f"{head}\n{row}\n")
    return Seed("training_frames_keypoints.csv", labels)


def npz(folder: Path) -> Seed:
    images = np.repeat(_image()[..., None, None], 3, axis=2).repeat(2, axis=3)
    landmarks = _points(68)[..., None].repeat(2, axis=2)
    names = ("colorImages", "boundingBox", "landmarks2D", "landmarks3D")
    np.savez_compressed(
        folder / "A_B_0.npz",
        **dict(zip(names, (images, np.zeros((4, 2, 2)), landmarks, landmarks), strict=True)),
    )
    return Seed("A_B_0.npz", labels)


def cvat(folder: Path) -> Seed:
    _png(folder / "a.png")
    points = "".join(
        f"<points label='p{number}' source='manual' outside='0' occluded='0' points='{x},{y}'/>"
        for number, (x, y) in enumerate(_points(5))
    )
    text = (
        "<?xml version='1.0' encoding='utf-8'?><annotations><version>1.1</version>"
        f"<image id='0' name='a.png' width='24' height='24'><skeleton label='face'>{points}"
        "</skeleton></image></annotations>"
    )
    return _seed(folder, "annotations.xml", text)


def labelme(folder: Path) -> Seed:
    _png(folder / "a.png")
    shapes = [
        {"label": f"p{n}", "points": [[x, y]], "group_id": 1, "shape_type": "point", "flags": {}}
        for n, (x, y) in enumerate(_points(5).tolist())
    ]
    data = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "a.png"}
    return _seed(folder, "a.json", json.dumps(data | {"imageHeight": 24, "imageWidth": 24}))


def label_studio(folder: Path) -> Seed:
    _png(folder / "a.png")
    result = [
        {
            "original_width": 24,
            "original_height": 24,
            "type": "keypointlabels",
            "value": {"x": x * 4, "y": y * 4, "width": 0.5, "keypointlabels": [f"p{n}"]},
        }
        for n, (x, y) in enumerate(_points(5).tolist())
    ]
    task = {"id": 1, "data": {"img": "a.png"}, "annotations": [{"id": 1, "result": result}]}
    return _seed(folder, "export.json", json.dumps([task]))


def deeplabcut(folder: Path) -> Seed:
    _png(folder / "img001.png")
    names = ["p0", "p0", "p1", "p1"]
    lines = [
        ["scorer", *["me"] * 4],
        ["bodyparts", *names],
        ["coords", *"xyxy"],
        ["img001.png", "3", "4", "9.5", "12"],
    ]
    return _seed(folder, "CollectedData_me.csv", "\n".join(map(",".join, lines)) + "\n")


def wflw(folder: Path) -> Seed:
    _png(folder / "a.png")
    numbers = " ".join(str(value) for value in _points(98).ravel())
    return _seed(folder, "list.txt", f"{numbers} 1 1 20 20 0 0 0 0 0 0 a.png\n")


def celeba(folder: Path) -> Seed:
    _png(folder / "a.png")
    names = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")
    head = " ".join(f"{name}_{axis}" for name in names for axis in "xy")
    numbers = " ".join(f"{value:.0f}" for value in _points(5).ravel())
    return _seed(folder, "list_landmarks_celeba.txt", f"1\n{head}\na.png {numbers}\n")


def point_text(folder: Path) -> Seed:
    _png(folder / "a.png")
    rows = "\n".join(f"{x} {y}" for x, y in _points(106))
    (folder / "a.txt").write_text(f"106\n{rows}\n")
    return Seed("a.txt", labels)


def mat(folder: Path) -> Seed:
    scipy_io: Any = importlib.import_module("scipy.io")
    _png(folder / "a.png")
    scipy_io.savemat(folder / "a.mat", {"pt2d": _points(68).T}, do_compression=False)
    return Seed("a.mat", labels)


def renames(folder: Path) -> Seed:
    from facepoints.datasets.renames import read_renames

    (folder / "names.txt").write_text("left_eye_centre,left_eye_center\nnose,nose_tip\n")
    return Seed("names.txt", _reads("names.txt", read_renames))


def people(folder: Path) -> Seed:
    from facepoints.datasets.people import read_people

    (folder / "people.txt").write_text("A_B\nC_D\n")
    return Seed("people.txt", _reads("people.txt", read_people))


def boxes(folder: Path) -> Seed:
    from facepoints.detection import BoxFileDetector

    (folder / "boxes.csv").write_text("file,x,y,w,h\na.png,2,2,20,20\nb.png,1.5,2,9,9\n")
    return Seed("boxes.csv", _reads("boxes.csv", BoxFileDetector.load))


def lookup(folder: Path) -> Seed:
    from facepoints.commands.submit_tables import read_lookup

    text = "RowId,ImageId,FeatureName,Location\n1,1,left_eye_center_x,\n2,1,nose_tip_y,\n"
    (folder / "IdLookupTable.csv").write_text(text)
    return Seed("IdLookupTable.csv", _reads("IdLookupTable.csv", read_lookup))


def _results(folder: Path, name: str) -> Seed:
    from facepoints.inference.face import Face
    from facepoints.results import read_faces, write_faces
    from facepoints.results.records import FrameResult

    points = _points(68).astype(np.float32)
    face = Face((2.0, 2.0, 20.0, 20.0), 0.9, points, np.ones(68, np.float32), IBUG_68, 1)
    results = [FrameResult("a.png", [face], (24, 24)), FrameResult("b.png", [], (24, 24))]
    write_faces(results[:1] if name.endswith("pts") else results, folder / name)
    return Seed(name, _reads(name, read_faces))


def result_jsonl(folder: Path) -> Seed:
    return _results(folder, "faces.jsonl")


def result_csv(folder: Path) -> Seed:
    return _results(folder, "faces.csv")


def result_coco(folder: Path) -> Seed:
    return _results(folder, "faces.json")


def result_pts(folder: Path) -> Seed:
    return _results(folder, "face.pts")


def unfinished(folder: Path) -> Seed:
    """The file of an interrupted run: damage means that the run starts again, never an error."""
    from facepoints.results.records import error_record, json_line
    from facepoints.results.resume import ResumableRecords

    files = ["a.png", "b.png"]
    with ResumableRecords(folder / "faces.jsonl", files, {"model": "m"}) as records:
        records.add(error_record(files[0], "no"))
        part = records.path.name

    def read(place: Path) -> None:
        with ResumableRecords(place / "faces.jsonl", files, {"model": "m"}) as again:
            for name in files[again.done :]:
                again.add(error_record(name, "no"))
            for record in again.records():
                json_line(record)

    return Seed(part, read)


def _onnx(folder: Path, points: int = 2) -> Path:
    """A landmark model of facepoints that predicts constants."""
    import onnx
    from onnx import TensorProto, helper

    from facepoints.models.onnx_edit import with_metadata

    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["B", 8, 8])
    shapes = {"points": ["B", points, 2], "radius": ["B", points], "score": ["B"]}
    outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    values = {
        name: helper.make_tensor(f"{name}_c", TensorProto.FLOAT, [1, *shape[1:]],
                                 [3.0] * int(np.prod(shape[1:])))
        for name, shape in shapes.items()
    }  # fmt: skip
    nodes = [
        helper.make_node("Shape", ["crops"], ["whole"]),
        helper.make_node("Slice", ["whole", "zero", "first"], ["batch"]),
    ]
    begin = helper.make_tensor("zero", TensorProto.INT64, [1], [0])
    end = helper.make_tensor("first", TensorProto.INT64, [1], [1])
    sizes = [begin, end]
    for name, shape in shapes.items():
        rest = helper.make_tensor(f"{name}_r", TensorProto.INT64, [len(shape) - 1], shape[1:])
        sizes += [values[name], rest]
        nodes.append(helper.make_node("Concat", ["batch", f"{name}_r"], [f"{name}_s"], axis=0))
        nodes.append(helper.make_node("Expand", [f"{name}_c", f"{name}_s"], [name]))
    graph = helper.make_graph(nodes, "g", [crops], outputs, sizes)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="fuzz"
    )
    metadata: dict[str, Any] = {
        "landmarks": IBUG_68.subset(POINTS[:points]).to_dict(),
        "schemes": {"": list(POINTS[:points])},
        "size": [8, 8],
        "refinement_passes": 1,
        "canonical_points": [[2.0, 3.0], [5.0, 4.0]][:points],
        "face_box": [1.0, 1.0, 6.0, 6.0],
        "has_face_score": True,
        "calibration": {"coverage": 0.9, "factors": [1.0] * points, "rows": 9, "calibrated": True},
    }
    onnx.checker.check_model(model)
    path = folder / "model.onnx"
    path.write_bytes(with_metadata(model, metadata))
    return path


def _use_model(path: Path) -> None:
    from facepoints.inference.landmark_model import LandmarkModel

    model = LandmarkModel.load(path, threads=1)
    model(np.zeros((1, *model.size), np.uint8))


def model_file(folder: Path) -> Seed:
    """A model file: every change must be found by its checksum."""
    _onnx(folder)
    return Seed("model.onnx", _reads("model.onnx", _use_model))


def model_resealed(folder: Path) -> Seed:
    """A model file whose checksum is made right again: what its author wrote is wrong."""
    from facepoints.runtime.model_file import checksum

    path = _onnx(folder)
    digits = checksum(path.read_bytes()).encode()

    def read(place: Path) -> None:
        file = place / "model.onnx"
        data = file.read_bytes()
        file.write_bytes(data.replace(digits, checksum(data).encode()))
        _use_model(file)

    return Seed("model.onnx", read)


def run_header(folder: Path) -> Seed:
    """run.json of a trained run with one small network. Needs PyTorch."""
    from facepoints.models.networks import build_model
    from facepoints.models.run import Run, save_weights
    from facepoints.training.settings import stored_settings

    committed = Path(__file__).resolve().parents[2] / "runs" / "kaggle-like" / "run.json"
    header = json.loads(committed.read_text(encoding="utf-8"))
    landmarks = KAGGLE_15.subset(KAGGLE_15.names[:2])
    member = {"part": "a", "network": "lenet5", "file": "weights/0.safetensors"}
    common = {"landmarks": landmarks.to_dict(), "has_face_score": False}
    header |= {
        "size": [24, 24],
        "landmarks": landmarks.to_dict(),
        "schemes": {"": list(landmarks.names)},
        "members": [member | common],
        "calibration": {"coverage": 0.9, "factors": [1.0, 1.0], "rows": 9, "calibrated": True},
        "canonical_points": [[2.0, 3.0], [5.0, 4.0]],
    }
    (folder / "run.json").write_text(json.dumps(header))
    save_weights(folder / "weights" / "0.safetensors", build_model("lenet5", 2, (24, 24), 9.0, 5.0))

    def read(place: Path) -> None:
        stored_settings(place)
        Run.load(place).predict(_image()[None])

    return Seed("run.json", read)


def weights_file(folder: Path) -> Seed:
    """The weights of that run."""
    seed = run_header(folder)
    return Seed("weights/0.safetensors", seed.read)


def _images(suffix: str, *options: int, depth: type = np.uint8) -> Callable[[Path], Seed]:
    def make(folder: Path) -> Seed:
        from facepoints.imaging.image_io import read_image

        image = np.repeat(_image()[..., None], 3, axis=2).astype(depth)
        done, data = cv2.imencode(suffix, image, list(options))
        assert done
        (folder / f"a{suffix}").write_bytes(data.tobytes())
        return Seed(f"a{suffix}", _reads(f"a{suffix}", read_image))

    return make


def gif(folder: Path) -> Seed:
    from facepoints.imaging.image_io import read_image

    data = (  # one black pixel
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x00\x00\x00\x00\x00,"
        b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
    )
    (folder / "a.gif").write_bytes(data)
    return Seed("a.gif", _reads("a.gif", read_image))


def _video(path: Path) -> None:
    from facepoints.video.source import open_video

    frames: Iterable[object] = open_video(path)
    for _ in islice(frames, 4):
        pass


def _animations(suffix: str) -> Callable[[Path], Seed]:
    def make(folder: Path) -> Seed:
        name = f"a{suffix}"
        frames = [_image(number) for number in range(3)]
        animation = cv2.Animation()
        animation.frames = [cv2.cvtColor(frame, cv2.COLOR_GRAY2BGRA) for frame in frames]
        animation.durations = [100] * len(frames)
        assert cv2.imwriteanimation(str(folder / name), animation)

        def read(path: Path) -> None:
            from facepoints.imaging.image_io import read_image

            read_image(path)
            _video(path)

        return Seed(name, _reads(name, read))

    return make


def integers_of_32_bits(folder: Path) -> Seed:
    """A TIFF file whose numbers OpenCV reads under the name of another type only."""
    from facepoints.imaging import tiff_tags
    from facepoints.imaging.image_io import read_image
    from facepoints.imaging.tiff_numbers import with_sample_format

    done, data = cv2.imencode(".tiff", _image().astype(np.float32))
    assert done
    changed = with_sample_format(data.tobytes(), 0, tiff_tags.UNSIGNED)
    assert changed is not None
    (folder / "a.tiff").write_bytes(changed)
    return Seed("a.tiff", _reads("a.tiff", read_image))


def _videos(suffix: str, code: str) -> Callable[[Path], Seed]:
    def make(folder: Path) -> Seed:
        name = f"clip{suffix}"
        fourcc = cv2.VideoWriter.fourcc(*code)
        writer = cv2.VideoWriter(str(folder / name), fourcc, 25, (32, 32))
        for number in range(5):
            writer.write(np.repeat(_image(number, 32)[..., None], 3, axis=2))
        writer.release()
        assert (folder / name).stat().st_size > 100
        return Seed(name, _reads(name, _video))

    return make


def numbered_frames(folder: Path) -> Seed:
    (folder / "clip").mkdir()
    for number in range(3):
        _png(folder / "clip" / f"{number:03}.png")
    return Seed("clip/001.png", _reads("clip", _video))


def _source(name: str) -> Callable[[Path], Seed]:
    """A list, archive or table of pictures, whose parts are read."""

    def read(path: Path) -> None:
        for part in list_parts([str(path)], part_size=2).parts:
            for picture in read_part(part):
                if (picture.data is None) != bool(picture.error):
                    raise AssertionError(f"{picture.name} has {picture.error or 'neither'}")

    def make(folder: Path) -> Seed:
        image = jpeg()
        if name.endswith(".parquet"):
            rows = {"image": [{"bytes": image, "path": "a.jpg"}] * 5, "label": [1] * 5}
            pq.write_table(pa.table(rows), folder / name, row_group_size=2, compression="none")
        elif ".tar" in name:
            members = [(f"{n}{suffix}", image) for n in range(3) for suffix in (".jpg", ".cls")]
            mode = {".tar": "w", ".gz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(
                Path(name).suffix, ""
            )
            archive = tar_bytes(members, mode or "w")
            zipped = archive if mode else pa.compress(archive, "zstd", asbytes=True)
            (folder / name).write_bytes(zipped)
        else:
            head = "id,path\n" if name.endswith("csv") else ""
            rows = ("1," if head else "") + "a.jpg\n"
            (folder / name).write_text(head + rows * 4)
        return Seed(name, _reads(name, read))

    return make


SEEDS: dict[str, Callable[[Path], Seed]] = {
    "kaggle csv": kaggle,
    "kaggle csv.gz": kaggle_gzip,
    "kaggle zip": kaggle_zip,
    "pts": pts,
    "coco": coco,
    "imglab xml": imglab,
    "youtube table": frames,
    "youtube npz": npz,
    "cvat": cvat,
    "labelme": labelme,
    "label studio": label_studio,
    "deeplabcut": deeplabcut,
    "wflw": wflw,
    "celeba": celeba,
    "lapa": point_text,
    "mat": mat,
    "list of people": people,
    "list of new names": renames,
    "table of boxes": boxes,
    "lookup table": lookup,
    "results jsonl": result_jsonl,
    "results csv": result_csv,
    "results coco": result_coco,
    "results pts": result_pts,
    "unfinished results": unfinished,
    "model file": model_file,
    "model file, resealed": model_resealed,
    "run.json": run_header,
    "weights of a run": weights_file,
    "image png": _images(".png"),
    "image png, 16 bit": _images(".png", depth=np.uint16),
    "image jpeg": _images(".jpg"),
    "image webp": _images(".webp"),
    "image bmp": _images(".bmp"),
    "image tiff": _images(".tiff"),
    "image tiff, float": _images(".tiff", depth=np.float32),
    "image ppm": _images(".ppm"),
    "image avif": _images(".avif"),
    "image gif": gif,
    "image tiff, 32 bit": integers_of_32_bits,
    "animation gif": _animations(".gif"),
    "animation webp": _animations(".webp"),
    "video mp4": _videos(".mp4", "mp4v"),
    "video avi": _videos(".avi", "MJPG"),
    "video webm": _videos(".webm", "VP80"),
    "folder of frames": numbered_frames,
    "list of pictures": _source("a.txt"),
    "table of pictures": _source("a.csv"),
    "tar": _source("a.tar"),
    "tar.gz": _source("a.tar.gz"),
    "tar.bz2": _source("a.tar.bz2"),
    "tar.xz": _source("a.tar.xz"),
    "tar.zst": _source("a.tar.zst"),
    "parquet of images": _source("a.parquet"),
}
"""Seeds by name."""

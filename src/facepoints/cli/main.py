"""The command line: arguments mapped to jobs, errors to one line and an exit status.

Exit status 0: done; 1: nobody reads the output; 2: an input or a setting cannot
be used, or an output not be written; 130: stopped, ready to resume.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import tyro
from rich.console import Console
from rich.markup import escape

from facepoints._util.console import checked_output, counted, quiet_libraries
from facepoints._util.files import check_output
from facepoints._util.progress import Stopped
from facepoints._version import __version__
from facepoints.datasets.combine import gather
from facepoints.errors import DataError, FacepointsError, MissingExtraError, SettingsError
from facepoints.training.settings import Missing, Network, TrainSettings

if TYPE_CHECKING:
    from facepoints.api import FaceModel
    from facepoints.commands.inputs import Sightings
    from facepoints.commands.report import Report
    from facepoints.landmarks.landmark_set import LandmarkSet
    from facepoints.video.frame import VideoSource

__all__ = ["main"]

_arg = tyro.conf.arg
Data = Annotated[
    tuple[Path, ...],
    tyro.conf.Positional,
    _arg(metavar="DATA [DATA ...]", help_behavior_hint="(required)"),
]
Inputs = Annotated[
    tuple[str, ...],
    tyro.conf.Positional,
    _arg(metavar="INPUT [INPUT ...]", help_behavior_hint="(required)"),
]
RunFolder = Annotated[Path, tyro.conf.Positional, _arg(metavar="RUN")]
ModelFile = Annotated[Path, tyro.conf.Positional, _arg(metavar="MODEL")]
TestFile = Annotated[Path, tyro.conf.Positional, _arg(metavar="TEST")]
LookupFile = Annotated[Path, tyro.conf.Positional, _arg(metavar="LOOKUP")]
Folder = Annotated[Path, tyro.conf.Positional, _arg(metavar="FOLDER")]
Maybe = Annotated[Path | None, _arg(metavar="PATH", help_behavior_hint="(optional)")]

_DEFAULTS = TrainSettings()

_out = Console(quiet=os.environ.get("RANK", "0") != "0")  # of several processes one speaks
_err = Console(stderr=True, soft_wrap=True)


def _train(settings_before: TrainSettings) -> Callable[..., None]:
    def train(
        data: Data,
        out: Path,
        settings: TrainSettings = settings_before,
        resume: bool = False,
        onnx: bool = True,
        size: int = 96,
        part: Literal["training", "test"] = "training",
        without: Maybe = None,
    ) -> None:
        """Train networks on labelled faces.

        Args:
            data: label files or folders: Kaggle csv, YouTube Faces, .pts, COCO, imglab.
            out: folder for the run.
            resume: go on with a training that was cut off, with its settings.
            onnx: leave out model.onnx, which takes some seconds to write.
            size: side of the crops cut from photos, in pixels.
            part: training or test, for data that holds both.
            without: text file that names people to leave out, one a line.
        """
        from facepoints.evaluation import evaluate
        from facepoints.training import train

        faces = gather(_some(data), part=part, size=size, without=without)
        report = train.train(
            faces,
            out,
            settings,
            resume=resume,
            data_names=[p.name for p in data],
            onnx=onnx,
            console=_out,
        )
        pictures = f"{out / 'curves.png'}"
        if report:
            _out.print(evaluate.table(report))
            pictures += f", {out / 'validation'}"
        _say(f"the run is in {out}; its pictures: {pictures}")

    return train


def _evaluate(
    run: RunFolder,
    data: Data,
    out: Maybe = None,
    size: int = 96,
    part: Literal["training", "test"] = "training",
    without: Maybe = None,
    only: Maybe = None,
) -> None:
    """Measure a run on labelled faces.

    Args:
        run: folder of the run, or the word facepoints: the one that comes along.
        data: label files or folders.
        out: folder for evaluation.json, the error curve and the worst faces.
        size: side of the crops cut from photos, in pixels.
        part: training or test, for data that holds both.
        without: text file that names people to leave out, one a line.
        only: text file that names the people to measure.
    """
    from facepoints.evaluation import evaluate
    from facepoints.models.run import Run

    faces = gather(_some(data), part=part, size=size, without=without, only=only)
    report = evaluate.evaluate(Run.load(_folder_of(run)), faces, out=out, pictures=out is not None)
    _out.print(evaluate.table(report))
    if out is not None:
        _say(f"report and pictures are in {out}")


def _submit(
    run: RunFolder, test: TestFile, lookup: LookupFile, out: Path, score: Maybe = None
) -> None:
    """Write a submission for Kaggle's Facial Keypoints Detection.

    Args:
        run: folder of a run, ONNX file, or the word facepoints: the model that comes along,
            which answers without any training.
        test: the competition's test.csv, plain or zipped, or its whole zip.
        lookup: the competition's IdLookupTable.csv.
        out: submission to write.
        score: known answers (RowId,Location) to score against.
    """
    from facepoints.commands import submit
    from facepoints.models.loading import opened

    report = submit.submit(opened(run), test, lookup, out, score=score)
    _say(
        f"{report.out}: {report.rows} coordinates of {report.images} images "
        f"({', '.join(f'{n} by {s}' for s, n in report.sources.items())}), "
        f"{report.clipped} moved to the border"
    )
    if report.score is not None:
        parts = ", ".join(f"{s} {v:.4f}" for s, v in report.score.sources.items())
        _say(f"RMSE {report.score.rmse:.4f} px ({parts})")


def _adapt(
    model: ModelFile,
    data: Data,
    out: Path,
    part: Literal["training", "test"] = "training",
    without: Maybe = None,
) -> None:
    """Fit a model to your own way of marking with a handful of labelled faces, in seconds.

    Nothing is trained: the points of your labels are had from the model's, and what your
    labels lie off them on average is added. Twenty faces are a good number.

    Args:
        model: ONNX file, run that holds one, or the word facepoints: the model that comes along.
        data: label files or folders.
        out: ONNX file to write, for facepoints predict --model and facepoints submit.
        part: training or test, for data that holds both.
        without: text file that names people to leave out, one a line.
    """
    from facepoints.commands.adapt import adapt

    report = adapt(model, _some(data), out, part=part, without=without)
    left = f", {report.left_out} left out" if report.left_out else ""
    fitted_on = counted(report.faces, "face")
    _say(f"{report.out}: {len(report.points)} points, fitted on {fitted_on}{left}")
    _say(
        f"mean distance to labels that it was not fitted on: {report.after:.2%} of the face, "
        f"{report.before:.2%} before"
    )
    if report.unknown:
        _say(f"not among them, as the model does not know them: {', '.join(report.unknown)}")


def _compare(
    data: Data,
    out: Path,
    networks: tuple[Network, ...] = ("net2", "heatnet"),
    answers: tuple[Missing, ...] = ("drop", "fill", "median", "specialist", "mask", "sources"),
    settings: TrainSettings = _DEFAULTS,
    size: int = 96,
    part: Literal["training", "test"] = "training",
    without: Maybe = None,
) -> None:
    """Compare missing-label answers and networks at an equal budget.

    The same command again goes on where it was cut off.

    Args:
        data: label files or folders.
        out: folder for the runs, the table and the chart.
        networks: networks to compare.
        answers: missing-label answers to compare.
        size: side of the crops cut from photos, in pixels.
        part: training or test, for data that holds both.
        without: text file that names people to leave out, one a line.
    """
    from facepoints.training import compare

    faces = gather(_some(data), part=part, size=size, without=without)
    report = compare.compare(
        faces,
        out,
        networks,
        answers,
        settings,
        data_names=[path.name for path in data],
        console=_out,
    )
    _out.print(compare.table(report))
    _say(f"table and chart are in {out}")


def _export(
    run: RunFolder,
    out: Maybe = None,
    int8: bool = False,
    data: tuple[Path, ...] = (),
    size: int = 96,
    without: Maybe = None,
) -> None:
    """Write a run as one ONNX file, for prediction without PyTorch.

    Args:
        run: folder of the run, or the word facepoints: the one that comes along, whose file in
            the package computes in 8 bits.
        out: file to write; model.onnx, or model-int8.onnx, in the run's folder if not given.
        int8: compute in 8 bits, and print what it costs and brings.
        data: label files or folders of real faces to quantise with.
        size: side of the crops cut from photos, in pixels.
        without: text file that names people to leave out, one a line.
    """
    if int8 and not data:
        raise SettingsError("--int8 needs labelled faces to measure on: --data DATA")
    from facepoints.models import quantize
    from facepoints.models.onnx_export import export
    from facepoints.models.run import MODEL, Run

    folder = _folder_of(run)
    if folder != run and out is None:
        raise SettingsError("the package's own files stay as they are: name a file with --out")
    loaded = Run.load(folder)
    path = out or run / ("model-int8.onnx" if int8 else MODEL)
    if int8:
        faces = gather(data, size=size, without=without)
        _out.print(quantize.table(quantize.quantise(loaded, faces, path)))
    else:
        export(loaded, path)
    _say(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _predict(
    inputs: Inputs,
    out: Maybe = None,
    draw: Annotated[
        Path | None, _arg(metavar="FOLDER|VIDEO", help_behavior_hint="(optional)")
    ] = None,
    radius: bool = False,
    model: Maybe = None,
    device: Literal["cpu", "cuda"] = "cpu",
    finder: Annotated[str, _arg(metavar="FINDER")] = "own",
    min_score: float = 0.5,
    any_angle: bool = False,
    landmarks: Annotated[
        Literal["ibug-68", "kaggle-15"] | None,
        _arg(metavar="{ibug-68,kaggle-15}", help_behavior_hint="(default: the model's)"),
    ] = None,
    video: bool = False,
    rate: Annotated[float, _arg(metavar="FPS")] = 30.0,
    smooth: bool = True,
    find_every: Annotated[
        int | None, _arg(metavar="FRAMES", help_behavior_hint="(optional)")
    ] = None,
) -> None:
    """Find faces and their points in pictures, or follow them through a video.

    Without --out and --draw, a line of JSON per picture goes to standard output. With --out,
    the same command again goes on where it was cut off. Of a video, Ctrl-C ends it there.

    Args:
        inputs: pictures, folders, patterns in quotes, or - for standard input; or one video
            file, number of a camera, or address of a stream.
        out: file to write: .jsonl, .csv, .json (COCO keypoints), .pts, or a folder of .pts.
        draw: folder for the pictures with their faces drawn, called as they are: a.png, or
            a.png.png and a.webp.png if both are there; of a video, an .mp4 file.
        radius: draw how far off each point may be as well.
        model: ONNX file or run to predict with, instead of the model that comes along (which the
            word facepoints means as well).
        device: where the model runs.
        finder: says where faces may be: own (that of the package), cascade (of OpenCV), whole
            (each picture is a face), boxes:FILE (CSV table with file,x,y,w,h) or yunet:FILE
            (YuNet as ONNX).
        min_score: drop faces that are less sure, 0 to 1.
        any_angle: find faces that lie or are upside down, too.
        landmarks: points to answer with.
        video: take the pictures for frames of one video, in the order of their numbers.
        rate: frames per second of such pictures.
        smooth: leave the jitter in the points of a video.
        find_every: frames between searches for new faces in a video; by need if not given.
    """
    from facepoints.api import load
    from facepoints.commands.predict_images import predict_files, summary
    from facepoints.imaging.input_paths import find_pictures
    from facepoints.landmarks.known_sets import KNOWN_SETS
    from facepoints.video.source import video_in

    if out is not None:
        check_output(out, _boxes(finder))
    want = None if landmarks is None else KNOWN_SETS[landmarks]
    with quiet_libraries():
        source = video_in(inputs, video, rate)
        if source is not None:
            predictor = load(model, device, finder, min_score=min_score, any_angle=any_angle)
            _predict_video(predictor, source, out, draw, want, radius, smooth, find_every)
            return

    with quiet_libraries():
        pictures = find_pictures(inputs, results=draw)
        predictor = load(model, device, finder, min_score=min_score, any_angle=any_angle)
        report = predict_files(
            predictor,
            pictures,
            out=out,
            drawn=draw,
            landmarks=want,
            radius=radius,
            console=_err,
        )
    results = " and ".join(str(place) for place in (out, draw) if place is not None)
    _note(summary(report) + (f"; results are in {results}" if results else ""))
    if report.unreadable == report.pictures:
        raise DataError(report.error)


def _boxes(finder: str) -> list[Path]:
    """The file that a finder's name holds, if it does."""
    file = finder.partition(":")[2]
    return [Path(file)] if file else []


def _predict_video(
    predictor: FaceModel,
    source: VideoSource,
    out: Path | None,
    draw: Path | None,
    landmarks: LandmarkSet | None,
    radius: bool,
    smooth: bool,
    find_every: int | None,
) -> None:
    from facepoints.commands.predict_video import drawn_path, predict_video, summary
    from facepoints.tracking.tracker import FollowSettings

    drawn = None if draw is None else drawn_path(draw, source.name)
    report = predict_video(
        predictor,
        source,
        out=out,
        drawn=drawn,
        landmarks=landmarks,
        radius=radius,
        settings=FollowSettings(smooth=smooth, find_every=find_every),
        console=_err,
    )
    results = [str(path) for path in (out, None if report.undrawn else drawn) if path is not None]
    told = summary(report) + (f"; results are in {' and '.join(results)}" if results else "")
    if report.stopped and not source.live:
        raise Stopped(told)
    _note(told)
    if report.undrawn is not None:
        raise report.undrawn


def _measure(
    inputs: Inputs,
    out: Path,
    events: Maybe = None,
    mm_per_pixel: Annotated[
        float | None, _arg(metavar="MM", help_behavior_hint="(optional)")
    ] = None,
    model: Maybe = None,
    device: Literal["cpu", "cuda"] = "cpu",
    finder: Annotated[str, _arg(metavar="FINDER")] = "own",
    min_score: float = 0.5,
    any_angle: bool = False,
    video: bool = False,
    rate: Annotated[float, _arg(metavar="FPS")] = 30.0,
) -> None:
    """Measure faces: pose, openings, asymmetry, distances and ratios. Not a diagnosis.

    For each face, degrees of yaw (to the subject's left), pitch (up) and roll (clockwise on
    the screen), opening of eyes and mouth, asymmetry, and distances, slants and ratios of
    dysmorphology as they are seen in the picture; each with the radius that holds the true
    value 90 times in 100 as far as it is the points' errors. In videos blinks and yawns, too.

    Args:
        inputs: pictures, folders, patterns in quotes, one video file, or .jsonl files that
            facepoints predict wrote.
        out: file to write: .csv, a row for each face, or .jsonl.
        events: .csv to write, a row for each blink, time of closed eyes, and yawn in a video.
        mm_per_pixel: size of a pixel on the face; distances are then in millimetres.
        model: ONNX file or run to predict with, instead of the model that comes along (which the
            word facepoints means as well).
        device: where the model runs.
        finder: says where faces may be, as for facepoints predict.
        min_score: drop faces that are less sure, 0 to 1.
        any_angle: find faces that lie or are upside down, too.
        video: take the pictures for frames of one video, in the order of their numbers.
        rate: frames per second of such pictures, and of .jsonl files that do not tell the time.
    """
    from facepoints.api import load
    from facepoints.commands.inputs import sightings
    from facepoints.commands.measure import measure_files, summary

    def predictor() -> FaceModel:
        return load(model, device, finder, min_score=min_score, any_angle=any_angle)

    for written in (out, events):
        if written is not None:
            check_output(written, [*map(Path, inputs), *_boxes(finder)])
    with quiet_libraries():
        seen = sightings(inputs, predictor, video=video, rate=rate)
        report = measure_files(seen, out, events=events, mm_per_pixel=mm_per_pixel, console=_err)
    _end(report, seen, f"{summary(report)}; results are in {out}")


def _align(
    inputs: Inputs,
    out: Path,
    template: Literal["eyes", "arcface-112"] = "eyes",
    size: Annotated[
        int | None, _arg(metavar="PIXELS", help_behavior_hint="(default: 256 or 112)")
    ] = None,
    model: Maybe = None,
    device: Literal["cpu", "cuda"] = "cpu",
    finder: Annotated[str, _arg(metavar="FINDER")] = "own",
    min_score: float = 0.5,
    any_angle: bool = False,
    video: bool = False,
) -> None:
    """Cut faces out, upright and each in the same place, as PNG files.

    Args:
        inputs: pictures, folders, patterns in quotes, or one video file.
        out: folder to write to: a.jpg gives a-face1.png, a-face2.png and so on; folders below
            are kept.
        template: eyes: level and in the same places; arcface-112: five points where face
            recognition networks expect them.
        size: side of the pictures.
        model: ONNX file or run to predict with, instead of the model that comes along (which the
            word facepoints means as well).
        device: where the model runs.
        finder: says where faces may be, as for facepoints predict.
        min_score: drop faces that are less sure, 0 to 1.
        any_angle: find faces that lie or are upside down, too.
        video: take the pictures for frames of one video, in the order of their numbers.
    """
    from facepoints.api import load
    from facepoints.commands.align import align_files, summary
    from facepoints.commands.inputs import sightings

    def predictor() -> FaceModel:
        return load(model, device, finder, min_score=min_score, any_angle=any_angle)

    with quiet_libraries():
        seen = sightings(inputs, predictor, video=video, results=out, lines=False)
        report = align_files(seen, out, template=template, size=size, console=_err)
    _end(report, seen, f"{summary(report)}; results are in {out}")


def _end(report: Report, seen: Sightings, told: str) -> None:
    """Say what was done; Ctrl-C is how a camera is meant to end, and cuts off all else."""
    if report.stopped and not seen.live:
        raise Stopped(told)
    _note(told)
    if report.unreadable and report.unreadable == report.pictures:
        raise DataError(report.error)


def _convert(
    data: Data,
    out: Path,
    to: Literal["kaggle", "coco", "pts"] = "coco",
    size: int = 96,
    part: Literal["training", "test"] = "training",
) -> None:
    """Write labelled faces in another format, as square gray crops.

    Args:
        data: label files or folders.
        out: csv file (kaggle) or new folder (coco, pts) to write.
        to: format to write.
        size: side of the crops cut from photos, in pixels.
        part: training or test, for data that holds both.
    """
    from facepoints.datasets.writers import WRITERS

    for written in (out, out / "training.csv", out / "test.csv"):
        check_output(written, data)
    faces = gather(_some(data), part=part, size=size)
    written = WRITERS[to](faces, out)
    _say(f"{counted(len(faces), 'face')} with {len(faces.landmarks)} points written to {written}")


def _show(
    data: Data,
    out: Path,
    run: Maybe = None,
    count: int = 24,
    size: int = 96,
    part: Literal["training", "test"] = "training",
) -> None:
    """Draw labelled faces on one sheet, so that labels can be looked at before training.

    Args:
        data: label files or folders.
        out: PNG to write.
        run: folder of a run whose predictions are drawn as well.
        count: faces to show, spread evenly over the data.
        size: side of the crops cut from photos, in pixels.
        part: training or test, for data that holds both.
    """
    from facepoints.commands.show import show

    check_output(out, data)
    if out.suffix.lower() != ".png":
        raise SettingsError(f"the sheet is a PNG: expected a name that ends in .png, got {out}")
    shown = show(gather(_some(data), part=part, size=size), out, count=count, run_folder=run)
    _say(f"{counted(shown, 'face')} drawn on {out}")


def _synthetic(out: Folder, count: int = 2000, seed: int = 0, test: int = 200) -> None:
    """Render faces with known points, as files of Kaggle's competition.

    Args:
        out: folder for training.csv, test.csv, IdLookupTable.csv and solution.csv.
        count: faces to train on.
        test: faces of other people to test on.
        seed: same seed, same faces.
    """
    from facepoints.datasets.synthetic.kaggle_files import write_competition

    write_competition(out, count=count, test=test, seed=seed)
    _say(f"{count} training and {test} test faces written to {out}")


def _folder_of(run: Path) -> Path:
    """The folder of a run, or of the one that comes along if it is called so."""
    from facepoints import weights

    return weights.POINTS_RUN if str(run) == weights.BUILTIN else run


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    if not paths:
        raise SettingsError("expected at least one file or folder of labelled faces, none came")
    return paths


def _say(text: str) -> None:
    text = text.encode(errors="backslashreplace").decode()  # file names need not be UTF-8
    _out.print(escape(text), soft_wrap=True, highlight=False)


def _note(text: str) -> None:
    """What must not mix with results on standard output."""
    with suppress(OSError):
        _err.print(escape(text), highlight=False)


def _settings_to_resume(arguments: Sequence[str]) -> TrainSettings:
    """Defaults for `train`: those of the run that is to be resumed, if one is."""
    if arguments[:1] != ["train"] or "--resume" not in arguments:
        return _DEFAULTS
    words = [word for argument in arguments for word in argument.split("=", 1)]
    if "--out" not in words[:-1]:
        return _DEFAULTS
    from facepoints.training.train import stored_settings

    return stored_settings(Path(words[words.index("--out") + 1])) or _DEFAULTS


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with checked_output():
            _run(arguments)
    except FacepointsError as error:
        _fail(str(error))
    except BrokenPipeError:
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        _fail(str(MissingExtraError(error.name, _EXTRAS[error.name], "this command")))
    except (Stopped, KeyboardInterrupt) as stopped:
        with suppress(OSError):  # the status tells it too
            _err.print(escape(str(stopped)) or "stopped", highlight=False)
        sys.exit(130)


def _run(arguments: Sequence[str]) -> None:
    if arguments in (["--version"], ["-V"]):
        print(f"facepoints {__version__}")
        sys.exit(0)
    tyro.extras.subcommand_cli_from_dict(
        {
            "train": _train(_settings_to_resume(arguments)),
            "predict": _predict,
            "measure": _measure,
            "align": _align,
            "evaluate": _evaluate,
            "submit": _submit,
            "adapt": _adapt,
            "compare": _compare,
            "export": _export,
            "convert": _convert,
            "show": _show,
            "synthetic": _synthetic,
        },
        prog="facepoints",
        description="Facial keypoints: find, draw, train, compare, evaluate, submit.",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


_EXTRAS = dict.fromkeys(("torch", "safetensors", "matplotlib", "onnx", "onnxscript"), "train")


def _fail(text: str) -> NoReturn:
    with suppress(OSError):  # the status tells it too
        _err.print(f"[bold red]error:[/bold red] {escape(' '.join(text.split()))}", highlight=False)
    sys.exit(2)

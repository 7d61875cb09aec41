"""Every example of the README, CONTRIBUTING.md and docs/ runs, on the inputs that its page names.

A page is run from top to bottom in a folder of its own, with the files that it includes. Its first
line names the inputs: `<!-- needs: photo.jpg clip.mp4 -->`. Python blocks share one namespace.
Shell blocks run line by line; lines that do not start with `facepoints` are skipped. A block below
`<!-- not run: reason -->` is skipped.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from skimage import data

import facepoints
from facepoints.cli.main import main
from facepoints.datasets import synthetic
from facepoints.imaging.image_io import read_image

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ("python", "shell")
NEEDS = re.compile(r"<!-- needs: (.*?) -->")
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
FENCE = re.compile(r"( *)```(\w*)")
INCLUDE = re.compile(r'--8<-- "(.+)"')


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, text, first line, and whether it runs. `file` is the
    page or a file that it includes; `line` counts in that file."""

    file: Path
    language: str
    text: str
    line: int
    run: bool

    @property
    def where(self) -> str:
        return f"{named(self.file)}:{self.line}"


def lines_of(page: Path) -> Iterator[tuple[Path, int, str]]:
    """The lines of a page and of the files that it includes: file, line number, text."""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        include = INCLUDE.fullmatch(line.strip())
        if include:
            yield from lines_of(ROOT / include[1])
        else:
            yield page, number, line


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    above, opened = "", None
    body: list[str] = []
    for file, number, line in lines_of(page):
        fence = FENCE.match(line)
        if opened is None and fence:
            opened = (fence[2], number + 1, NOT_RUN.fullmatch(above) is None, len(fence[1]))
            body = []
        elif opened is not None and fence:
            language, first, run, _ = opened
            yield Block(file, language, "\n".join(body), first, run)
            opened = None
        elif opened is not None:
            body.append(line[opened[3] :])
        above = line.strip() or above
    assert opened is None, f"{page}: the block at line {opened} does not end"


def commands(text: str) -> Iterator[list[str]]:
    """The words of each `facepoints` command of a shell block, without the program's name."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["facepoints"]:
            assert not {">", "|", "<", "&&"}.intersection(words), f"a plain command: {line}"
            yield words[1:]


def test_blocks_are_cut_out_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "text\n\n```python\na = 1\n```\n\n"
        "<!-- not run: slow -->\n```shell\nfacepoints train x\n```\n"
        "\n  ```json\n  {}\n  ```\n"
    )
    assert list(blocks(page)) == [
        Block(page, "python", "a = 1", 4, True),
        Block(page, "shell", "facepoints train x", 9, False),
        Block(page, "json", "{}", 13, True),
    ]
    shell = (
        "facepoints predict a.jpg \\\n  --out 'b c.jsonl'  # words\ncat a | facepoints predict -\n"
    )
    assert list(commands(shell)) == [["predict", "a.jpg", "--out", "b c.jsonl"]]


def test_blocks_of_included_files_belong_to_the_page(tmp_path: Path) -> None:
    page, included = tmp_path / "page.md", tmp_path / "included.md"
    page.write_text(f'text\n--8<-- "{included}"\n```json\n{{}}\n```\n')
    included.write_text("```python\na = 1\n```\n")
    assert list(blocks(page)) == [
        Block(included, "python", "a = 1", 2, True),
        Block(page, "json", "{}", 4, True),
    ]


def test_the_card_of_a_run_shows_its_commands() -> None:
    shown = list(blocks(ROOT / "docs" / "cards" / "kaggle-like.md"))
    assert {b.file for b in shown} == {ROOT / "runs/kaggle-like/README.md"}


# Inputs


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes an input on first use and keeps it: a function from its name to its path."""
    folder = tmp_path_factory.mktemp("inputs")

    def one(name: str) -> Path:
        path = folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            MAKERS[name](path)
        assert path.exists(), f"{name} was not made"
        return path

    return one


def _photo(path: Path) -> None:
    """Eileen Collins in 1999; NASA's photo, in the public domain."""
    assert cv2.imwrite(str(path), data.astronaut()[..., ::-1])


def _photos(folder: Path) -> None:
    folder.mkdir()
    _photo(folder / "000.png")
    for number, image in enumerate(synthetic.render(2, seed=0, size=240).images, start=1):
        assert cv2.imwrite(str(folder / f"{number:03d}.png"), np.pad(image.squeeze(), 60))


def _clip(path: Path) -> None:
    """The first frames of the example's clip."""
    import clip

    clip.write_clip(path, count=12)


def _kaggle_files(path: Path) -> None:
    main(["synthetic", "--out", str(path.parent), "--count", "40", "--test", "6"])


def _twenty_faces(path: Path) -> None:
    words = ["--count", "20", "--test", "6", "--seed", "2"]
    main(["synthetic", "--out", str(path.parent / "twenty"), *words])
    shutil.copy(path.parent / "twenty" / "training.csv", path)


def _labels(path: Path) -> None:
    """What `facepoints label` writes: three points on six rendered faces, all finished."""
    from facepoints.commands.label import LabelSettings, open_session
    from facepoints.labeling.point_set import PointSet
    from facepoints.labeling.reading import Reading

    faces = synthetic.render(24, seed=11, size=240)  # as the page renders them
    folder = path.parent / "labeling"
    (folder / "photos").mkdir(parents=True)
    for number, image in enumerate(faces.images[:6]):
        assert cv2.imwrite(str(folder / "photos" / f"{number:03d}.png"), image)
    names = ("left_peak", "right_peak", "chin_tip")
    points = faces.points[:, [24, 19, 8]].astype(np.float64)
    settings = LabelSettings(PointSet(names), editable=True)
    out = folder / "labels.json"
    session = open_session([str(folder / "photos")], out, facepoints.load, settings)
    for number, picture in enumerate(list(session.project.state.pictures.values())):
        eyes = faces.points[number, [36, 45]].tolist()
        face = session.face_at_eyes(session.picture(picture.id), eyes, "anna", "")
        done = Reading(points[number], ("confirmed",) * 3, np.zeros(3, bool), finished=True)
        session.project.move(face.id, "anna", 0, done, action="finish", point=None, key="")
    session.save()
    session.close()
    shutil.copy(out, path)


def _people(path: Path) -> None:
    path.write_text("# one a line\npicture-3\n")


def _run(folder: Path) -> None:
    """A run of one epoch of a small network."""
    table = folder.parent.parent / "training.csv"
    if not table.exists():
        _kaggle_files(table)
    words = ["--network", "lenet5", "--epochs", "1", "--device", "cpu"]
    main(["train", str(table), "--out", str(folder), *words])


MAKERS: dict[str, Callable[[Path], None]] = {
    "photo.jpg": _photo,
    "photos/": _photos,
    "clip.mp4": _clip,
    "training.csv": _kaggle_files,
    "test.csv": _kaggle_files,
    "IdLookupTable.csv": _kaggle_files,
    "solution.csv": _kaggle_files,
    "twenty-faces.csv": _twenty_faces,
    "labels.json": _labels,
    "people.txt": _people,
    "runs/first": _run,
}


# Pages


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def with_examples() -> list[Path]:
    """Pages that have something to run."""
    return [p for p in PAGES if any(b.run and b.language in RUN for b in blocks(p))]


@pytest.mark.slow
@pytest.mark.usefixtures("no_charts")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch", "ignore::UserWarning:torch")
@pytest.mark.parametrize("page", with_examples(), ids=named)
def test_examples_run(
    page: Path,
    inputs: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    needed = NEEDS.match(page.read_text("utf-8"))
    for name in needed[1].split() if needed else []:
        assert name in MAKERS, f"{named(page)} needs {name}; there is: {', '.join(MAKERS)}"
        source, copy = inputs(name), tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if not block.run:
            continue
        if block.language == "python":
            lines = "\n" * (block.line - 1)  # so that a traceback names the file's line
            exec(compile(lines + block.text, str(block.file), "exec"), namespace)
        elif block.language == "shell":
            for words in commands(block.text):
                _command(words, f"{block.where}: {shlex.join(words)}", capsys)


def _command(words: list[str], where: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        main(words)
    except SystemExit as ended:
        if ended.code not in (0, None):
            pytest.fail(f"{where}\n{capsys.readouterr().err}")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_name_their_language_and_json_parses(page: Path) -> None:
    for block in blocks(page):
        where = block.where
        assert block.language, f"{where}: name the language after ```; text if it is none"
        assert block.language not in ("sh", "bash", "console", "py"), f"{where}: shell or python"
        if block.language == "json":
            json.loads(block.text)
        if block.language == "jsonl":
            [json.loads(line) for line in block.text.splitlines()]


def test_python_blocks_parse_even_if_they_are_not_run() -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "python":
                compile(block.text, block.where, "exec")


def test_pictures_of_pages_exist_and_drawn_pictures_are_shown() -> None:
    shown = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", page.read_text())
        if "://" not in link
    }
    assert not [path for path in shown if not path.is_file()]
    pictures = {path.resolve() for path in (ROOT / "docs" / "images").iterdir()}
    assert {path.name for path in pictures - shown} == {"turning-head-views.jpg"}  # an input


def test_the_picture_of_the_turning_head_is_small_and_has_two_rows() -> None:
    picture = ROOT / "docs" / "images" / "turning-head.png"
    height, width = read_image(picture).shape[:2]
    assert picture.stat().st_size <= 400_000
    assert width / height == pytest.approx(4 * 240 / (2 * 300), rel=0.01)


def test_the_readme_stays_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) <= 160


def test_the_readme_repeats_the_measured_figures() -> None:
    measured = (ROOT / "benchmarks" / "results" / "accuracy.md").read_text("utf-8").splitlines()
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("|")]
    assert len(rows) >= 4
    assert [row for row in rows if row not in measured] == []

"""Sources are divided into parts that hold every picture once, in the same order each time."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from source_files import jpeg, names, pictures, tar_bytes

from facepoints.errors import DataError, SettingsError
from facepoints.sources import list_parts, lists, needs_parts, parquet_rows, read_part
from facepoints.sources.braces import expand_braces
from facepoints.sources.parts import unpack_names
from facepoints.sources.suffixes import VIDEO_SUFFIXES

pa = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402

LINES = st.lists(
    st.sampled_from(
        ["a.jpg", "b/c d.png", "ü.jpg", "", "s.tar", '"q, q".jpg', "a.jpg\r", "# s.tar", "./#1"]
    ),
    max_size=30,
)


def write(path: Path, data: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def store(files: dict[str, bytes]) -> None:
    memory = MemoryFileSystem()
    memory.store.clear()
    for name, data in files.items():
        memory.pipe_file(name, data)


@settings(max_examples=40, deadline=None)
@given(lines=LINES, size=st.integers(1, 9), end=st.booleans())
def test_parts_of_a_list_hold_every_line_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], size: int, end: bool
) -> None:
    folder = tmp_path_factory.getbasetemp() / "lists"
    path = write(folder / "list.txt", "\n".join(lines) + ("\n" if end else ""))
    named = [line.rstrip("\r") for line in lines if not line.startswith("#")]
    wanted = [os.path.join(folder, name) for name in named if name]
    if not wanted:
        with pytest.raises(DataError, match="names no image; expected one path"):
            list_parts([str(path)])
        return
    listing = list_parts([str(path)], part_size=size)
    assert [part.number for part in listing.parts] == list(range(len(listing.parts)))
    found = []
    for part in listing.parts:
        given = [part.source] if part.kind == "tar" else [p.name for p in lists.named_in(part)]
        assert len(given) <= size
        assert part.pictures in (None, len(given))
        found += given
    assert found == wanted


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(1, 40), group=st.integers(1, 12), size=st.integers(1, 15), whole=st.booleans()
)
def test_parts_of_a_parquet_file_hold_every_row_once(
    tmp_path_factory: pytest.TempPathFactory, rows: int, group: int, size: int, whole: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    values = [b"\xff\xd8\xff%d" % at if whole else f"s3a/{at}" for at in range(rows)]
    parquet.write_table(pa.table({"image": values}), path, row_group_size=group)
    parts = list_parts([str(path)], part_size=size).parts
    rows_of = [list(parquet_rows.rows_of(part)) for part in parts]
    assert [len(given) for given in rows_of] == [part.pictures for part in parts]
    found = [picture for given in rows_of for picture in given]
    if whole:
        assert [picture.name for picture in found] == [f"{path}#{at}" for at in range(rows)]
        assert [picture.data for picture in found] == values
        assert all(part.pictures <= max(size, group) for part in parts if part.pictures)
    else:
        assert [picture.name for picture in found] == [
            str(path.parent / v) for v in map(str, values)
        ]
        assert all(part.pictures == size for part in parts[:-1])


def test_a_folder_gives_its_pictures_in_order_and_says_what_it_passes_over(tmp_path: Path) -> None:
    for name in ("b/2.jpg", "b/10.jpg", "a.png", "c", ".hidden.jpg", ".d/e.jpg"):
        write(tmp_path / name, jpeg())
    write(tmp_path / "labels.json", "{}")
    write(tmp_path / "shard.tar", tar_bytes({"x.jpg": jpeg()}))
    (tmp_path / "b" / "again").symlink_to(tmp_path)
    listing = list_parts([str(tmp_path)], part_size=3)
    left = "labels.json, shard.tar, again: a link to a folder"
    assert listing.note == f"passed over: 3 other files ({left})"
    assert [part.pictures for part in listing.parts] == [3, 1]
    wanted = ["a.png", "c", "b/10.jpg", "b/2.jpg"]
    assert names(tmp_path, part_size=3) == [str(tmp_path / name) for name in wanted]
    assert names(str(tmp_path / "b" / "*.jpg")) == [
        str(tmp_path / "b" / n) for n in ("10.jpg", "2.jpg")
    ]


def test_a_folder_without_pictures_gives_its_archives_or_else_its_tables(tmp_path: Path) -> None:
    """As img2dataset writes them: a table of addresses beside each archive."""
    shard = write(tmp_path / "00000.tar", tar_bytes({"x.jpg": jpeg()}))
    table = {"url": ["http://gone/x.jpg"], "caption": ["x"]}
    parquet.write_table(pa.table(table), tmp_path / "00000.parquet")
    write(tmp_path / "00000_stats.json", "{}")
    listing = list_parts([str(tmp_path)])
    assert [part.kind for part in listing.parts] == ["tar"]
    assert listing.note == "passed over: 2 other files (00000.parquet, 00000_stats.json)"
    shard.unlink()
    (part,) = list_parts([str(tmp_path)]).parts
    assert (part.kind, part.column) == ("parquet", "url")
    assert [part.kind for part in list_parts([f"{tmp_path}/*"]).parts] == ["parquet"]


def test_videos_are_parts_of_their_own_if_they_are_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", "film")
    with pytest.raises(DataError, match=r"no image or archive in the folder .*a\.mp4"):
        list_parts([str(tmp_path)])
    (part,) = list_parts([str(tmp_path)], is_video=lambda path: path.endswith(".mp4")).parts
    assert (part.kind, part.source, part.pictures) == ("video", str(tmp_path / "a.mp4"), None)
    with pytest.raises(SettingsError, match="is a video, which is not read as pictures"):
        read_part(part)


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
@pytest.mark.parametrize("suffix", [*VIDEO_SUFFIXES, ".MP4"])
def test_videos_of_a_list_are_parts_of_their_own(tmp_path: Path, suffix: str, end: str) -> None:
    between = end or "\n"
    path = write(tmp_path / "list.txt", f"a.jpg{between}b.jpeg{between}v{suffix}{end}")
    parts = list_parts([str(path)], is_video=lambda path: False).parts
    assert [part.kind for part in parts] == ["list", "video"]
    assert parts[1].source == str(tmp_path / f"v{suffix}")
    assert [part.kind for part in list_parts([str(path)]).parts] == ["list"]


def test_inputs_that_name_a_file_twice_give_it_once_but_a_list_gives_it_twice(
    tmp_path: Path,
) -> None:
    one = write(tmp_path / "one.jpg", jpeg())
    listed = write(tmp_path / "list.txt", "one.jpg\none.jpg\n")
    assert names(tmp_path, one) == [str(one)]
    assert names(listed) == [str(one)] * 2


def test_the_column_of_a_table_is_found_or_must_be_named(tmp_path: Path) -> None:
    one = str(write(tmp_path / "one, two.jpg", jpeg()))
    assert names(write(tmp_path / "a.csv", 'id,Path\r\n1,"one, two.jpg"\r\n')) == [one]
    assert names(write(tmp_path / "b.csv", '"one, two.jpg"\n')) == [one]
    assert names(write(tmp_path / "c.csv", 'face\n"one, two.jpg"\n')) == [one]
    assert names(write(tmp_path / "d.csv", '\ufeffpath\n"one, two.jpg"\n')) == [one]
    assert names(write(tmp_path / "t.tsv", "url\tid\none, two.jpg\t1\n")) == [one]
    for number, table in enumerate([
        'id;Path\n1;"one, two.jpg"\n',  # as spreadsheets write in many languages
        'Path\tn, of all\none, two.jpg\t1\n',
        '"one, two.jpg"\n"one, two.jpg"\n',
    ]):  # fmt: skip
        assert one in names(write(tmp_path / f"of-{number}.csv", table))
    semicolon = write(tmp_path / "semicolon.csv", "a;b.jpg\n")  # a name, and no table
    assert names(semicolon) == [str(tmp_path / "a;b.jpg")]
    bild = write(tmp_path / "bild.csv", 'Nr;Bild\n1;"one, two.jpg"\n')
    with pytest.raises(DataError, match=r"several columns .*: Nr, Bild; name one"):
        names(bild)
    assert names(bild, column="Bild") == [one]
    two = write(tmp_path / "two.csv", 'left,right\na.jpg,"one, two.jpg"\n')
    with pytest.raises(DataError, match=r"several columns .*: left, right; name one of them"):
        list_parts([str(two)])
    assert names(two, column="right") == [one]
    with pytest.raises(
        DataError, match="has no column 'up' of paths or images; it has: left, right"
    ):
        list_parts([str(two)], column="up")
    pixels = write(tmp_path / "faces.csv", "x,Image\n1," + "238 236 " * 9000 + "\n")
    with pytest.raises(
        DataError, match=r"'Image' of .*faces.csv holds no paths, it begins with '238"
    ):
        list_parts([str(pixels)])
    plain = write(tmp_path / "plain.txt", "one, two.jpg\n")
    for source in (plain, one):
        with pytest.raises(SettingsError, match="no column 'up': no input is a table"):
            list_parts([str(source)], column="up")
    gap = write(tmp_path / "gap.csv", "id,path\n1,\n")
    assert pictures(gap)[0].error == f"{gap} names no image in the row at byte 8"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "a.jpg\nb.jpg\n".encode("utf-16"), "should be text in UTF-8"),
        ("a.csv", "path\nb.jpg\n".encode("utf-16-be"), "should be text in UTF-8"),
        ("a.csv", b'path,n\n5" wide.jpg,1\nb.jpg,2\n', "quote that is not closed.* at byte 7"),
        ("a.csv", b'path,n\na.jpg,1\n"b.jpg,2\nc.jpg,3\n', "quote .* in the row at byte 15"),
        ("a.csv", b'path,n\n5" a.jpg,1\nb.jpg,2\n6" c.jpg,3\n', "quote .* at byte 7"),
    ],
)
def test_a_list_whose_rows_would_be_lost_is_refused(
    tmp_path: Path, name: str, text: bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        list_parts([str(write(tmp_path / name, text))])


def test_a_cell_may_hold_several_lines_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'n,path\n"1\n2","5"" a\n.jpg"\n3,"b.jpg"\n')
    assert [p.name for p in lists.named_in(list_parts([str(path)]).parts[0])] == [
        str(tmp_path / '5" a\n.jpg'),
        str(tmp_path / "b.jpg"),
    ]


def test_the_column_of_a_parquet_file_is_found_or_must_be_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    image = {"bytes": jpeg(), "path": "x.jpg"}
    parquet.write_table(pa.table({"label": ["x"], "face": [image], "more": ["y"]}), path)
    assert [p.data for p in pictures(path)] == [jpeg()]
    parquet.write_table(pa.table({"left": ["l.jpg"], "right": ["r.jpg"], "n": [1]}), path)
    with pytest.raises(DataError, match=r"several columns .*: left, right; name one of them"):
        list_parts([str(path)])
    assert names(path, column="right") == [str(tmp_path / "r.jpg")]
    with pytest.raises(DataError, match="no column 'n' of paths or images; it has: left, right"):
        list_parts([str(path)], column="n")
    parquet.write_table(pa.table({"n": [1]}), path)
    with pytest.raises(DataError, match="has no column of paths or of images"):
        list_parts([str(path)])
    parquet.write_table(pa.table({"image": pa.array([], pa.string())}), path)
    with pytest.raises(DataError, match="has no rows; expected one for each image"):
        list_parts([str(path)])


def test_stores_give_the_addresses_that_the_user_would_write() -> None:
    store({f"/b/x/{n}.jpg": jpeg() for n in (1, 2)} | {"/b/y.tar": tar_bytes({"m.jpg": jpeg()})})
    wanted = ["memory://b/x/1.jpg", "memory://b/x/2.jpg"]
    assert names("memory://b/x") == names("memory://b/x/*.jpg") == names("memory://b/x/{1..2}.jpg")
    assert names("memory://b/") == wanted
    assert names("memory://b/y.tar") == names("memory://b/*.tar") == ["memory://b/y.tar/m.jpg"]
    with pytest.raises(
        DataError, match=r"no image or archive matches the pattern memory://b/\*.png"
    ):
        list_parts(["memory://b/*.png"])


def test_parts_of_files_hold_each_once_for_any_size() -> None:
    store({f"/b/{n:02}.jpg": jpeg() for n in range(13)} | {"/b/x/13.jpg": jpeg()})
    wanted = [f"memory://b/{n:02}.jpg" for n in range(13)] + ["memory://b/x/13.jpg"]
    for size in range(1, 16):
        parts = list_parts(["memory://b"], part_size=size).parts
        counts = [part.pictures for part in parts]
        assert counts[:-1] == [size] * (len(parts) - 1)
        assert sum(filter(None, counts)) == 14
        assert [name for part in parts for name in unpack_names(part.names)] == wanted


def test_patterns_with_braces_name_shards(tmp_path: Path) -> None:
    assert expand_braces("s-{08..10}.tar") == ["s-08.tar", "s-09.tar", "s-10.tar"]
    assert expand_braces("{a,b}/{0..4..2}.tar")[:4] == ["a/0.tar", "a/2.tar", "a/4.tar", "b/0.tar"]
    assert expand_braces("a{b}c{}.tar") == ["a{b}c{}.tar"]
    for number in (0, 2):
        write(tmp_path / f"{number}.tar", tar_bytes({"m.jpg": jpeg()}))
    with pytest.raises(
        DataError, match=r"missing of the 3 files of the pattern .*: .*1\.tar; give"
    ):
        list_parts([f"{tmp_path}/{{0..2}}.tar"])
    with pytest.raises(SettingsError, match="is empty; expected"):
        expand_braces("{3..1}.tar")
    with pytest.raises(SettingsError, match="more than 1000000 names"):
        expand_braces("{0..999}{0..9999}.tar")


def test_the_digest_changes_with_the_source(tmp_path: Path) -> None:
    one = write(tmp_path / "photos/1.jpg", jpeg())
    listed = write(tmp_path / "list.csv", "path\nphotos/1.jpg\n")
    shard = write(tmp_path / "s.tar", tar_bytes({"m.jpg": jpeg()}))
    inputs = [str(one.parent), str(listed), str(shard)]

    def digest(size: int = 10, column: str | None = None) -> str:
        return list_parts(inputs, part_size=size, column=column).digest

    digests = [digest(), digest(9), digest(column="path")]
    write(tmp_path / "photos/2.jpg", jpeg())
    digests.append(digest())
    write(tmp_path / "photos/2.jpg", jpeg() + b"more")
    digests.append(digest())
    write(listed, "path\nphotos/2.jpg\n")
    digests.append(digest())
    write(shard, tar_bytes({"m.jpg": jpeg(), "n.jpg": bytes(20_000)}))
    digests.append(digest())
    inputs.reverse()
    digests.append(digest())
    assert len(set(digests)) == len(digests)
    assert digest() == digests[-1]


def test_parts_are_small_and_can_be_pickled(tmp_path: Path) -> None:
    path = write(tmp_path / "list.txt", "".join(f"photos/{n:09}.jpg\n" for n in range(50_000)))
    listing = list_parts([str(path)])
    assert len(listing.parts) == 50
    assert len(pickle.dumps(listing)) < 20_000
    assert pickle.loads(pickle.dumps(listing.parts)) == listing.parts


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("-", "standard input cannot be read in parts"),
        ("rtsp://camera/1", "cannot be read in parts"),
        ("https://host/live", "cannot be read in parts"),
        ("unknown://x/a.tar", "no file system is known for unknown://"),
        ("nowhere", "no image or folder at nowhere"),
        ("memory://nowhere/a.tar", "no file at memory://nowhere/a.tar"),
    ],
)
def test_inputs_that_cannot_be_read_are_refused(given: str, message: str) -> None:
    with pytest.raises((DataError, SettingsError), match=message):
        list_parts([given])


def test_a_part_holds_one_picture_or_more() -> None:
    with pytest.raises(SettingsError, match="got a part size of 0"):
        list_parts(["x"], part_size=0)
    with pytest.raises(DataError, match="expected at least one image"):
        list_parts([])


def test_which_inputs_only_parts_can_read() -> None:
    yes = ["a.tar", "b.TAR.GZ", "c.parquet", "d.txt", "e.csv", "s3://b/photos", "{0..9}.jpg"]
    yes += ["https://h/a.tar?X-Amz-Signature=0", "gs://b/a.jpg"]
    no = ["photos", "a.jpg", "*.jpg", "rtsp://c", "https://h/live", "a{b}.jpg", "-", "0"]
    assert [needs_parts(name) for name in yes + no] == [True] * len(yes) + [False] * len(no)

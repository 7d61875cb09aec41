"""Stores: files written whole, faults that pass are tried again, others are one clear line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flaky_store import FlakyStore, HttpError, throttled
from source_files import jpeg, names, pictures, tar_bytes

from facepoints.errors import WriteError
from facepoints.sources import (
    AccessRefused,
    CredentialsError,
    MissingFile,
    StoreError,
    faults,
    list_parts,
    read_part,
    stores,
)
from facepoints.sources.faults import Retries, fault_kind


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FlakyStore]]:
    """An empty store, and no waits between tries."""
    monkeypatch.setattr(faults, "RETRIES", Retries(tries=4, first_wait=0.0))
    FlakyStore.clear()
    yield FlakyStore
    FlakyStore.clear()


def put(**files: bytes) -> None:
    for name, data in files.items():
        FlakyStore().pipe_file(f"/b/{name.replace('_', '.')}", data)
    FlakyStore.asked.clear()


@pytest.mark.parametrize(
    "fault", [throttled(), HttpError(503), TimeoutError(), ConnectionResetError()]
)
def test_what_passes_is_tried_again(fault: Exception) -> None:
    put(a_jpg=jpeg(1), b_jpg=jpeg(2))
    FlakyStore.faults["/b/a.jpg"] = [fault] * 3
    assert [picture.data for picture in pictures("flaky://b")] == [jpeg(1), jpeg(2)]
    assert FlakyStore.asked["/b/a.jpg"] == 4


def test_a_store_that_stays_down_ends_the_part() -> None:
    put(a_jpg=jpeg(1), b_jpg=jpeg(2))
    FlakyStore.faults["/b/b.jpg"] = [throttled() for _ in range(4)]
    (part,) = list_parts(["flaky://b"]).parts
    found = read_part(part)
    assert next(found).data == jpeg(1)
    text = "could not read flaky://b/b.jpg after 4 tries: Please reduce your request rate; run the"
    with pytest.raises(StoreError, match=text):
        next(found)
    assert [picture.data for picture in read_part(part)] == [jpeg(1), jpeg(2)]


def test_what_does_not_pass_is_not_tried_again() -> None:
    put(a_jpg=jpeg(1), b_jpg=jpeg(2), c_jpg=jpeg(3))
    FlakyStore.faults["/b/a.jpg"] = [HttpError(404)]
    FlakyStore.faults["/b/b.jpg"] = [HttpError(403)]
    found = pictures("flaky://b")
    assert [picture.error for picture in found] == [
        "no file at flaky://b/a.jpg",
        "access to flaky://b/b.jpg was refused (status 403); check that you may read it",
        "",
    ]
    assert FlakyStore.asked["/b/a.jpg"] == FlakyStore.asked["/b/b.jpg"] == 1


def test_a_part_that_is_refused_as_a_whole_is_no_part_of_errors() -> None:
    put(a_jpg=jpeg(1), b_jpg=jpeg(2))
    for name in ("a", "b"):
        FlakyStore.faults[f"/b/{name}.jpg"] = [PermissionError("Access Denied")]
    with pytest.raises(
        AccessRefused, match=r"refused \(Access Denied\); check that you may read it"
    ):
        pictures("flaky://b")
    FlakyStore.faults["/b/a.jpg"] = [HttpError(401)]
    with pytest.raises(
        CredentialsError, match=r"was refused \(status 401\); check the credentials"
    ):
        pictures("flaky://b")


def test_an_archive_goes_on_where_its_connection_was_cut() -> None:
    members = {f"{n}.jpg": jpeg(n) for n in range(9)}
    put(s_tar=tar_bytes(members))
    FlakyStore.cuts["/b/s.tar"] = [100, 5000, 5001, 9000]
    found = pictures("flaky://b/s.tar")
    assert [picture.data for picture in found] == list(members.values())
    assert FlakyStore.cuts["/b/s.tar"] == []
    FlakyStore.cuts["/b/s.tar"] = [5000] * 5
    with pytest.raises(
        StoreError, match=r"could not read flaky://b/s.tar after 4 tries: Connection"
    ):
        pictures("flaky://b/s.tar")


def test_a_parquet_file_goes_on_where_its_connection_was_cut(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [jpeg(n) * 30 for n in range(9)]
    parquet.write_table(pa.table({"image": rows}), tmp_path / "a.parquet", compression="none")
    put(a_parquet=(tmp_path / "a.parquet").read_bytes())
    (part,) = list_parts(["flaky://b/a.parquet"]).parts
    FlakyStore.cuts["/b/a.parquet"] = [5000, 50_000]
    assert [picture.data for picture in read_part(part)] == rows
    FlakyStore.faults["/b/a.parquet"] = [throttled() for _ in range(4)]
    with pytest.raises(StoreError, match=r"could not read flaky://b/a.parquet after 4 tries"):
        list(read_part(part))


def test_hosts_of_the_web_that_are_gone_are_errors_of_their_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg())
    listed = tmp_path / "list.txt"
    listed.write_text("a.jpg\nhttp://gone.example/b.jpg\n")

    def gone(url: str, most: int) -> bytes:
        raise StoreError(f"could not read {url} after 3 tries: no such host; run the same")

    monkeypatch.setattr(stores, "read_bytes", gone)
    found = pictures(listed)
    assert [picture.data for picture in found] == [jpeg(), None]
    assert "no such host" in found[1].error
    listed.write_text("http://gone.example/b.jpg\nhttp://gone.example/c.jpg\n")
    with pytest.raises(StoreError, match="no such host"):
        pictures(listed)


def test_listing_is_tried_again_and_refused_in_one_line() -> None:
    put(a_jpg=jpeg(1))
    FlakyStore.faults["/b"] = [throttled(), throttled()]
    assert names("flaky://b") == ["flaky://b/a.jpg"]
    FlakyStore.faults["/b"] = [PermissionError("Access Denied")] * 9
    with pytest.raises(AccessRefused, match=r"access to flaky://b was refused \(Access Denied\)"):
        list_parts(["flaky://b"])


@pytest.mark.parametrize("where", ["memory://out/x", "file://{}/x", "{}/x", "flaky://out/x"])
def test_files_are_written_whole_listed_read_and_removed(where: str, tmp_path: Path) -> None:
    folder = where.format(tmp_path)
    local = tmp_path / "local"
    local.write_bytes(b"three")
    assert stores.list_folder(folder) == []
    stores.write_whole(stores.join(folder, "b.txt"), b"one")
    stores.write_whole(stores.join(folder, "a.txt"), b"two")
    stores.write_whole(stores.join(folder, "b.txt"), local)
    stores.write_whole(stores.join(folder, "in/c.txt"), b"4")
    assert [(e.name, e.path, e.size) for e in stores.list_folder(folder)] == [
        ("a.txt", stores.join(folder, "a.txt"), 3),
        ("b.txt", stores.join(folder, "b.txt"), 5),
    ]
    assert stores.read_bytes(stores.join(folder, "b.txt")) == b"three"
    with stores.local_copy(stores.join(folder, "b.txt")) as copy:
        assert copy.read_bytes() == b"three"
    with stores.open_file(stores.join(folder, "b.txt")) as file:
        assert (file.seek(-3, 2), file.read(2), file.tell()) == (2, b"re", 4)
    for _ in range(2):
        stores.remove(stores.join(folder, "b.txt"))
    assert not stores.exists(stores.join(folder, "b.txt"))
    assert stores.exists(stores.join(folder, "a.txt"))
    with pytest.raises(MissingFile, match="no file at"):
        stores.read_bytes(stores.join(folder, "b.txt"))


def test_a_file_that_cannot_be_written_is_not_there() -> None:
    FlakyStore.faults["/out"] = [throttled()] * 2
    stores.write_whole("flaky://out/a", b"one")
    assert stores.read_bytes("flaky://out/a") == b"one"
    FlakyStore.faults["/out"] = [OSError(28, "No space left on device")]
    with pytest.raises(WriteError, match="could not write flaky://out/a: No space left on device"):
        stores.write_whole("flaky://out/a", b"two")
    FlakyStore.faults["/out"] = [PermissionError("Access Denied")]
    with pytest.raises(WriteError, match=r"refused \(Access Denied\); check the credentials"):
        stores.write_whole("flaky://out/a", b"two")
    assert stores.read_bytes("flaky://out/a") == b"one"
    assert list(FlakyStore.store) == ["/out/a"]
    assert [entry.name for entry in stores.list_folder("flaky://out")] == ["a"]


class _ClientError(Exception):
    """As botocore's: https://botocore.amazonaws.com/v1/documentation/api/latest/reference/."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(f"An error occurred ({code})")
        self.response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, "temporary"),
        ("ThrottlingException", 400, "temporary"),
        ("InternalError", 500, "temporary"),
        ("RequestTimeout", 400, "temporary"),
        ("NoSuchKey", 404, "missing"),
        ("NoSuchBucket", 404, "missing"),
        ("AccessDenied", 403, "refused"),
        ("ExpiredToken", 400, "credentials"),
        ("InvalidAccessKeyId", 403, "credentials"),
        ("SignatureDoesNotMatch", 403, "credentials"),
        ("InvalidBucketName", 400, "permanent"),
    ],
)
def test_faults_of_s3_are_known_by_their_codes(code: str, status: int, kind: str) -> None:
    error = OSError(5, "translated")
    error.__cause__ = _ClientError(code, status)
    assert fault_kind(error) == kind


def test_waits_grow_with_jitter_up_to_a_limit() -> None:
    retries = Retries(first_wait=1.0, longest_wait=5.0)
    for tried, longest in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0), (9, 5.0)):
        waits = [retries.wait(tried) for _ in range(50)]
        assert longest / 2 <= min(waits) < max(waits) <= longest

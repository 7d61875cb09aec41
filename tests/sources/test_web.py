"""Addresses of the web, from a server that gives no ranges, as Python's own does not."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from source_files import jpeg, pictures, tar_bytes

from facepoints.errors import DataError
from facepoints.sources import MissingFile, list_parts, read_part, retried_file

pytest.importorskip("aiohttp")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def copyfile(self, source: object, outputfile: object) -> None:
        with suppress(ConnectionError):  # who asks for a range takes no more than that
            super().copyfile(source, outputfile)  # type: ignore[arg-type]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address of a folder."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_lists_archives_and_tables_of_the_web(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    monkeypatch.setattr(retried_file, "_BLOCK", 1 << 16)
    data = [jpeg(n) * 30 for n in range(20)]
    (tmp_path / "s.tar").write_bytes(tar_bytes([(f"{n}.jpg", d) for n, d in enumerate(data)]))
    parquet.write_table(pa.table({"image": data}), tmp_path / "a.parquet", compression="none")
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "list.txt").write_text(f"a.jpg\nno.jpg\n{served}/a.jpg?size=1\n")
    for name in ("s.tar", "s.tar?signature=0/1", "a.parquet"):
        assert [picture.data for picture in pictures(f"{served}/{name}")] == data
    found = pictures(f"{served}/list.txt?x=1")
    assert [picture.data for picture in found] == [jpeg(), None, jpeg()]
    assert found[1].error == f"no file at {served}/no.jpg"
    rows = "".join(f"{n},a.jpg?size={n}\n" for n in range(7))
    (tmp_path / "list.csv").write_text(f"id,path\n{rows}")
    parts = list_parts([f"{served}/list.csv"], part_size=3).parts
    named = [picture.name for part in parts for picture in read_part(part)]
    assert named == [f"{served}/a.jpg?size={n}" for n in range(7)]
    with pytest.raises(MissingFile, match=f"no file at {served}/no.tar"):
        list_parts([f"{served}/no.tar"])
    with pytest.raises(DataError, match="of the pattern"):
        list_parts([f"{served}/{{s,t}}.tar"])

"""Run the notebooks of this folder and store their outputs in them.

    python examples/run_notebooks.py [NOTEBOOK ...]

Run it when a notebook, the built-in weights or what they show changes. The tests run the notebooks,
too, but do not store anything. Needs nbclient and ipykernel.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

__all__ = ["NOTEBOOKS", "executed"]

FOLDER = Path(__file__).resolve().parent
NOTEBOOKS = tuple(sorted(FOLDER.glob("*.ipynb")))


def executed(path: Path, extra: str = "") -> nbformat.NotebookNode:
    """The notebook with new outputs.

    Args:
        path: the notebook file. It is not changed.
        extra: code to run in one more cell at the end.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    if extra:
        notebook.cells.append(nbformat.v4.new_code_cell(extra))
    with TemporaryDirectory() as folder:
        manager = AsyncKernelManager(kernel_name="python3")
        if os.name == "posix":  # sockets in the folder in place of network ports
            manager.transport, manager.ip = "ipc", f"{folder}/kernel"
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=300,
            startup_timeout=200,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(FOLDER)}},
        )
        return client.execute(cleanup_kc=True)


def main(paths: list[Path]) -> None:
    """Run notebooks and store their outputs."""
    for path in paths:
        notebook = executed(path)
        path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or list(NOTEBOOKS))

"""``python -m facepoints``: the command line."""

from __future__ import annotations

import os
import sys

from facepoints.cli.main import main


def _end_at_once() -> None:
    """Run and leave without the interpreter's own ending.

    Of several processes that train together one may end by an error while the threads of its
    communication (gloo's, NCCL's) are busy with a partner; the interpreter's ending would
    abort the process there, and torchrun report a crash in place of the error.
    """
    status = 0
    try:
        main()
    except SystemExit as stop:
        if isinstance(stop.code, str):
            print(stop.code, file=sys.stderr)
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    if os.environ.get("WORLD_SIZE", "1") == "1":
        main()
    else:
        _end_at_once()

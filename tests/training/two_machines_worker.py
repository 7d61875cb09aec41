"""`facepoints` as a worker of torchrun that saves a checkpoint after every step.

    torchrun ... two_machines_worker.py PIDFILE SECONDS train ...

It writes its process number to PIDFILE, and waits for SECONDS before every step. Its charts are
empty."""

import os
import sys
import time
from pathlib import Path

from facepoints.cli.main import main
from facepoints.drawing import charts
from facepoints.training import batches, member_trainer

Path(sys.argv[1]).write_text(str(os.getpid()))
pause = float(sys.argv[2])
del sys.argv[1:3]
member_trainer.CHECKPOINT_SECONDS = -1.0
draw = batches.Batches.draw


def slowly(*arguments, **named):
    time.sleep(pause)
    return draw(*arguments, **named)


batches.Batches.draw = slowly
charts._save = lambda figure, path: path.write_bytes(b"no chart")
main()

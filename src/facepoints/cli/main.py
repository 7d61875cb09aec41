"""Runs the command that the arguments name. An error becomes one line and an exit status.

Exit status 0: done; 1: the reader of the output closed it; 2: an input or a setting cannot
be used, or an output cannot be written; 130: stopped, ready to resume.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import tyro
from rich.markup import escape

from facepoints import __version__
from facepoints._util.console import checked_output
from facepoints._util.progress import Stopped
from facepoints.cli.data import convert, show, synthetic
from facepoints.cli.help import command_type, wrapped_help
from facepoints.cli.models import adapt, export, submit
from facepoints.cli.output import ERR, fail, shown_warnings
from facepoints.cli.predict import align, measure, predict
from facepoints.cli.training import compare, evaluate, settings_to_resume, train
from facepoints.errors import FacepointsError, MissingExtraError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status.

    Args:
        arguments: words after the program's name; None: those of this process.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with checked_output(), shown_warnings():
            _run(arguments)
    except FacepointsError as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        fail(str(MissingExtraError(error.name, _EXTRAS[error.name], "this command")))
    except (Stopped, KeyboardInterrupt) as stopped:
        with suppress(OSError):  # the exit status reports the error as well
            ERR.print(escape(str(stopped)) or "stopped", highlight=False)
        sys.exit(130)


def _run(arguments: Sequence[str]) -> None:
    if arguments in (["--version"], ["-V"]):
        print(f"facepoints {__version__}")
        sys.exit(0)
    commands = {
        "predict": predict,
        "measure": measure,
        "align": align,
        "train": train(settings_to_resume(arguments)),
        "evaluate": evaluate,
        "compare": compare,
        "adapt": adapt,
        "export": export,
        "submit": submit,
        "convert": convert,
        "show": show,
        "synthetic": synthetic,
    }
    with wrapped_help(arguments):
        tyro.cli(
            command_type(commands, arguments),
            prog="facepoints",
            description="Find, measure and track facial landmarks; train on your own labels.",
            args=arguments,
            config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
        )


_EXTRAS = dict.fromkeys(("torch", "safetensors", "matplotlib", "onnx", "onnxscript"), "train")

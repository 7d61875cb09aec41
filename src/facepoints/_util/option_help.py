"""Help of options on the command line, as annotations for tyro."""

from __future__ import annotations

import tyro

__all__ = ["DEVICE", "SEED", "flag", "option"]


def option(help: str, metavar: str | None = None, *, default_text: str | None = None) -> object:
    """The help of an option.

    Args:
        help: what the option does, in a sentence or two.
        metavar: name of its value; None: made from its type.
        default_text: text about the default, shown in parentheses; None: made from its value.
    """
    hint = None if default_text is None else f"({default_text})"
    return tyro.conf.arg(help=help, metavar=metavar, help_behavior_hint=hint)


def flag(help: str) -> object:
    """The help of an option without a value that is off by default."""
    return option(help, default_text="default: off")


SEED = option("Seed of the random numbers. The same seed gives the same result.", "N")
"""Help of ``--seed``."""

DEVICE = option(
    "Device that runs the network: cpu, cuda, cuda:N, or auto (cuda if there is one, else cpu). "
    "'facepoints info' says what each runs with.",
    "DEVICE",
)
"""Help of ``--device``."""

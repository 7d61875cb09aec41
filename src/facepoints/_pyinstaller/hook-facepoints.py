"""PyInstaller reads this file, not Python: it runs it by its name when a program needs facepoints.

The public names of the package are imported when they are first used, which PyInstaller does not
see, so all modules are named here. Those that need PyTorch come only with a program that has it.
"""

from importlib.util import find_spec

from PyInstaller.utils.hooks import (  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
    collect_data_files,
    collect_submodules,
    copy_metadata,
)


def _is_needed(name: str) -> bool:
    return find_spec("torch") is not None or not name.startswith(
        ("facepoints.training", "facepoints.models.networks")
    )


_FILES = ["**/*.onnx", "weights/*.json", "reports/templates/*"] + (
    ["**/*.json", "**/*.safetensors"] if find_spec("torch") else []
)

datas = collect_data_files("facepoints", includes=_FILES)
datas += copy_metadata("facepoints")
hiddenimports = collect_submodules("facepoints", filter=_is_needed)
excludedimports = ["facepoints._pyinstaller"]

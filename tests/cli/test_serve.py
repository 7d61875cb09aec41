"""`facepoints serve`: start, ready line, ports, options, and an orderly end."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_server import command_server
from waiting import PATIENCE, wait_until

import facepoints
from facepoints.cli.main import main
from facepoints.cli.serving import opens_browser

IMAGE = cv2.imencode(".png", np.full((60, 80, 3), 90, np.uint8))[1].tobytes()


TOKEN = {"Authorization": "Bearer abc"}


def get(address: str, path: str, headers: dict[str, str] | None = None) -> int:
    return fetch(address, path, headers)[0]


def fetch(address: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    connection.request("GET", path, headers=headers or {})
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


def holds_a_request(address: str) -> bool:
    _, text = fetch(address, "/metrics", TOKEN)
    return any(float(x.split()[1]) for x in text.splitlines() if x.startswith("facepoints_held_"))


def refuses(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_when_requests_at_hand_are_answered(number: signal.Signals) -> None:
    with command_server("serve", ready="facepoints is ready", FACEPOINTS_TOKEN="abc") as (
        process,
        address,
    ):
        assert get(address, "/") == 200
        assert get(address, "/v1/model") == 401
        assert get(address, "/v1/model", TOKEN) == 200
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        connection.putrequest("POST", "/v1/predict")
        connection.putheader("Authorization", "Bearer abc")
        connection.putheader("Content-Type", "image/png")
        connection.putheader("Content-Length", str(len(IMAGE)))
        connection.endheaders()
        connection.send(IMAGE[:20])  # the request is at hand
        wait_until(lambda: holds_a_request(address), process)
        process.send_signal(number)
        wait_until(lambda: refuses(address), process)
        connection.send(IMAGE[20:])
        response = connection.getresponse()
        assert (response.status, b'"images"' in response.read()) == (200, True)
        connection.close()
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "ended\n")


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as ended:
            main(["serve", "--port", str(port), "--no-open"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        f"error: port {port} of 127.0.0.1 is already in use; name another one (0: any that is "
        f"free)\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "70000"], "port must be from 0 to 65535, is 70000"),
        (["--host", "no.such.host.invalid"], "host 'no.such.host.invalid' is not known"),
        (["--host", "192.0.2.1"], "host 192.0.2.1 is not an address of this machine"),
        (["--cors", "example.org"], "an origin is a scheme and a host"),
        (["--token", ""], "--token is empty"),
        (["--token", "a b"], "a token has printable ASCII characters"),
        (["--max-mb", "0"], "--max-mb must be from 0.001 to 4096, is 0.0"),
        (["--timeout", "nan"], "--timeout must be from 0.05 to 86400, is nan"),
        (["--open", "--no-open"], "--open and --no-open contradict each other"),
        (["--model", "no.onnx"], "no.onnx"),
    ],
)
def test_a_wrong_option_is_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", *([] if "--port" in words else ["--port", "0"]), *words])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error


def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "uvicorn" else find(name)
    )
    with pytest.raises(SystemExit) as ended:
        main(["serve"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == (
        "error: facepoints serve needs the package 'uvicorn', which is not installed; install it "
        "with: pip install 'facepoints[web]'\n"
    )


def test_other_commands_and_the_package_import_no_web_packages() -> None:
    code = """
import sys, facepoints, facepoints.cli.run
facepoints.load
facepoints.read_image
import facepoints.commands.predict_images
print(sorted({"starlette", "uvicorn", "python_multipart", "anyio", "h11"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_export_writes_a_site_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from facepoints.web.page_files import missing_runtime

    if missing_runtime():
        pytest.skip("needs the page's runtime (make setup)")
    site = tmp_path / "site"
    main(["serve", "--export", str(site)])
    assert capsys.readouterr().out.startswith(f"{site}: ")
    assert (site / "index.html").is_file()
    main(["serve", "--export", str(site)])  # the same command line may replace its own
    (site / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit):
        main(["serve", "--export", str(site), "--model", str(facepoints.weights.POINTS)])
    assert "--overwrite" in capsys.readouterr().err
    assert (site / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("wanted", "unwanted", "environment", "terminal", "opens"),
    [
        (True, False, {}, False, True),
        (False, True, {"DISPLAY": ":0"}, True, False),
        (False, False, {"DISPLAY": ":0"}, True, True),
        (False, False, {"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, True, False),
        (False, False, {"DISPLAY": ":0"}, False, False),
        (False, False, {}, True, False),
    ],
)
def test_a_browser_opens_on_a_terminal_with_a_screen(
    wanted: bool,
    unwanted: bool,
    environment: dict[str, str],
    terminal: bool,
    opens: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    assert opens_browser(wanted, unwanted) is opens

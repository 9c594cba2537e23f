"""The embedded server, as far as it goes without a server."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock

from activessl.errors import AnnotatorError
from activessl_cli.main import main
from activessl_label_studio import install, studio
from activessl_label_studio.process import claimed, is_healthy, local_url


@pytest.fixture
def postgres() -> Iterator[str]:
    """The address of something that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"postgresql://ann:secret-word@127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A python whose Label Studio ends at once, as one does that finds no such database."""
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\nprint('FATAL: there is no such database', flush=True)\nraise SystemExit(1)\n"
    )
    program.chmod(0o755)
    return program


def test_a_misspelt_database_at_the_first_start_can_be_corrected(tmp_path: Path, failing: Path, postgres: str) -> None:
    for name in ("lables", "labels"):
        with pytest.raises(AnnotatorError, match="stopped at once: FATAL"):
            studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/{name}")
    kept = json.loads((tmp_path / "studio" / "studio.json").read_text())
    assert kept["database"]["name"] == "labels"


def test_a_database_that_was_once_ready_is_the_one_of_its_folder(tmp_path: Path, failing: Path, postgres: str) -> None:
    with pytest.raises(AnnotatorError, match="stopped at once"):
        studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/labels")
    file = tmp_path / "studio" / "studio.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"token": "t", "ready": False}))
    with pytest.raises(AnnotatorError, match=r"keeps its data in .*/labels, not in .*/other") as caught:
        studio.start(tmp_path / "studio", python=failing, database=f"{postgres}/other")
    assert "secret-word" not in str(caught.value)


class Healthy(BaseHTTPRequestHandler):
    """What a Label Studio says of itself."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "UP"}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture(params=["deaf", "everywhere", "another server"])
def busy(request: pytest.FixtureRequest) -> Iterator[int]:
    """A port at which something listens: that never answers, on every address, or the server of another project."""
    if request.param != "another server":
        with socket.create_server(("127.0.0.1" if request.param == "deaf" else "", 0)) as listening:
            yield listening.getsockname()[1]
        return
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert is_healthy(local_url(server.server_port))
        yield server.server_port
        server.shutdown()


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing may be installed or launched. Notes about ports are this test's own."""

    def never(*_: object, **__: object) -> NoReturn:
        pytest.fail("something was installed or launched")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("ACTIVESSL_STUDIO_DIR", str(tmp_path / "nothing is installed here"))
    monkeypatch.setattr(studio, "ensure_installed", never)
    for module in (studio, install):
        monkeypatch.setattr(module.subprocess, "Popen", never)


def test_a_busy_port_is_told_before_anything_is_installed_or_launched(
    tmp_path: Path, untouched: None, busy: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AnnotatorError, match=f"port {busy} is in use"):
        studio.start(tmp_path / "studio", port=busy)
    assert not (tmp_path / "studio").exists()
    with pytest.raises(SystemExit) as stop:
        main(["studio", "start", "-p", str(tmp_path), "--port", str(busy)])
    assert stop.value.code == 1
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: port {busy} is in use" and hint.startswith(" hint: name another port")


def test_a_port_at_which_a_server_is_still_being_started_is_in_use_too(tmp_path: Path, untouched: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    claim = claimed(port)
    assert claim is not None and claimed(port) is None
    with claim, pytest.raises(AnnotatorError, match=f"port {port} is in use"):
        studio.start(tmp_path / "studio", port=port)
    again = claimed(port)
    assert again is not None
    again.close()


def test_two_starts_without_a_port_do_not_take_the_same(
    tmp_path: Path, failing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    taken = []
    for name in ("one", "other"):
        with pytest.raises(AnnotatorError, match="stopped at once"):
            studio.start(tmp_path / name, python=failing)
        taken.append(json.loads((tmp_path / name / "studio.json").read_text())["port"])
    assert taken[0] == taken[1]  # the first one stopped: its port is free again
    claim = claimed(taken[0])
    assert claim is not None
    with claim, pytest.raises(AnnotatorError, match="stopped at once"):
        studio.start(tmp_path / "third", python=failing)
    assert json.loads((tmp_path / "third" / "studio.json").read_text())["port"] != taken[0]


def test_who_waits_for_another_start_is_told_so(tmp_path: Path, untouched: None) -> None:
    told: list[str] = []
    (tmp_path / "studio").mkdir()
    with (
        FileLock(tmp_path / "studio" / "start.lock"),
        pytest.raises(AnnotatorError, match="another process is starting the server"),
    ):
        studio.start(tmp_path / "studio", progress=lambda what, _: told.append(what), timeout=0.4)
    assert told[0].startswith("waiting for another process, which is starting the server in")

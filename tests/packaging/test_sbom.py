"""The list of packages names what is installed, and the audit says what it found, or that it could not ask."""

from __future__ import annotations

import json
import runpy
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path

import pytest

SBOM = Path(__file__).parents[2] / ".ci" / "sbom.py"


class Advisor(BaseHTTPRequestHandler):
    """Answers as OSV: pillow has an advisory."""

    def log_message(self, *_: object) -> None:
        return

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        found = [{"vulns": [{"id": "GHSA-test"}]} if one["package"]["name"] == "pillow" else {} for one in asked]
        body = json.dumps({"results": found}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def advisor() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Advisor)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def run(out: Path, osv: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    monkeypatch.setenv("ACTIVESSL_OSV_URL", osv)
    monkeypatch.setattr(sys, "argv", [str(SBOM), "--out", str(out), "--audit"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SBOM), run_name="__main__")
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_list_has_what_is_installed_with_its_needs_and_an_advisory_fails(
    tmp_path: Path, advisor: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(tmp_path / "a.json", advisor, monkeypatch, capsys)
    assert code == 1
    assert f"pillow {version('pillow')}: GHSA-test" in said and "1 with advisories" in said
    told = json.loads((tmp_path / "a.json").read_text())
    there = {one["name"]: one["version"] for one in told["components"]}
    assert there["numpy"] == version("numpy") and "label-studio-sdk" in there
    assert "pytest" not in there and "fastapi" not in there  # extras and development are not installed by default
    refs = {one["bom-ref"] for one in told["components"]} | {told["metadata"]["component"]["bom-ref"]}
    assert {ref for one in told["dependencies"] for ref in (one["ref"], *one["dependsOn"])} == refs


def test_without_the_internet_the_audit_is_left_out_with_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = run(tmp_path / "a.json", "http://127.0.0.1:9/", monkeypatch, capsys)
    assert code == 0 and "audit left out: http://127.0.0.1:9/ cannot be asked" in said

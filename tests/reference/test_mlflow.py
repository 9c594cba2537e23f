"""A project in a real MLflow server, read back by MLflow itself: ``make mlflow-test``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl_cli.main import run

#: An environment with mlflow, and a folder with its client for this one.
ENVIRONMENT, CLIENT = os.environ.get("ACTIVESSL_MLFLOW", ""), os.environ.get("ACTIVESSL_MLFLOW_CLIENT", "")
CLASSES = ("left", "right", "up")

pytestmark = pytest.mark.skipif(not ENVIRONMENT, reason="ACTIVESSL_MLFLOW names no environment: make mlflow-test")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [f"{ENVIRONMENT}/bin/mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True) as process,
    ):
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 300
        while True:
            assert process.poll() is None and time.monotonic() < end, (folder / "log").read_text()[-2000:]
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
        os.killpg(process.pid, signal.SIGTERM)


def export(server: str) -> dict[str, Any]:
    """The verb in a process that has the client."""
    code = "import sys; sys.path.append(sys.argv.pop(1)); from activessl_cli.main import main; main()"
    command = [sys.executable, "-c", code, CLIENT, "export", "mlflow", "--tracking", server, "-p", "p", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{"), done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_project_is_one_run_that_grows(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=150)
    vectors = (3 * np.eye(3, 8)[y] + rng.normal(size=(150, 8))).astype(np.float32)
    np.savez("pool.npz", vectors=vectors[:120])
    np.savez("test.npz", vectors=vectors[120:], labels=y[120:], class_names=np.array(CLASSES))
    oracle = Oracle({f"pool:{i}": CLASSES[k] for i, k in enumerate(y[:120])}, CLASSES, seed=1)
    monkeypatch.setattr("activessl.session.annotator_of", lambda project, people=None: oracle)
    assert (
        run("init", "pool.npz", "-p", "p", "--classes", ",".join(CLASSES), "--test", "test.npz", "--query-size", "12")
        == 0
    )
    assert run("encode", "-p", "p") == 0
    assert run("round", "-p", "p") == 0

    first = export(server)
    assert first["made"] and first["figures"] >= 6 and first["where"] == server
    again = export(server)
    assert (again["run"], again["figures"], again["made"]) == (first["run"], 0, False)
    assert run("round", "-p", "p") == 0
    grown = export(server)
    assert grown["run"] == first["run"] and grown["figures"] > 0

    with urllib.request.urlopen(f"{server}/api/2.0/mlflow/runs/get?run_id={first['run']}", timeout=60) as answer:
        there = json.load(answer)["run"]
    params = {one["key"]: one["value"] for one in there["data"]["params"]}
    assert params["classes"] == "left, right, up" and params["items"] == "120" and there["info"]["status"] == "FINISHED"
    history = f"{server}/api/2.0/mlflow/metrics/get-history?run_id={first['run']}&metric_key=labels"
    with urllib.request.urlopen(history, timeout=60) as answer:
        labels = [(m["step"], m["value"]) for m in json.load(answer)["metrics"]]
    assert sorted(labels) == [(1, 12.0), (2, 24.0)]
    kept = {one["key"]: one["value"] for one in there["data"]["metrics"]}
    assert kept["accuracy_low"] <= kept["accuracy"] <= kept["accuracy_high"]
    with urllib.request.urlopen(f"{server}/api/2.0/mlflow/artifacts/list?run_id={first['run']}", timeout=60) as answer:
        assert {file["path"] for file in json.load(answer)["files"]} == {"report.html", "report.json"}


def test_a_server_that_is_not_there_is_named_in_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("pool.npz", vectors=np.random.default_rng(0).normal(size=(60, 4)))
    assert run("init", "pool.npz", "-p", "p", "--classes", "a,b") == 0 and run("encode", "-p", "p") == 0
    code = "import sys; sys.path.append(sys.argv.pop(1)); from activessl_cli.main import main; main()"
    command = [sys.executable, "-c", code, CLIENT, "export", "mlflow", "--tracking", "http://ann:secret@127.0.0.1:9"]
    done = subprocess.run([*command, "-p", "p"], capture_output=True, text=True, timeout=120)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 1 and len(lines) == 2 and lines[0].startswith("error: MLflow at http://127.0.0.1:9")
    assert "secret" not in done.stderr + done.stdout

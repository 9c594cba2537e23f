"""A bucket of moto's server, in a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from activessl.pool.stores import store

SERVER = """
import sys, time
from moto.server import ThreadedMotoServer
ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False).start()
print("up", flush=True)
time.sleep(10**6)
"""


class Moto:
    """moto's server, which can be stopped and started."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None and self.process.stdout.readline()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    made = Moto()
    yield made
    made.stop()


@pytest.fixture
def bucket(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An empty bucket ``photos``, and its client."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": moto.url,
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "word-of-secrets",
        "AWS_DEFAULT_REGION": "us-east-1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(store, "PAUSE_S", 0.01)
    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    yield client
    while keys := client.list_objects_v2(Bucket="photos").get("Contents"):
        client.delete_objects(Bucket="photos", Delete={"Objects": [{"Key": one["Key"]} for one in keys]})
    client.delete_bucket(Bucket="photos")

"""Two processes of `activessl serve` on one ledger in PostgreSQL, and what stands before them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from balancing import Balancer
from clusters import Cluster
from couple import CLASSES
from fake_label_studio import FakeLabelStudio

from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session
from activessl_label_studio.service import SECRET_HEADER

SECRET, TOKEN = "a-secret-of-two-workers", "a-token-of-the-live-page"


def wait_for(true: Callable[[], bool], seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


class Workers:
    """Two processes, a person's view of the page, and Label Studio's webhooks."""

    def __init__(self, folders: list[Path], ports: list[int], processes: list[subprocess.Popen[str]], url: str) -> None:
        self.folders, self.ports, self.processes, self.url = folders, ports, processes, url
        self.project = Project.open(folders[0])

    def hook(self) -> None:
        body = {"action": "ANNOTATION_CREATED", "annotation": {"id": time.monotonic_ns(), "updated_at": "now"}}
        answer = httpx.post(f"{self.url}/webhook", json=body, headers={SECRET_HEADER: SECRET})
        assert answer.json() == {"status": "queued"}

    def metric(self, of: int, name: str) -> float:
        said = httpx.get(f"http://127.0.0.1:{self.ports[of]}/metrics", headers={"authorization": f"Bearer {SECRET}"})
        return float(next(line for line in said.text.splitlines() if line.startswith(f"activessl_{name}")).split()[-1])


@contextlib.contextmanager
def serving(server: Cluster, studio: FakeLabelStudio, tmp_path: Path, names: tuple[str, str]) -> Iterator[Workers]:
    """Start both: in a folder each, as on two machines, or in the same one, as in two containers."""
    url = server.create(f"workers {time.monotonic_ns()}")
    folders, ports = [], []
    for who in names:
        config = check_config(
            {
                "data": {"path": "../pictures", "modality": "image", "classes": list(CLASSES)},
                "encoder": {"name": "pixels"},
                "annotator": {"url": studio.url, "title": "two workers"},
                "query": {"size": 6, "random_share": 0.0, "strategy": "max_herding"},
                "stop": {"stable_kappa": False},
                "ledger": url,
            }
        )
        made = Project.create(tmp_path / who, config, version="test")
        Session(made).encode()
        folders.append(made.folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
    environment = os.environ | {
        "LABEL_STUDIO_API_KEY": studio.token,
        "ACTIVESSL_SERVE_SECRET": SECRET,
        "ACTIVESSL_PAGE_SECRET": TOKEN,
    }
    with Balancer(ports) as balancer, contextlib.ExitStack() as stack:
        processes = []
        for folder, port in zip(folders, ports, strict=True):
            verb = ["serve", "-p", str(folder), "--port", str(port), "--every", "2", "--public-url", balancer.url]
            log = stack.enter_context((tmp_path / f"{port}.log").open("w"))
            command = [sys.executable, "-m", "activessl_cli.main", *verb]
            processes.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log, text=True))
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].kill)
        found = Workers(folders, ports, processes, balancer.url)

        def up() -> bool:
            assert all(process.poll() is None for process in processes), "one has ended"
            with contextlib.suppress(httpx.HTTPError):
                return all(httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200 for port in ports)
            return False

        wait_for(up)
        yield found
        for port in ports:
            print((tmp_path / f"{port}.log").read_text())

"""Encoding on a real Ray cluster: two of its nodes on this machine, each with processes of its own.

Run by ``make ray-test``, which installs Ray into a folder of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activessl.encoders.embeddings import Embeddings, embed
from activessl.encoders.executors import Elsewhere
from activessl.encoders.registry import fit_encoder
from activessl.encoders.shards import Block, Job, shards_folder
from activessl.encoders.workers import versions_here
from activessl.errors import EncoderError, PoolError, ProjectLocked
from activessl.pool.pool import Pool
from activessl.pool.progress import Progress
from activessl.pool.sources import load_pool
from activessl.session import Session
from activessl_ray import RayExecutor

pytestmark = pytest.mark.skipif(not os.environ.get("ACTIVESSL_RAY"), reason="run by `make ray-test`")

#: Smallest object store: vectors do not pass through it.
STORE = 80_000_000


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def head() -> Iterator[tuple[str, str]]:
    """The address of a cluster of two nodes, and that of its client server."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    port = free_port()
    given = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": STORE, "ray_client_server_port": port}
    cluster = Cluster(initialize_head=True, head_node_args=given)
    cluster.add_node(num_cpus=2, object_store_memory=STORE)
    try:
        yield cluster.address, f"ray://127.0.0.1:{port}"
    finally:
        cluster.shutdown()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pool, Path]:
    folder = tmp_path_factory.mktemp("images")
    made = np.random.default_rng(0).integers(0, 255, (2_000, 48, 48, 3), dtype=np.uint8)
    np.savez(folder / "i.npz", images=made)
    return load_pool(folder / "i.npz"), folder


def embedded(images: tuple[Pool, Path], at: Path, address: str, block: int, **other: Any) -> Embeddings:
    pool, folder = images
    encoder = fit_encoder("pixels", pool, folder=folder / "encoders")
    elsewhere = Elsewhere(RayExecutor(address, other.pop("workers", 2)), folder / "encoders", block)
    return embed(encoder, pool, at / encoder.fingerprint, elsewhere=elsewhere, **other)


def test_the_vectors_are_those_of_one_process_bit_for_bit(
    head: tuple[str, str], images: tuple[Pool, Path], tmp_path: Path
) -> None:
    pool, folder = images
    encoder = fit_encoder("pixels", pool, folder=folder / "encoders")
    embed(encoder, pool, tmp_path / "here" / encoder.fingerprint)
    told = list[Progress]()
    for name, address in zip(("node", "client"), head, strict=True):
        embedded(images, tmp_path / name, address, 256, on_progress=told.append)
        files = [tmp_path / at / encoder.fingerprint / "vectors.npy" for at in ("here", name)]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert [one.note for one in told if one.note] == ["2 workers of Ray on 2 machines, 8 blocks"] * 2
    assert [one.done for one in told if not one.note][-1] == 2_000


def test_a_killed_worker_costs_only_its_block(head: tuple[str, str], images: tuple[Pool, Path], tmp_path: Path) -> None:
    pool, folder = images
    encoder = fit_encoder("pixels", pool, folder=folder / "encoders")
    shards = shards_folder(tmp_path / "e" / encoder.fingerprint)
    killed = list[int]()

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            for file in shards.glob("begun.*.txt"):
                if file.stat().st_size:
                    killed.append(int(file.name.split(".")[-3]))
                    os.kill(killed[0], signal.SIGKILL)
                    return
            time.sleep(0.002)

    watch = threading.Thread(target=kill)
    watch.start()
    told = list[Progress]()
    found = embedded(images, tmp_path / "e", head[0], 512, on_progress=told.append)
    watch.join()
    assert killed
    note = found.provenance["embedding"]
    assert note["begun again"] == 1
    assert "a worker ended; its 512 items are encoded again" in [one.note for one in told]
    assert np.array_equal(found.vectors, embed(encoder, pool, tmp_path / "here" / encoder.fingerprint).vectors)


def test_a_killed_driver_leaves_its_shards_to_the_next_run(head: tuple[str, str], tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40_000, 8)).astype(np.float32)
    np.savez(tmp_path / "v.npz", vectors=vectors)
    session = Session.create(tmp_path / "p", tmp_path / "v.npz", ["a", "b"])
    code = "import sys; from activessl_cli.main import main; main(sys.argv[1:])"
    verb = ["encode", "--project", str(tmp_path / "p"), "--on", f"ray:{head[0]}", "--workers", "2", "--json"]
    with subprocess.Popen([sys.executable, "-c", code, *verb], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.glob("p/embeddings/*.shards/*.npy"))) < 4 and time.monotonic() < deadline:
            time.sleep(0.002)
        run.send_signal(signal.SIGSTOP)  # the workers have at most two blocks each
        with pytest.raises(ProjectLocked):  # two drivers on one project
            session.encode(on=f"ray:{head[0]}", workers=1)
        run.send_signal(signal.SIGKILL)
    (shards,) = tmp_path.glob("p/embeddings/*.shards")
    kept = len({path.name.split(".")[0] for path in shards.glob("[0-9a-f]*.npy")})
    assert 4 <= kept < 20
    assert not shards.with_name(shards.name.removesuffix(".shards")).exists()  # nothing half done counts as done
    done = subprocess.run([sys.executable, "-c", code, *verb], capture_output=True, text=True, check=True)
    note = json.loads(done.stdout)["encoder"]["embedding"]
    assert note["taken from an earlier run"] >= kept
    assert note["begun again"] <= 2 * 2  # only what was in flight: of two workers, and what they had begun since
    found = session.encode()
    assert np.array_equal(found.vectors, vectors)
    assert not shards.exists()


class Other:
    """Passes another job to the workers than the driver has."""

    name = "ray"

    def __init__(self, address: str, **changed: Any) -> None:
        self.address, self.changed = address, changed

    def run(self, job: Job, blocks: list[Block], on_progress: Any = None) -> Any:
        return RayExecutor(self.address, 1).run(replace(job, **self.changed), blocks, on_progress)


def test_workers_that_cannot_encode_are_told_by_name_and_the_next_run_goes_on(
    head: tuple[str, str], images: tuple[Pool, Path], tmp_path: Path
) -> None:
    pool, folder = images
    encoder = fit_encoder("pixels", pool, folder=folder / "encoders")
    cases: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"versions": versions_here() | {"torch": "0.1"}}, EncoderError, r"worker \S+:\d+ has torch .*0\.1"),
        ({"encoder": tmp_path / "none"}, EncoderError, r"worker \S+ cannot open the encoder: no encoder in"),
        ({"data": tmp_path / "none.npz"}, PoolError, r"worker \S+ cannot read the data: .*does not exist"),
    ]
    at = tmp_path / "e" / encoder.fingerprint
    for changed, kind, message in cases:
        with pytest.raises(kind, match=message):
            embed(encoder, pool, at, elsewhere=Elsewhere(Other(head[0], **changed), folder / "encoders", 1024))
        assert not at.exists()
    assert len(embedded(images, tmp_path / "e", head[0], 1024, workers=1)) == len(pool)


def test_more_workers_than_the_cluster_has_are_refused(
    head: tuple[str, str], images: tuple[Pool, Path], tmp_path: Path
) -> None:
    with pytest.raises(EncoderError, match="4 workers wanted, but the cluster has 3 CPU cores"):
        embedded(images, tmp_path, head[0], 1024, workers=4)


def test_addresses_where_no_cluster_is_are_told_at_once(images: tuple[Pool, Path], tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(EncoderError, match=r"no Ray cluster answers at 127\.0\.0\.1:9"):
        embedded(images, tmp_path, "127.0.0.1:9", 1024)
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"SSH-2.0-other\r\n"), daemon=True).start()
        with pytest.raises(EncoderError, match=r"what answers at ray://\S+ is no Ray cluster"):
            embedded(images, tmp_path, f"ray://127.0.0.1:{server.getsockname()[1]}", 1024)
    assert time.monotonic() - started < 20


def test_a_cluster_of_this_machine_begins_and_ends_with_the_encoding(
    images: tuple[Pool, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    found = embedded(images, tmp_path, "", 2048, workers=1)
    assert found.provenance["embedding"]["blocks"] == 1
    assert not ray.is_initialized()

"""What an encoder left that is not in use any more: no verb reads it, so `verify` and `encode` have to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from activessl.annotators.oracle import Oracle
from activessl.geometry.core import Cored
from activessl.geometry.smoothing import smooth
from activessl.ledger.schema import OtherVectors
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.project.idle_caches import discard_damaged, in_use
from activessl.session import Session
from activessl.steps.verify import Finding, verify
from activessl_cli.main import run

CLASSES = ("even", "odd")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose encoder changed: the caches of the one before are there, and not in use."""
    folder = tmp_path_factory.mktemp("idle")
    x = (2 * (np.arange(60) % 2)[:, None] + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=x, ids=np.array([f"i{i}" for i in range(60)]))
    data = {"path": "../pool.npz", "modality": "vector", "classes": list(CLASSES)}
    session = Session(Project.create(folder / "p", check_config({"data": data, "query": {"size": 20}}), version="0"))
    session.encode()
    session.round(Oracle({f"i{i}": CLASSES[i % 2] for i in range(60)}, CLASSES))
    session.report().save(folder / "p" / "reports")
    now = next(path for path in (folder / "p" / "embeddings").iterdir() if not path.name.startswith("."))
    shutil.copytree(now, now.with_name("0" * 16))
    return folder


def damaged(project: Path) -> list[Finding]:
    return [finding for finding in verify(project) if finding.problem]


def sealed(folder: Path) -> list[Path]:
    """The files below a folder that a seal, which is one of them, has the digests of."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and path.with_name("seal.json").is_file()]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def is_mark(path: Path) -> bool:
    """Whether a file is a mark without which the vectors beside it are only compared again: no seal has it."""
    return path.name == "of.txt" and path.parent.name == "smoothed"


def test_what_was_cut_and_is_not_in_use_is_told_and_removed_by_encode(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "w")
    project = tmp_path / "w" / "p"
    idle = project / "embeddings" / ("0" * 16)
    shutil.copytree(idle, tmp_path / "kept")
    files = [path for path in sealed(idle) if not is_mark(path)]
    assert {path.parent.name for path in files} == {idle.name, "smoothed", "map"}
    for path in files:
        cut(path)
        (found,) = damaged(project)
        assert found.what == path.parent.relative_to(project).as_posix()
        assert "`activessl encode` removes it" in found.hint
        opened = Project.open(project)
        assert discard_damaged(opened, opened.history()) == (found.what,)
        assert not path.parent.exists()
        assert damaged(project) == []
        shutil.rmtree(idle, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", idle)
    cut(idle / "smoothed" / "base.npy")
    assert run("encode", "--project", str(project)) == 0
    assert damaged(project) == []
    assert sorted(path.name for path in idle.iterdir() if path.is_dir()) == ["map"]


@pytest.mark.slow
def test_what_was_cut_and_is_in_use_is_made_again_by_the_verbs_that_use_it(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "w")
    project = tmp_path / "w" / "p"
    now = next(path for path in sorted((project / "embeddings").iterdir()) if path.name != "0" * 16)
    for path in sealed(now):
        cut(path)
        if not is_mark(path):
            (found,) = damaged(project)
            assert "made again at its next use" in found.hint
        assert run("teach", "--project", str(project)) == 0
        assert run("report", "--project", str(project), "--to", str(tmp_path / "r.html")) == 0
        assert damaged(project) == [], path.name


def test_whole_caches_of_another_encoder_stay(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "w")
    before = sorted((tmp_path / "w" / "p" / "embeddings").rglob("*"))
    assert run("encode", "--project", str(tmp_path / "w" / "p")) == 0
    assert sorted((tmp_path / "w" / "p" / "embeddings").rglob("*")) == before


def test_vectors_of_a_large_pool_that_are_kept_are_not_taken_after_a_change_outside_its_core(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    core = smooth(vectors[:20])
    one = Cored(core, np.arange(20), vectors, np.zeros(4, dtype=np.float32), tmp_path, "placed-a")
    first = np.array(one.plain.points)
    vectors[39] = -vectors[39]
    again = replace(one, name="placed-b")  # as after a new stamp
    assert not np.allclose(first[39], again.plain.points[39], atol=0.1)
    assert np.allclose(first[:39], again.plain.points[:39])


def test_vectors_that_the_labels_may_choose_are_in_use(whole: Path, tmp_path: Path) -> None:
    project = Project.open(shutil.copytree(whole, tmp_path / "w") / "p")
    history = project.history()
    assert history.encoded is not None
    other = OtherVectors(fingerprint="0" * 16, encoder="other", dim=5)
    both = replace(history, encoded=history.encoded.model_copy(update={"others": (other,)}))
    folder = project.folder / "embeddings" / other.fingerprint / "smoothed"
    assert in_use(project, both, folder) and not in_use(project, history, folder)
    cut(folder / "base.npy")
    assert discard_damaged(project, both) == () and folder.is_dir()  # whoever reads it makes it again
    assert discard_damaged(project, history) == (folder.relative_to(project.folder).as_posix(),)

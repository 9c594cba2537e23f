"""Two people who open, push, pull and teach at once: a sample of what `make team` tries 200 times on each database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from clusters import Cluster
from couple import Rooms, interleave

import activessl.project.folder as folder_module
from activessl.project.folder import Project
from activessl_label_studio import StudioInfo

SEEDS = range(int(os.environ.get("ACTIVESSL_INTERLEAVINGS", "8")))


@pytest.fixture(scope="module")
def rooms(own_server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Rooms:
    return Rooms(tmp_path_factory.mktemp("rooms") / "all", own_server)


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_asked_twice_no_label_is_lost_and_nobody_waits_for_ever(
    rooms: Rooms, database: str, seed: int
) -> None:
    assert interleave(rooms, database, seed).problems == ()


@pytest.mark.studio
@pytest.mark.timeout(900)
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
@pytest.mark.parametrize("seed", range(int(os.environ.get("ACTIVESSL_REAL_INTERLEAVINGS", "2"))))
def test_the_same_with_a_real_label_studio(rooms: Rooms, sqlite_server: StudioInfo, database: str, seed: int) -> None:
    assert interleave(rooms, database, seed, real=(sqlite_server.url, sqlite_server.token)).problems == ()


def test_without_the_lock_on_the_server_two_machines_ask_twice(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite notices what it is there for."""

    @contextmanager
    def nothing(self: Project) -> Iterator[None]:
        yield

    monkeypatch.setattr(folder_module.Project, "_alone", nothing)
    found = [problem for seed in (11, 0, 1, 2) for problem in interleave(rooms, "postgres", seed).problems]
    assert any("tasks of" in problem or "twice" in problem for problem in found)

"""A database that goes away in the middle of a round, and a person who dies in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from clusters import PASSWORD, Cluster, drop_connections
from desk import Desk, Moments
from outages import VERBS, outcome, run

from activessl.errors import LedgerError, ProjectLocked
from activessl.ledger.schema import Pulled
from activessl.ledger.store import Ledger
from activessl.project.config import check_config
from activessl.project.folder import Project
from activessl.session import Session

CLI = [sys.executable, "-m", "activessl_cli.main"]


def made(folder: Path, url: str) -> Session:
    folder.mkdir(parents=True, exist_ok=True)
    vectors = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    np.savez(folder / "pool.npz", vectors=vectors)
    config = check_config(
        {
            "data": {"path": "../pool.npz", "modality": "vector", "classes": ["even", "odd"]},
            "query": {"size": 6, "strategy": "max_herding", "random_share": 0.2},
            "ledger": url,
        }
    )
    return Session(Project.create(folder / "project", config, version="test"))


def test_a_road_that_is_cut_at_any_message_is_told_and_the_next_run_goes_on(server: Cluster, tmp_path: Path) -> None:
    cases = list(run(tmp_path / "life", server, every=97))
    assert len(cases) > 10 and {case.verb for case in cases} == set(VERBS)
    assert [(case, case.problems) for case in cases if case.problems] == []
    assert sum(bool(case.told) for case in cases) > len(cases) // 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "crash"])
@pytest.mark.parametrize("verb", ["query", "push", "pull", "teach"])
def test_a_server_that_stops_in_the_middle_of_a_verb_is_named_and_after_its_start_the_verb_goes_on(
    server: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, how: signal.Signals
) -> None:
    name = f"stop {verb} {how.name}"
    session, whole = made(tmp_path, server.create(name)), made(tmp_path / "whole", f"sqlite:///{tmp_path}/whole.db")
    desks = [tmp_path / "desk.json", tmp_path / "whole.json"]
    for one, desk in zip((session, whole), desks, strict=True):
        for step in list(VERBS)[: list(VERBS).index(verb)]:
            VERBS[step](one, Desk(desk, Moments(None)))
    append = Ledger.append

    def stopped_before(self: Ledger, events: object) -> int:
        server.stop(how)
        return append(self, events)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "append", stopped_before)
        with pytest.raises(LedgerError, match=r"cannot \w+ the ledger postgresql\+psycopg://ann:\*\*\*@127") as told:
            VERBS[verb](session, Desk(desks[0], Moments(None)))
    assert "run the same command again" in told.value.hint
    # while it is away, the command line says so in two lines
    done = subprocess.run(
        [*CLI, "query", "--project", str(session.project.folder)], capture_output=True, text=True, timeout=60
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and lines[0].startswith("error: cannot open the ledger") and "refused" in lines[0]
    assert lines[1].startswith(" hint: start the database server") and len(lines) == 2
    assert PASSWORD not in done.stderr and "p%40ss" not in done.stderr
    server.start()
    VERBS[verb](session, Desk(desks[0], Moments(None)))
    VERBS[verb](whole, Desk(desks[1], Moments(None)))
    assert outcome(session, desks[0]) == outcome(whole, desks[1])


HOLD = (
    "import sys, time; from pathlib import Path; from activessl.project.folder import Project\n"
    "with Project.open(Path(sys.argv[1])).lock(): print('held', flush=True); time.sleep(60)"
)


def test_a_writer_on_another_machine_is_named_and_its_death_frees_the_lock(server: Cluster, tmp_path: Path) -> None:
    url = server.create("hold")
    here, there = made(tmp_path / "here", url), made(tmp_path / "there", url)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(there.project.folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(ProjectLocked, match="another activessl process is writing") as told:
            here.encode()
        assert told.value.message.endswith(f", process {holder.pid}")
        assert here.project.history().encoded is None  # who reads needs no lock
        holder.kill()
        holder.wait()
        begun = time.monotonic()
        while True:
            try:
                here.encode()
                break
            except ProjectLocked:
                assert time.monotonic() - begun < 5
                time.sleep(0.05)
    finally:
        holder.kill()
        holder.wait()


def test_who_has_lost_the_lock_writes_nothing_more(server: Cluster, tmp_path: Path) -> None:
    session = made(tmp_path, server.create("lost"))
    before = session.project.history().events
    with session.project.lock():
        held = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        assert server.ask("lost", held) == ["t"]
        for _ in range(3):  # also once the driver has connected anew
            with pytest.raises(LedgerError, match="cannot write"):
                session.project.append(Pulled(watermark="of one who has lost the lock"))
    drop_connections()
    assert session.project.history().events == before
    session.encode()


def test_a_child_of_a_process_opens_connections_of_its_own(server: Cluster, tmp_path: Path) -> None:
    session = made(tmp_path, server.create("fork"))
    session.project.history()
    child = os.fork()
    if child == 0:
        try:
            for _ in range(5):
                session.project.history()
            with session.project.lock():
                pass
            os._exit(0)
        except BaseException:
            os._exit(1)
    for _ in range(5):
        session.project.history()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert session.project.history().created is not None

"""The worker: rounds follow each other while people label, and nothing is lost whenever it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from activessl.session import Session
from activessl_label_studio import worker as worker_module
from activessl_label_studio.worker import Worker

SIZE = 6


def wait_for(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def worker(session: Session, desk: Any) -> Worker:
    return Worker(session, desk, every=60.0, settle=0.01, low=2)


def test_the_first_step_opens_a_round_and_the_next_ones_leave_it_alone_while_many_items_wait(
    worker: Worker, desk: Any
) -> None:
    worker.step()
    assert len(desk.asked) == SIZE
    desk.answer(SIZE - 3)
    worker.step()
    assert (worker.state.waiting, worker.state.rounds, worker.counts["teaches"]) == (3, 1, 0)


def test_when_few_are_left_it_teaches_and_pushes_the_next_round_by_the_new_model(worker: Worker, desk: Any) -> None:
    worker.step()
    desk.answer(SIZE - 2)
    worker.step()
    assert (worker.state.labels, worker.state.rounds, worker.counts["teaches"]) == (4, 2, 1)
    assert desk.models == ["cold", worker.state.model]
    assert worker.state.waiting == SIZE


def test_why_an_item_is_asked_is_told_without_any_class(worker: Worker, desk: Any) -> None:
    worker.step()
    desk.answer(SIZE)
    worker.step()
    current = worker.session.project.history().open_round
    assert current is not None and current.number == 2
    named = [item for item in current.questions if "the model" in item.reason]
    assert len(named) == SIZE and all("even" in item.reason or "odd" in item.reason for item in named)
    # of those that are not blind too: Label Studio keeps it, and the item may be asked blind later
    told = [question.reason for question in desk.queries[-1].questions]
    assert len(told) == SIZE and not any("even" in reason or "odd" in reason for reason in told)
    assert all(item.reason.startswith(reason) and reason for item, reason in zip(named, told, strict=True))


def test_free_memory_is_given_back_after_a_step_that_teaches_or_opens_a_round_and_after_no_other(
    worker: Worker, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr("activessl_label_studio.worker.give_back", lambda: given.append(worker.state.rounds))
    worker.try_step()
    worker.try_step()
    assert given == [1]
    desk.answer(SIZE)
    worker.try_step()
    assert given == [1, 2]


def test_a_round_of_skips_only_leads_to_another_without_teaching(worker: Worker, desk: Any) -> None:
    worker.step()
    desk.answer(SIZE, skip=True)
    worker.step()
    assert (worker.state.skipped, worker.state.rounds, worker.counts["teaches"]) == (SIZE, 2, 0)


def test_answers_to_the_rest_of_an_older_round_count(worker: Worker, desk: Any) -> None:
    worker.step()
    desk.answer(SIZE - 1)
    worker.step()
    desk.answer(1)
    worker.step()
    assert worker.state.labels == SIZE


def test_it_ends_when_nothing_is_left_and_says_so_once(
    session: Session, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "should_stop", lambda _: None)
    told: list[str] = []
    worker = Worker(session, desk, low=0, tell=told.append)
    for _ in range(12):
        worker.step()
        desk.answer(SIZE)
    assert worker.state.labels == 40
    assert worker.state.stopped == "every item is labeled or skipped"
    assert len([line for line in told if "no further round" in line]) == 1


def test_the_project_s_own_rule_stops_it_and_later_answers_are_still_learned(
    worker: Worker, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.step()
    monkeypatch.setattr(Session, "should_stop", lambda _: "the budget is spent")
    desk.answer(5)
    worker.step()
    assert (worker.state.stopped, worker.state.rounds, worker.state.labels) == ("the budget is spent", 1, 5)
    desk.answer(1)
    worker.step()
    assert (worker.state.labels, worker.counts["teaches"]) == (6, 2)


def test_a_push_that_did_not_happen_is_made_up_for(worker: Worker, session: Session, desk: Any) -> None:
    session.query()  # and the process ended here
    worker.step()
    assert len(desk.asked) == SIZE
    assert worker.state.rounds == 1


def test_one_that_starts_again_at_any_moment_goes_on_with_the_same_round(
    worker: Worker, session: Session, desk: Any
) -> None:
    worker.step()
    desk.answer(4)
    session.pull(desk)  # the answers are in the ledger, and the process ended before it taught them
    another = Worker(Session.open(session.project.folder), desk, low=2)
    another.step()
    assert (another.state.labels, another.counts["teaches"], another.state.rounds) == (4, 1, 2)


def test_trouble_is_told_once_and_tried_again(worker: Worker, desk: Any) -> None:
    told: list[str] = []
    worker._tell = told.append
    desk.away = True
    assert not worker.try_step()
    assert not worker.try_step()
    desk.away = False
    assert worker.try_step()
    assert told[:2] == ["round 1 is open", "nobody is there; wait"]
    assert told.count("nobody is there; wait") == 1
    assert (worker.problem, worker.counts["errors"]) == ("", 2)


@pytest.mark.parametrize(
    "error", [RuntimeError("a defect"), MemoryError(), UnicodeDecodeError("utf-8", b"x", 0, 1, "y")]
)
def test_an_unexpected_error_does_not_end_the_thread_and_is_told(
    session: Session, desk: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    told: list[str] = []
    worker = Worker(session, desk, every=0.01, settle=0.001, tell=told.append)
    steps, turns = worker.step, iter([error, error])

    def step() -> None:
        for failure in turns:
            raise failure
        steps()

    monkeypatch.setattr(worker, "step", step)
    worker.start()
    wait_for(lambda: bool(desk.asked))
    assert worker.alive and worker.counts["errors"] == 2
    worker.stop()
    assert sum(type(error).__name__ in line for line in told) == 1
    assert "the last step succeeded again" in told


def test_a_closed_terminal_does_not_end_the_thread(session: Session, desk: Any) -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    worker = Worker(session, desk, every=0.01, settle=0.001, tell=closed)
    worker.start()
    wait_for(lambda: bool(desk.asked))
    assert worker.alive
    worker.stop()


@pytest.mark.parametrize("content", [b"", b"\xff\x00\xfe" * 40])
def test_damaged_caches_do_not_stop_a_service(worker: Worker, session: Session, desk: Any, content: bytes) -> None:
    worker.step()
    desk.answer(SIZE)
    folder = session.project.folder
    for file in [*folder.glob("embeddings/*/*"), *folder.glob("embeddings/*/smoothed/*"), *folder.glob("*.parquet")]:
        if file.is_file() and file.name not in ("seal.json", "ids.json"):
            file.write_bytes(content)
    assert worker.try_step(), worker.problem
    assert (worker.state.labels, worker.state.rounds) == (SIZE, 2)


def test_another_process_at_work_is_waited_for_and_told_only_if_it_lasts(
    worker: Worker, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session.project.lock():
        assert not worker.try_step() and worker.problem == "" and worker.counts["errors"] == 0
        monkeypatch.setattr(worker_module, "_PATIENCE_S", 0.0)
        assert not worker.try_step()
    assert "another activessl process" in worker.problem
    assert worker.try_step() and worker.problem == ""


def test_an_order_that_comes_while_another_process_works_is_carried_out_afterwards(
    worker: Worker, session: Session, desk: Any
) -> None:
    worker.step()
    desk.answer(2)
    worker.step()
    worker.order("teach")
    with session.project.lock():
        assert not worker.try_step()
    assert worker.counts["teaches"] == 0
    assert worker.try_step() and worker.counts["teaches"] == 1


def test_a_wake_brings_a_look_soon_and_a_burst_is_read_once(session: Session, desk: Any) -> None:
    worker = Worker(session, desk, every=60.0, settle=0.2, low=2)
    worker.start()
    wait_for(lambda: worker.state.rounds == 1)
    before = worker.counts["pulls"]
    desk.answer(4)
    for _ in range(20):
        worker.wake()
        time.sleep(0.01)
    wait_for(lambda: worker.state.rounds == 2)
    assert worker.counts["pulls"] == before + 1
    assert worker.alive
    worker.stop()
    assert not worker.alive


def test_without_any_webhook_it_looks_from_time_to_time(session: Session, desk: Any) -> None:
    worker = Worker(session, desk, every=0.05, settle=0.01, low=2)
    worker.start()
    wait_for(lambda: worker.state.rounds == 1)
    desk.answer(5)
    wait_for(lambda: worker.state.rounds == 2)
    worker.stop()


def test_an_unbroken_stream_of_wakes_does_not_put_it_off_for_ever(session: Session, desk: Any) -> None:
    worker = Worker(session, desk, every=60.0, settle=0.05, low=2)
    worker.start()
    wait_for(lambda: worker.state.rounds == 1)
    desk.answer(5)

    def again() -> bool:
        worker.wake()
        return worker.state.rounds == 2

    wait_for(again)
    worker.stop()

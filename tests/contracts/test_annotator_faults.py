"""What happens when answers are lost, repeated, broken or refused. Against the fake, which can be told to misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from fake_http import COOKIE
from fake_label_studio import FakeLabelStudio
from made_up import CLASSES, ask, pool_of, result, submit, suggest

from activessl.errors import AnnotatorDenied, AnnotatorError, AnnotatorUnreachable
from activessl.ledger.fold import fold
from activessl.ledger.schema import Answered, Recorded
from activessl.pool.pool import Pool
from activessl_label_studio import push as push_module
from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig
from activessl_label_studio.client import connect

FOREVER = 10_000


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLabelStudio]:
    monkeypatch.setattr(push_module.time, "sleep", lambda _: None)
    monkeypatch.setattr("label_studio_sdk.core.http_client._retry_timeout", lambda **_: 0.0)
    monkeypatch.setattr("label_studio_sdk.core.http_client._retry_timeout_from_retries", lambda **_: 0.0)
    with FakeLabelStudio() as fake:
        yield fake


@pytest.fixture
def people(server: FakeLabelStudio) -> LabelStudioAnnotator:
    return LabelStudioAnnotator(LabelStudioConfig(server.url, server.token, "faults", CLASSES, "text"))


@pytest.fixture
def pool() -> Pool:
    return pool_of(20)


@pytest.mark.parametrize("what", ["drop", "refuse", "half", 502, 504])
def test_an_import_whose_answer_is_lost_makes_each_task_once(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool, what: str | int
) -> None:
    server.faults.append(["/import", "POST", what, 1])
    pushed = people.push(pool, ask(pool, [1, 2, 3]), [], model="round-0")
    assert len(server.tasks) == 3
    assert {str(t["id"]) for t in server.tasks.values()} == set(pushed.tasks.values())


@pytest.mark.parametrize("what", ["drop", "refuse", "half", 503])
def test_predictions_whose_answer_is_lost_are_there_once(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool, what: str | int
) -> None:
    query = ask(pool, [1, 2, 3])
    people.push(pool, query, suggest(query, "bag"), model="round-0")
    server.faults.append(["/import/predictions", "POST", what, 1])
    people.push(pool, query, suggest(query, "coat"), model="round-1")
    assert server.versions(1) == {"round-1": 3}


def test_a_server_that_never_answers_an_import_is_unreachable_and_the_next_push_finds_what_was_sent(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool
) -> None:
    server.faults.append(["/import", "POST", "refuse", FOREVER])
    with pytest.raises(AnnotatorUnreachable):
        people.push(pool, ask(pool, [1, 2]), [], model="round-0")
    server.faults.clear()
    assert people.push(pool, ask(pool, [1, 2]), [], model="round-0").new == 2
    assert len(server.tasks) == 2


def test_reads_survive_a_server_that_fails_twice(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool
) -> None:
    people.push(pool, ask(pool, [1]), [], model="round-0")
    server.faults += [["/api/tasks", "GET", 500, 2], ["/api/projects", "GET", "half", 2]]
    assert people.pull()[0] == []


def test_what_is_not_label_studio_is_not_taken_for_a_broken_answer(
    server: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(server.url, server.token)
    monkeypatch.setattr("fake_http.json.dumps", lambda _: "<html>log in first</html>")
    with pytest.raises(AnnotatorError, match="not complete JSON"):
        client.get("/api/users/")


def test_a_project_that_offers_another_task_is_an_error(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.push(pool, ask(pool, [1, 2]), [], model="round-0")
    first = min(server.tasks)
    server.locks.clear()
    monkeypatch.setattr(server, "next_task", lambda project, user: (server.tasks[first], "Sequence queue"))
    with pytest.raises(AnnotatorError, match="offers task"):
        people.push(pool, ask(pool, [5, 6]), [], model="round-1")


def test_a_wrong_token_is_denied_and_never_shown(server: FakeLabelStudio) -> None:
    wrong = server.token[:-4] + "AAAA"
    with pytest.raises(AnnotatorDenied) as caught:
        connect(server.url, wrong)
    assert wrong not in str(caught.value)
    assert wrong[:40] not in repr(caught.value)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502])
def test_no_error_carries_a_cookie_a_header_or_a_token(server: FakeLabelStudio, status: int) -> None:
    client = connect(server.url, server.token)
    server.faults.append(["/api/users/", "GET", status, FOREVER])
    with pytest.raises(AnnotatorError) as caught:
        client.get("/api/users/")
    shown = f"{caught.value} {caught.value!r} {caught.value.__context__!r} {client!r}"
    for secret in (COOKIE.split("=")[1], server.token, "Bearer", "Set-Cookie", *server.access):
        assert secret not in shown


def test_an_access_token_that_expires_is_renewed(pool: Pool) -> None:
    with FakeLabelStudio(access_seconds=1.0) as server:
        client = connect(server.url, server.token)
        import time

        time.sleep(1.2)
        assert client.get("/api/users/")
        assert len(server.access) == 2


def test_a_token_that_expired_by_the_server_s_clock_only_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeLabelStudio(access_seconds=300.0) as server:
        client = connect(server.url, server.token)
        server.access = dict.fromkeys(server.access, 0.0)  # this machine's clock says that it is good for minutes
        assert client.get("/api/users/")


def pulled(people: LabelStudioAnnotator, mark: str | None = None) -> tuple[set[str], str]:
    answers, mark = people.pull(mark)
    return {a.item for a in answers}, mark


def test_answers_given_after_the_server_s_clock_was_set_back_are_found(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool
) -> None:
    server.skew = timedelta(hours=1)
    pushed = people.push(pool, ask(pool, [1, 2, 3, 4]), [], model="round-0")
    one, two, three, four = (pushed.tasks[pool.ids[i]] for i in (1, 2, 3, 4))
    submit(people.client, one, ["coat"])
    found, mark = pulled(people)
    assert found == {pool.ids[1]}
    server.skew = timedelta(0)
    submit(people.client, two, ["coat"])
    found, mark = pulled(people, mark)
    assert pool.ids[2] in found
    submit(people.client, three, ["coat"])
    found, mark = pulled(people, mark)
    assert pool.ids[3] in found

    # set back, answered, and right again before anybody looked: only the number of answers tells
    server.skew = timedelta(hours=-1)
    submit(people.client, four, ["coat"])
    server.skew = timedelta(0)
    assert pool.ids[4] in pulled(people, mark)[0]


def test_an_edit_and_a_deletion_after_the_server_s_clock_was_set_back_count(
    people: LabelStudioAnnotator, server: FakeLabelStudio, pool: Pool
) -> None:
    server.skew = timedelta(days=3650)
    pushed = people.push(pool, ask(pool, [1, 2]), [], model="round-0")
    made = [submit(people.client, pushed.tasks[pool.ids[i]], ["coat"]) for i in (1, 2)]
    first, mark = people.pull()
    server.skew = timedelta(0)
    people.client.patch(f"/api/annotations/{made[0]['id']}/", {"result": result(["bag"])})
    people.client.delete(f"/api/annotations/{made[1]['id']}/")
    second, _ = people.pull(mark)
    events = [Answered(answer=answer) for answer in (*first, *second)]
    once = {event.key: event for event in events}.values()
    history = fold(
        [Recorded(seq=i, at=datetime.now(UTC), event=event) for i, event in enumerate(once, start=1)], classes=CLASSES
    )
    assert {item: label.classes for item, label in history.labels.items()} == {pool.ids[1]: ("bag",)}


def test_nothing_at_the_address_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("label_studio_sdk.core.http_client.time.sleep", pauses.append)
    with pytest.raises(AnnotatorUnreachable, match="nothing answers"):
        connect("http://127.0.0.1:9", "x" * 40)
    assert len(pauses) == 2 and min(pauses) > 0  # it was tried three times, and not at once


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://user:pass@host", "http://host:80a", "http://[x"])
def test_an_address_that_cannot_be_used_is_named(url: str) -> None:
    with pytest.raises(AnnotatorError) as caught:
        connect(url, "x" * 40)
    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("path", ["/projects/1", "/projects/1/data/", "/user/login"])
@pytest.mark.parametrize("kind", ["personal", "legacy", "none"])
def test_an_address_with_the_path_of_a_page_is_told_to_have_no_path(
    server: FakeLabelStudio, path: str, kind: str
) -> None:
    server.legacy_allowed = True
    token = {"personal": server.token, "legacy": server.legacy, "none": ""}[kind]
    with pytest.raises(AnnotatorError, match="is not the root of a Label Studio server") as caught:
        connect(server.url + path, token)
    assert caught.value.hint == f"write the address without the path: {server.url}"


def test_another_server_is_told_to_be_no_label_studio(server: FakeLabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    # a server that answers every address with a page
    monkeypatch.setattr("fake_http.json.dumps", lambda _: "<html>welcome</html>")
    monkeypatch.setattr(server, "users", [])
    server.faults.append(["/api/", "GET", 404, FOREVER])
    server.faults.append(["/api/", "POST", 404, FOREVER])
    for token in (server.token, server.legacy, ""):
        with pytest.raises(AnnotatorError, match="is not a Label Studio server"):
            connect(server.url, token)


def test_an_access_token_that_a_proxy_answers_with_a_page_is_a_fault_that_passes(server: FakeLabelStudio) -> None:
    server.faults.append(["/api/token/refresh/", "POST", 200, 1])
    real = server.token
    client = connect(server.url, real, check=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fake_http.json.dumps", lambda _: "<html>wait</html>")
        with pytest.raises(AnnotatorUnreachable, match="access token with text that is not JSON"):
            client.get("/api/users/")
    assert client.get("/api/users/")


def test_where_nothing_answers_that_is_said_before_a_missing_token() -> None:
    with pytest.raises(AnnotatorUnreachable, match="nothing answers"):
        connect("http://127.0.0.1:9", "")

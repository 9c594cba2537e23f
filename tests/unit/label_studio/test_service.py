"""The service: who is let in, what is answered, and that it never waits for the worker."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activessl.errors import ConfigError
from activessl.ledger.history import History
from activessl.project.snapshot import Snapshot
from activessl.sealed import seal
from activessl.session import Session
from activessl_label_studio import web
from activessl_label_studio.labels import HINT, build_config
from activessl_label_studio.service import SECRET_HEADER, Service, keep_secret
from activessl_label_studio.worker import Worker

SECRET = "a-secret-of-this-test"
HEADERS = {SECRET_HEADER.lower(): SECRET}


class Sleeper(Worker):
    """A worker that only counts how often it is woken."""

    woken = 0

    def wake(self) -> None:
        self.woken += 1


@pytest.fixture
def worker(session: Session, desk: Any) -> Sleeper:
    return Sleeper(session, desk)


@pytest.fixture
def service(worker: Sleeper) -> Service:
    return Service(worker, SECRET)


def hook(action: str, **more: Any) -> bytes:
    return json.dumps({"action": action, "project": {"token": "x"}, **more}).encode()


def test_who_knows_the_secret_is_let_in_and_nobody_else(service: Service) -> None:
    def basic(text: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}

    assert service.allows(HEADERS)
    assert service.allows(basic(f"anybody:{SECRET}"))
    for wrong in (
        {},
        {SECRET_HEADER.lower(): SECRET[:-1]},
        {SECRET_HEADER.lower(): "ä\udcff"},
        basic(f"{SECRET}:x"),
        {"authorization": "Basic ///"},
        {"authorization": "Basic \xe4\xff"},
        {"authorization": "Bearer \xe4"},
        {"authorization": f"Token {SECRET}"},
    ):
        assert not service.allows(wrong)


def test_a_short_secret_is_refused(worker: Sleeper) -> None:
    with pytest.raises(ConfigError):
        Service(worker, "short")


def test_a_webhook_wakes_the_worker_once_for_each_thing_that_happened(service: Service, worker: Sleeper) -> None:
    made = {"annotation": {"id": 5, "updated_at": "2026-01-01T00:00:00Z"}}
    edited = {"annotation": {"id": 5, "updated_at": "2026-01-01T00:00:09Z"}}
    said = [
        service.webhook(hook("ANNOTATION_CREATED", **made)),
        service.webhook(hook("ANNOTATION_CREATED", **made)),
        service.webhook(hook("ANNOTATION_UPDATED", **edited)),
        service.webhook(hook("ANNOTATIONS_DELETED", annotations=[{"id": 5}])),
        service.webhook(hook("ANNOTATIONS_CREATED", annotation=[{"id": 6}, {"id": 7}])),
        service.webhook(hook("START_TRAINING")),
        service.webhook(hook("PROJECT_CREATED")),
    ]
    assert [status for status, _ in said] == [200] * 7
    assert [body["status"] for _, body in said] == ["queued", "repeated", *["queued"] * 4, "ignored"]
    assert worker.woken == 5


def test_what_is_remembered_of_a_webhook_has_one_size_whatever_was_sent(service: Service) -> None:
    for number in (5, "x" * 100_000, {"a": ["b"] * 1000}, "\ud800"):
        service.webhook(hook("ANNOTATION_CREATED", annotation={"id": number, "updated_at": "y" * 1000}))
    assert [len(key) for key in service._seen] == [16] * 4


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff"])
def test_what_is_no_webhook_is_refused(service: Service, worker: Sleeper, body: bytes) -> None:
    assert service.webhook(body)[0] == 400
    assert service.predict(body)[0] == 400
    assert worker.woken == 0


def test_each_task_gets_just_one_prediction_before_and_after_there_is_a_head(
    service: Service, worker: Sleeper, desk: Any
) -> None:
    config = build_config(["even", "odd"], "image")
    tasks = [{"id": 1, "data": {"activessl_id": "pool:3"}}, {"id": 2, "data": {"image": "not ours"}}, {"id": 3}, None]
    body = json.dumps({"tasks": tasks, "label_config": config, "project": "1.2", "params": {}}).encode()
    status, said = service.predict(body)
    assert (status, [r["result"] for r in said["results"]]) == (200, [[]] * 4)

    worker.step()
    desk.answer(6)
    worker.step()
    status, said = service.predict(body)
    assert (status, len(said["results"])) == (200, 4)
    assert [r["result"] != [] for r in said["results"]] == [True, False, False, False]
    first = said["results"][0]
    assert first["result"][0]["value"]["choices"] == ["odd"]
    assert 0.5 <= first["score"] <= 1.0
    assert first["model_version"] == worker.state.model != "cold"
    assert service.setup()[1] == {"model_version": worker.state.model}
    assert service.versions()[1] == {"versions": [worker.state.model]}


def test_no_suggestion_has_another_class_after_a_split_beside_the_service(
    service: Service, worker: Sleeper, desk: Any, session: Session
) -> None:
    worker.step()
    desk.answer(6)
    worker.step()
    tasks = [{"id": i, "data": {"activessl_id": f"pool:{i}"}} for i in range(8)]

    def served(*classes: str) -> list[str]:
        body = json.dumps({"tasks": tasks, "label_config": build_config(list(classes), "image")}).encode()
        status, said = service.predict(body)
        assert status == 200
        return [name for one in said["results"] for r in one["result"] for name in r["value"].get("choices", [])]

    assert set(served("even", "odd")) == {"even", "odd"}
    # the columns of the head that is served are even and odd: neither may be called by the name of a part
    Session.open(session.project.folder).classes.split("even", ["two", "four"])
    after = served("two", "four", "odd")
    assert set(after) == {"odd"}  # nobody labeled a part yet


def test_after_fine_tuning_and_after_taking_it_back_people_are_served_what_the_new_vectors_say(
    service: Service, worker: Sleeper, desk: Any, session: Session
) -> None:
    worker.step()
    desk.answer(6)
    worker.step()
    history, snapshot = session.project.history(), Snapshot.of(session.project)
    assert history.open_round is not None and history.encoded is not None
    open_items = tuple(question.item for question in history.waiting(history.open_round))
    tasks = [{"id": i, "data": {"activessl_id": item}} for i, item in enumerate(open_items)]
    body = json.dumps({"tasks": tasks, "label_config": build_config(["even", "odd"], "image")}).encode()

    def served() -> list[str]:
        session.push(desk)
        worker.step()
        return [r["result"][0]["value"]["choices"][0] for r in service.predict(body)[1]["results"]]

    # vectors by which every item that is not labeled yet looks like the other class
    frozen, folder = snapshot.embeddings.fingerprint, session.project.folder / "embeddings"
    shutil.copytree(folder / frozen, folder / "tuned")
    vectors = snapshot.embeddings.vectors.copy()
    known = {answer.classes[0]: snapshot.row[answer.item] for answer in history.answers.values()}
    for item in open_items:
        vectors[snapshot.row[item]] = vectors[known[("odd", "even")[int(item.rsplit(":", 1)[1]) % 2]]]
    np.save(folder / "tuned" / "vectors.npy", vectors)
    note = folder / "tuned" / "provenance.json"
    note.write_text(note.read_text().replace(frozen, "tuned"))
    seal(folder / "tuned")

    def switch(fingerprint: str) -> None:
        events = session.project.history().events
        with session.project.ledger() as ledger:
            ledger.append([history.encoded.model_copy(update={"fingerprint": fingerprint, "turn": events})])
        session.teach()

    before = served()
    switch("tuned")
    tuned = served()
    switch(frozen)
    assert served() == before and all(one != other for one, other in zip(before, tuned, strict=True))
    *_, second, third = desk.models
    assert second != third  # else what was pushed before would stay
    assert [p.model for p in session.project.history().rounds[-1].pushed][-2:] == [second, third]


def test_a_config_that_cannot_be_served_is_an_answer_and_not_a_crash(service: Service) -> None:
    body = json.dumps({"tasks": [], "label_config": "<Snapshot><Rating name='a' toName='b'/></Snapshot>"}).encode()
    status, said = service.predict(body)
    assert status == 422
    assert said["detail"]


def test_a_dead_worker_is_not_healthy(service: Service, worker: Sleeper) -> None:
    assert service.health()[0] == 503
    worker.start()
    assert service.health() == (200, {"status": "UP", "model_class": "activessl"})
    worker.stop()


def test_a_webhook_to_a_dead_worker_is_not_queued(service: Service, worker: Sleeper) -> None:
    worker.start()
    worker.stop()
    assert service.webhook(hook("ANNOTATION_CREATED"))[0] == 503
    assert service.webhooks["queued"] == 0


def test_the_figures_are_prometheus_text(service: Service, worker: Sleeper, desk: Any) -> None:
    worker.step()
    desk.answer(6)
    worker.step()
    service.webhook(hook("ANNOTATION_CREATED"))
    text = service.metrics()
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert values["activessl_labels"] == "6"
    assert values['activessl_webhooks_total{result="queued"}'] == "1"
    assert values['activessl_steps_total{what="teaches"}'] == "1"
    assert all(float(v) >= 0 for v in values.values())
    assert text.endswith("\n")


def test_the_secret_is_made_once_and_is_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ACTIVESSL_SERVE_SECRET", raising=False)
    made = keep_secret(tmp_path)
    assert keep_secret(tmp_path) == made
    assert len(made) >= 24
    assert stat.S_IMODE((tmp_path / "serve.secret").stat().st_mode) == 0o600
    monkeypatch.setenv("ACTIVESSL_SERVE_SECRET", "given-by-the-owner")
    assert keep_secret(tmp_path) == "given-by-the-owner"


def test_without_fastapi_it_says_what_to_install(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fastapi", None)
    with pytest.raises(ConfigError) as caught:
        web.make_app(service)
    assert "activessl[serve]" in caught.value.hint


@pytest.fixture
def http(service: Service) -> Any:
    if os.environ.get("CI") != "true":
        pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    return TestClient(web.make_app(service))


def test_over_http_each_path_of_the_protocol_answers(http: Any, worker: Sleeper) -> None:
    worker.start()
    assert http.get("/").json()["status"] == http.get("/health").json()["status"] == "UP"
    assert http.get("/versions").json() == {"versions": ["cold"]}
    assert http.get("/metrics", headers=HEADERS).headers["content-type"].startswith("text/plain; version=0.0.4")
    assert http.post("/job_status").status_code == 410
    assert http.post("/setup", headers=HEADERS, json={"access_token": "x"}).json() == {"model_version": "cold"}
    ask = {"tasks": [{"id": 1}], "label_config": build_config(["even", "odd"], "text")}
    assert len(http.post("/predict", headers=HEADERS, json=ask).json()["results"]) == 1
    assert http.post("/webhook", headers=HEADERS, json={"action": "START_TRAINING"}).json() == {"status": "queued"}
    worker.stop()


def test_over_http_nothing_is_told_or_done_without_the_secret(http: Any, worker: Sleeper, service: Service) -> None:
    for path in ("/webhook", "/setup", "/predict"):
        assert http.post(path, json={"action": "START_TRAINING"}).status_code == 401
    assert http.get("/metrics").status_code == 401
    assert (worker.woken, service.webhooks["refused"]) == (0, 4)
    assert http.get("/metrics", headers={"Authorization": f"Bearer {SECRET}"}).status_code == 200


@pytest.mark.parametrize("kind", [b"Basic ", b"Bearer ", b"", b"\xff "])
def test_over_http_no_bytes_in_a_header_are_more_than_a_wrong_secret(http: Any, kind: bytes) -> None:
    for path in ("/webhook", "/predict", "/metrics"):
        said = http.request(
            "GET" if path == "/metrics" else "POST", path, headers=[(b"Authorization", kind + b"\xe4\xff\x80")]
        )
        assert said.status_code == 401


@pytest.mark.parametrize("path", ["/webhook", "/predict"])
@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"tasks":' * 50_000, b'{"action":' + b"[" * 100_000, b"\xff\xfe", b""]
)
def test_over_http_no_body_is_more_than_a_wrong_one(http: Any, path: str, body: bytes) -> None:
    assert http.post(path, headers=HEADERS, content=body).status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from(["ANNOTATION_CREATED", "x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["action", "annotation", "id", "tasks", "label_config", "data", "activessl_id", "updated_at"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(JSON, st.sampled_from([build_config(["even", "odd"], "text"), "<View/>", 7]))
def test_no_json_is_more_than_a_wrong_request(service: Service, said: Any, config: Any) -> None:
    assert service.webhook(json.dumps(said).encode())[0] in (200, 400)
    assert service.predict(json.dumps(said).encode())[0] in (200, 400, 422)
    assert service.predict(json.dumps({"tasks": said, "label_config": config}).encode())[0] in (200, 400, 422)


@pytest.fixture
def address(service: Service, worker: Sleeper, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The service, as it really runs, with short limits of time."""
    pytest.importorskip("uvicorn")
    monkeypatch.setattr(web, "_HEADERS_S", 0.5)
    monkeypatch.setattr(web, "_BODY_S", 0.5)
    monkeypatch.setattr(worker, "step", lambda: None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = web.make_server(service, "127.0.0.1", port)
    monkeypatch.setattr(web, "make_server", lambda *_: server)
    thread = threading.Thread(target=web.run_server, args=(service, "127.0.0.1", port), daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < end
        time.sleep(0.01)
    yield "127.0.0.1", port
    server.should_exit = True
    thread.join(20)


HALF = [
    b"",
    b"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Ac",
    b"POST /webhook HTTP/1.1\r\nHost: x\r\nX-Activessl-Secret: " + SECRET.encode() + b"\r\nContent-Length: 99\r\n\r\n{",
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
]


@pytest.mark.slow
def test_a_half_sent_request_ends_and_others_are_answered_meanwhile(address: tuple[str, int]) -> None:
    held = [socket.create_connection(address, timeout=10) for _ in range(8)]
    for i, connection in enumerate(held):
        connection.sendall(HALF[i % len(HALF)])
    with socket.create_connection(address, timeout=10) as other:
        other.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert other.recv(100).startswith(b"HTTP/1.1 200")
    begun = time.monotonic()
    for connection in held:
        with connection, contextlib.suppress(ConnectionResetError):
            while connection.recv(1000):  # until the service closes it
                pass
    assert time.monotonic() - begun < 5


def test_over_http_a_body_without_end_is_cut_off(http: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "_BYTES", 1_000)
    assert http.post("/webhook", headers=HEADERS, content=b"x" * 2_000).status_code == 413


@pytest.mark.slow
def test_a_webhook_is_answered_in_milliseconds_while_the_worker_teaches(
    http: Any, session: Session, worker: Sleeper, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    teaching: list[bool] = []

    def busy() -> None:
        import numpy as np

        teaching.append(True)
        end = time.monotonic() + 1.5
        rng = np.random.default_rng(0)
        while time.monotonic() < end:
            np.linalg.lstsq(rng.normal(size=(300, 60)), rng.normal(size=300), rcond=None)
        teaching.pop()

    monkeypatch.setattr(worker, "step", busy)
    worker.start()
    took = []
    while not teaching:
        time.sleep(0.001)
    for i in range(30):
        start = time.perf_counter()
        http.post("/webhook", headers=HEADERS, content=hook("ANNOTATION_CREATED", annotation={"id": i}))
        took.append(time.perf_counter() - start)
        if not teaching:
            break
    worker.stop()
    # 20 ms on a quiet machine; what is to be seen here is that it does not wait for the teaching
    assert sorted(took)[len(took) // 2] < 0.3


def test_the_model_behind_the_server_is_silent_where_people_should_judge_on_their_own(
    service: Service, worker: Sleeper, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.step()
    desk.answer(6)
    worker.step()
    current = worker.session.project.history().open_round
    assert current is not None
    tasks = [{"id": n, "data": {"activessl_id": item}} for n, item in enumerate(current.items)]
    body = json.dumps({"tasks": tasks, "label_config": build_config(["even", "odd"], "image")}).encode()
    monkeypatch.setattr(Snapshot, "probs", property(lambda snapshot: np.tile([0.84, 0.16], (len(snapshot.points), 1))))
    said = service.predict(body)[1]["results"]
    assert [[part["from_name"] for part in r["result"]] for r in said] == [["label", HINT]] * len(tasks)
    blind = {q.id: q.model_copy(update={"blind": True}) for q in current.questions}
    with monkeypatch.context() as now:
        now.setattr(History, "questions", property(lambda _: blind))
        assert not any(r["result"] for r in service.predict(body)[1]["results"])
    # a doubtful class neither: people would take it over, right or wrong
    doubtful = property(lambda snapshot: np.tile([0.79, 0.21], (len(snapshot.points), 1)))
    monkeypatch.setattr(Snapshot, "probs", doubtful)
    assert not any(r["result"] for r in service.predict(body)[1]["results"])

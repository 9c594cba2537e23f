"""The live page: who is let in, what a form may do, and that it says what happens."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from datetime import UTC, datetime
from http.cookies import SimpleCookie
from typing import Any

import pytest

from activessl.errors import LedgerError
from activessl.ledger.store import Ledger
from activessl.project.data_now import DataNow
from activessl.proof.measured import Measured
from activessl.reports.status import Status
from activessl.session import Session
from activessl_label_studio import web
from activessl_label_studio.live import desk as live_desk
from activessl_label_studio.live.access import COOKIE, Access
from activessl_label_studio.live.desk import Desk
from activessl_label_studio.live.view import Live
from activessl_label_studio.service import Service, keep_secret
from activessl_label_studio.worker import Worker

TOKEN, SECRET = "the-token-of-this-test", "the-secret-of-label-studio"
PAGE = {"accept": "text/html"}


@pytest.fixture
def worker(session: Session, desk: Any) -> Worker:
    return Worker(session, desk, every=60.0, settle=0.01, low=2)


@pytest.fixture
def page(worker: Worker) -> Desk:
    return Desk(worker, Access(TOKEN))


@pytest.fixture
def client(worker: Worker, page: Desk) -> Any:
    pytest.importorskip("fastapi")
    from fastapi.testclient import TestClient

    return TestClient(web.make_app(Service(worker, SECRET), page), base_url="http://localhost")


def entered(client: Any) -> str:
    """Log in; return the word that forms send back."""
    client.post("/login", data={"token": TOKEN})
    found = re.search(r'name="form" value="([^"]+)"', client.get("/", headers=PAGE).text)
    assert found is not None
    return found[1]


def test_nothing_of_the_project_is_shown_or_done_without_the_token(client: Any, worker: Worker) -> None:
    worker.step()
    shown = client.get("/", headers=PAGE)
    assert shown.status_code == 200 and "Log in" in shown.text and "round 1" not in shown.text
    for path in ("/live", "/report", "/events"):
        assert client.get(path, headers=PAGE).status_code == 401
    # neither the secret of Label Studio nor a made-up cookie
    assert client.post("/login", data={"token": SECRET}).status_code == 401
    for cookie in (f"{COOKIE}=x", f"{COOKIE}=", "=;;;", "\x00"):
        assert client.get("/live", headers={"cookie": cookie}).status_code == 401
    assert client.post("/order", data={"what": "teach", "form": "x"}).status_code == 401
    assert worker._orders.empty()


def test_an_open_page_does_not_hold_up_the_end_of_the_service(
    worker: Worker, page: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("uvicorn")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = web.make_server(Service(worker, SECRET), "127.0.0.1", port, page)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    end = time.monotonic() + 20
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    cookie = page.access.login(TOKEN)
    assert cookie is not None
    with socket.create_connection(("127.0.0.1", port), timeout=20) as tab:
        tab.sendall(f"GET /events HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie.partition(';')[0]}\r\n\r\n".encode())
        stream = tab.makefile("rb")
        assert b"200" in stream.readline()
        while not stream.readline().startswith(b"data:"):
            pass
        server.should_exit = True
        thread.join(20)
    assert not thread.is_alive() and capsys.readouterr().err == ""  # uvicorn tells of streams that it had to cancel


def test_label_studio_still_reads_the_health_at_the_address_itself(client: Any) -> None:
    assert client.get("/").json()["model_class"] == "activessl"
    assert client.get("/health").json()["model_class"] == "activessl"


def test_the_cookie_is_for_this_site_alone_and_ends(page: Desk) -> None:
    time = [0.0]
    access = Access(TOKEN, secure=True, clock=lambda: time[0])
    told = access.login(TOKEN) or ""
    assert {"HttpOnly", "SameSite=Strict", "Secure"} <= {part.strip() for part in told.split(";")}
    cookie = f"{COOKIE}={SimpleCookie(told)[COOKIE].value}"
    other = access.login(TOKEN) or ""
    assert access.visit(cookie) is not None and access.visit(other.split(";")[0]) != access.visit(cookie)
    time[0] = 12 * 3600 + 1.0
    assert access.visit(cookie) is None
    again = (access.login(TOKEN) or "").split(";")[0]
    access.logout(again)
    assert access.visit(again) is None


def test_after_ten_wrong_tokens_a_minute_has_to_pass() -> None:
    time = [0.0]
    access = Access(TOKEN, clock=lambda: time[0])
    assert [access.login("wrong") for _ in range(10)] == [None] * 10
    assert access.login(TOKEN) is None
    time[0] = 61.0
    assert access.login(TOKEN) is not None


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        ("right", {}, 303),
        ("right", {"sec-fetch-site": "same-origin"}, 303),
        ("right", {"sec-fetch-site": "cross-site"}, 403),
        ("right", {"sec-fetch-site": "same-site"}, 403),
        ("wrong", {}, 403),
        ("", {}, 403),
    ],
)
def test_only_a_form_of_this_page_can_press_a_button(
    client: Any, worker: Worker, form: str, headers: dict[str, str], status: int
) -> None:
    word = entered(client)
    sent = {"what": "stop", "form": word if form == "right" else form}
    assert client.post("/order", data=sent, headers=headers, follow_redirects=False).status_code == status
    assert worker.paused == (status == 303)


@pytest.mark.parametrize(
    "sent",
    [
        {"what": "<script>alert(1)</script>"},
        {"what": "accept", "error": "nan"},
        {"what": "accept", "error": "0"},
        {"what": "accept", "error": "many"},
        {"what": "accept"},
        {},
    ],
)
def test_an_order_that_is_none_is_a_sentence_and_nothing_is_done(
    client: Any, worker: Worker, sent: dict[str, str]
) -> None:
    word = entered(client)
    answer = client.post("/order", data={**sent, "form": word})
    assert answer.status_code == 400 and answer.headers["content-type"].startswith("text/plain")
    assert worker._orders.empty()
    assert client.post("/order", content=b"\xff" * 20_000).status_code == 403


def test_every_page_may_run_its_own_script_only(client: Any) -> None:
    entered(client)
    for path in ("/", "/live", "/logout"):
        answer = client.get(path, headers=PAGE, follow_redirects=False)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store" and "onclick" not in answer.text
        assert not re.search(r"""(src|href|action)=["']https?:""", answer.text)


def test_the_page_says_what_is_open_who_labels_and_what_happened(
    client: Any, worker: Worker, desk: Any, session: Session
) -> None:
    worker.step()
    word = entered(client)
    before = worker.changes
    desk.answer(3)
    worker.step()
    assert worker.changes > before
    shown = client.get("/live", headers=PAGE).text
    assert re.search(r"<b>3</b> of 6 items of round 1 wait for an answer", shown)
    assert "3 new answers" in shown and "round 1 is open" in shown
    who = session.project.history().answers
    assert all(answer.annotator in shown for answer in who.values()) and word in shown
    live = Live.of(session.project, worker, None, now=datetime.now(UTC))
    assert [(one.here, one.labels) for one in live.labelers] == [(3, 3)]
    assert (live.rounds[0].asked, live.rounds[0].answered) == (6, 3) and live.growth is not None


def test_figures_are_those_of_status_or_say_why_there_are_none(worker: Worker, desk: Any, session: Session) -> None:
    def shown(measured: Measured | None) -> tuple[str, str]:
        live = Live.of(session.project, worker, measured)
        return live.figures[0][1], live.figures[1][1]

    worker.step()
    assert shown(Measured()) == ("no model yet", "no model yet") and shown(None) == ("is measured now",) * 2
    desk.answer(6)
    worker.step()
    measured = session.measure()
    status = Status(session.project.config, session.project.history(), measured, DataNow())
    assert shown(measured) == (status.pool_accuracy, status.saved)
    assert f"accuracy on the pool: {status.pool_accuracy}" in status.to_text().splitlines()
    assert f"labels saved: {status.saved}" in status.to_text().splitlines()


def test_orders_are_done_by_the_worker_and_told(client: Any, worker: Worker, desk: Any) -> None:
    def order(what: str, **more: str) -> str:
        client.post("/order", data={"what": what, "form": word, **more})
        worker.step()
        return str(client.get("/live", headers=PAGE).text)

    worker.step()
    word = entered(client)
    assert "round 1 is open already: 6 tasks wait for an answer" in order("open")
    assert "teach: no labels yet" in order("teach")
    desk.answer(4)
    shown = order("stop")
    assert worker.state.rounds == 1 and "No further round is opened" in shown and 'value="go on"' in shown
    assert "head trained on 4 labels" in order("teach")
    desk.answer(2)
    order("teach")
    assert worker.state.rounds == 1
    assert "further rounds are opened" in order("go on") and worker.state.rounds == 2
    assert re.search(r"accept: [^<]+; |items were accepted; ", order("accept", error="5"))
    desk.answer(6)
    worker.paused = True
    order("open")
    assert worker.state.rounds == 3 and not worker.paused


def test_names_of_others_are_text_and_never_markup(client: Any, worker: Worker, desk: Any) -> None:
    worker._say("<img src=x onerror=alert(1)>")
    worker.problem = "</main><script>alert(2)</script>"
    entered(client)
    shown = client.get("/", headers=PAGE).text
    assert "<img" not in shown and shown.count("<script>") == 1 and "&lt;img" in shown


def test_a_report_is_made_again_only_after_something_happened(
    client: Any, worker: Worker, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    original = Session.report
    monkeypatch.setattr(Session, "report", lambda self, **more: made.append(1) or original(self, **more))
    worker.step()
    entered(client)
    first = client.get("/report", headers=PAGE)
    assert first.status_code == 200 and "labeling report" in first.text
    assert first.headers["content-security-policy"] == "frame-ancestors 'none'"
    client.get("/report", headers=PAGE)
    assert len(made) == 1
    desk.answer(6)
    worker.step()
    client.get("/report", headers=PAGE)
    assert len(made) == 2


def test_a_change_is_told_to_open_pages_within_a_second(worker: Worker, page: Desk) -> None:
    import asyncio

    from starlette.applications import Starlette
    from starlette.requests import ClientDisconnect

    from activessl_label_studio.live.routes import add_live

    app = Starlette()
    add_live(app, page)
    cookie = (page.access.login(TOKEN) or "").split(";")[0]
    got: list[bytes] = []

    async def watch() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                got.append(message["body"])
                worker._say("something happened")
                if len(got) == 2:
                    raise OSError  # as a server does where the browser is gone

        scope = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "query_string": b"",
            "headers": [(b"cookie", cookie.encode())], "client": ("127.0.0.1", 1), "server": ("localhost", 80),
            "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0", "spec_version": "2.4"},
        }  # fmt: skip
        with pytest.raises(ClientDisconnect):
            await asyncio.wait_for(app(scope, receive, send), 10)

    asyncio.run(watch())
    assert got[0] != got[1] and all(part.startswith(b"data: ") for part in got[:2])


def test_figures_are_measured_beside_the_page_and_a_failure_is_no_page_without_end(
    worker: Worker, page: Desk, desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.step()
    desk.answer(6)
    worker.step()
    monkeypatch.setattr(live_desk, "kept_measures", lambda *_: None)

    def broken(_: Session) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(Session, "measure", broken)
    assert page._measured() is None
    with page._measuring:
        pass
    assert page._measured() is not None  # nothing measured, and not tried again for the same labels


def test_the_two_secrets_of_a_project_differ(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = session.project.folder
    assert keep_secret(folder, "page") != keep_secret(folder) and (folder / "page.secret").stat().st_mode & 0o077 == 0
    monkeypatch.setenv("ACTIVESSL_PAGE_SECRET", "given")
    assert keep_secret(folder, "page") == "given" and json.dumps(keep_secret(folder)) != '"given"'


def test_a_visit_is_valid_at_every_worker_with_the_same_token_and_after_a_restart(page: Desk) -> None:
    cookie = (page.access.login(TOKEN) or "").partition(";")[0]
    one, other = page.access.visit(cookie), Access(TOKEN).visit(cookie)
    assert one is not None and one == other
    assert Access("another-token-of-this-test").visit(cookie) is None
    name, until, signature = cookie.rpartition(".")[0].rpartition(".")[0], "99999999999", cookie.rpartition(".")[2]
    assert page.access.visit(f"{name}.{until}.{signature}") is None  # a longer life would need another signature


def test_stopping_holds_for_a_worker_that_is_started_later_and_for_one_beside(
    worker: Worker, session: Session, desk: Any
) -> None:
    worker.step()
    beside = Worker(Session.open(session.project.folder), desk, low=2)
    beside.step()
    worker.order("stop")
    assert worker.paused
    beside.step()
    later = Worker(Session.open(session.project.folder), desk, low=2)
    desk.answer(6)
    later.step()
    assert beside.paused and later.paused and later.state.stopped and later.state.rounds == 1
    beside.order("go on")
    later.step()
    worker.step()
    assert later.state.rounds == worker.state.rounds == 2 and not worker.paused and not worker.state.stopped


def test_of_two_workers_who_end_a_round_at_once_only_the_first_opens_the_next(
    worker: Worker, session: Session, desk: Any
) -> None:
    worker.step()
    desk.answer(6)
    judged = session.project.history().open_round
    other = Worker(Session.open(session.project.folder), desk, low=2)
    other.step()
    assert other.state.rounds == 2
    worker._open(judged)  # what it decided before the other one was faster
    history = session.project.history()
    assert len(history.rounds) == 2 and history.open_round is not None


def test_a_button_whose_order_cannot_be_written_down_says_so(
    client: Any, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    word = entered(client)

    def gone(_: object, __: object) -> int:
        raise LedgerError("cannot write the ledger", hint="start the database server")

    monkeypatch.setattr(Ledger, "append", gone)
    answer = client.post("/order", data={"what": "stop", "form": word}, follow_redirects=False)
    assert answer.status_code == 503 and "start the database server" in answer.text and not worker.paused

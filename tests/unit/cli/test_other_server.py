"""A project whose rounds a program pushed to a server that activessl.toml does not name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from activessl import Session
from activessl.annotators.base import Asked, Pushed, Suggestion
from activessl.annotators.oracle import Oracle
from activessl.labels.answers import Answer
from activessl.pool.pool import Pool
from activessl_cli.main import run

SERVER = "https://labels.example.com/studio"
OPEN = f"{SERVER}/projects/7/data?labeling=1"


class Server:
    """An oracle at the address of a Label Studio server."""

    def __init__(self, truth: dict[str, str], address: str = SERVER) -> None:
        self.address, self.oracle = address, Oracle(truth, ("light", "dark"), seed=1)

    def push(self, pool: Pool, asked: Asked, suggestions: Sequence[Suggestion], *, model: str) -> Pushed:
        self.oracle.push(pool, asked, suggestions, model=model)
        return Pushed(
            {item: item for item in asked.ids}, len(asked), 0, f"{self.address}/projects/7/data?labeling=1", "7"
        )

    def pull(self, since: str | None = None) -> tuple[list[Answer], str]:
        return self.oracle.pull(since)


@pytest.fixture
def people(
    pictures: Callable[[int], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    truth = pictures(30)
    assert run("init", "pictures", "--classes", "light,dark", "--query-size", "6") == 0
    config = tmp_path / "activessl.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('name = "auto"', 'name = "pixels"', 1))
    Session.open(".").encode()
    return truth


def following(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run("status") == 0
    (line,) = re.findall(r"^next: (.*)$", capsys.readouterr().err, re.M)
    return str(line)


def name_server(url: str) -> None:
    config = Path("activessl.toml")
    text = re.sub(r"^#? ?url = .*$", f'url = "{url}"', config.read_text(encoding="utf-8"), count=1, flags=re.M)
    assert f'url = "{url}"' in text
    config.write_text(text, encoding="utf-8")


def test_encode_says_how_to_start_a_server_while_there_is_none(
    people: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("encode") == 0
    told = capsys.readouterr().err
    assert told.endswith("next: activessl query; no Label Studio server runs yet: activessl studio start\n")
    name_server(SERVER)
    assert run("encode") == 0
    assert capsys.readouterr().err.endswith("next: activessl query\n")


def test_the_next_step_of_a_round_on_another_server_names_that_server(
    people: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session.open(".")
    session.query()
    session.push(Server(people))
    assert following(capsys) == (
        f"label the open round at {OPEN}, then pull from Python (session.pull), "
        f'or set annotator.url = "{SERVER}" in activessl.toml'
    )
    assert run("studio", "status") == 0
    session.pull(Server(people))
    name_server(SERVER)
    assert "session.pull" not in following(capsys)


def test_no_verb_starts_a_second_server_for_the_next_round_either(
    people: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    session, server = Session.open("."), Server(people)
    session.query()
    session.push(server)
    session.pull(server)
    session.teach()
    assert following(capsys) == "activessl query"
    session.query()
    told = following(capsys)
    assert told.startswith(f"push the open round to {SERVER} from Python (session.push)")
    for verb in ("push", "pull", "round"):
        assert run(verb) == 1
        told = capsys.readouterr().err
        assert f'set annotator.url = "{SERVER}" in activessl.toml' in told
        assert "studio start" not in told


def test_a_config_that_names_a_new_server_still_offers_to_push_to_it(
    people: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    name_server("https://new.example.com")
    session = Session.open(".")
    session.query()
    session.push(Server(people))
    told = following(capsys)
    assert told.startswith(f"label the open round at {OPEN}")
    assert told.endswith("to ask at https://new.example.com instead: activessl push")


def test_the_server_of_studio_start_is_named_by_the_config_at_any_port(
    people: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session.open(".")
    session.query()
    session.push(Server(people, "http://127.0.0.1:8080"))
    assert following(capsys).startswith("label the open round at http://127.0.0.1:8080/projects/7")
    (tmp_path / "studio").mkdir()
    assert following(capsys) == "activessl studio start, then label in Label Studio, then activessl pull"

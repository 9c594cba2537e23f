"""The files of docs/how-to/team: their form, and each part of them with the real programs, without containers."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import typer
import yaml
from clusters import Cluster
from couple import Labelers
from fake_label_studio import FakeLabelStudio
from serving import SECRET, TOKEN, Workers, wait_for

from activessl_cli.main import app
from activessl_label_studio.install import VERSION
from activessl_label_studio.service import SECRET_HEADER

ROOT = Path(__file__).parents[2]
HERE = ROOT / "docs/how-to/team"
TEXT = (HERE / "compose.yaml").read_text()
ENV = dict(re.findall(r"^([A-Z_]+)=(.*)$", (HERE / "example.env").read_text(), re.M))
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[?-][^}]*)?\}")
GIVEN = {name: value or f"value-of-{name}" for name, value in ENV.items()}
#: As Compose does it before it reads the file.
FILLED = VARIABLE.sub(lambda found: GIVEN[found[1]], TEXT)
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILLED)["services"]


def test_compose_is_of_the_form_that_compose_reads(missing: Callable[[str], NoReturn]) -> None:
    try:
        from compose_spec import PyCompose
    except ImportError:
        missing("compose-spec is not installed (pip install compose-spec)")
    assert set(PyCompose.from_yaml(FILLED).service_names()) == set(SERVICES)
    for right, wrong in (("interval: 5s", "intervall: 5s"), ("service_healthy", "healthy")):
        with pytest.raises(ValueError):
            PyCompose.from_yaml(FILLED.replace(right, wrong, 1))


def test_every_variable_is_in_the_example_and_every_secret_has_to_be_given() -> None:
    assert set(VARIABLE.findall(TEXT)) == set(ENV)
    for name, value in ENV.items():
        assert value or f"${{{name}:?" in TEXT  # it does not start without
    values = re.findall(r"(?m)^ *\w*(?:PASSWORD|SECRET|KEY): (.*)$", TEXT)
    assert len(values) == 6 and all(value.startswith("${") for value in values)


def test_images_are_pinned_files_are_there_and_versions_are_ours() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    for name, service in SERVICES.items():
        tag = service["image"].partition(":")[2]
        assert re.fullmatch(r"\d+(\.\d+)+", tag), f"{name} is not pinned"
        for mount in service.get("volumes", ()):
            if isinstance(mount, dict) and mount["source"].startswith("./"):
                assert (HERE / mount["source"]).is_file()
    assert SERVICES["label-studio"]["image"].endswith(f":{VERSION}")
    assert SERVICES["serve-1"]["image"].endswith(f":{project['version']}")
    built = (HERE / "Dockerfile").read_text()
    (extras, version) = re.findall(r"activessl\[([\w,]+)\]==([\d.]+)", built)[0]
    assert version == project["version"] and set(extras.split(",")) <= project["optional-dependencies"].keys()
    python = tuple(int(part) for part in re.findall(r"FROM python:(\d+)\.(\d+)\.\d+-", built)[0])
    assert python >= tuple(int(part) for part in project["requires-python"].removeprefix(">=").split("."))


def test_every_command_line_of_ours_is_one_that_the_command_line_takes() -> None:
    verbs: Any = typer.main.get_command(app)
    ours = [service["command"] for service in SERVICES.values() if service.get("command", [""])[0] == "activessl"]
    page = (ROOT / "docs/how-to/team.md").read_text()
    ours += [shlex.split(line)[shlex.split(line).index("activessl") :] for line in _lines(page)]
    assert len(ours) > 5
    for _, verb, *rest in ours:
        verbs.commands[verb].make_context(verb, list(rest))  # it would stop at an unknown option


def _lines(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page, re.S)
    found = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in found if " activessl " in line and line.startswith("$")]


def test_the_checks_of_health_are_answered_by_the_real_processes(server: Cluster, workers: Workers) -> None:
    kind, python, *check = SERVICES["serve-1"]["healthcheck"]["test"]
    assert (kind, python) == ("CMD", "python")
    good = [sys.executable, *(part.replace("9090", str(workers.ports[0])) for part in check)]
    assert subprocess.run(good).returncode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bad = [sys.executable, *(part.replace("9090", str(free.getsockname()[1])) for part in check)]
        assert subprocess.run(bad, stderr=subprocess.DEVNULL).returncode != 0
    _, ready, *rest = SERVICES["database"]["healthcheck"]["test"]
    assert server.run(ready, *server.here[:4], *rest).returncode == 0
    server.stop()
    assert server.run(ready, *server.here[:4], *rest).returncode != 0


def test_the_databases_are_made(server: Cluster) -> None:
    statements = [line for line in (HERE / "databases.sql").read_text().splitlines() if not line.startswith("--")]
    server.ask("postgres", "\n".join(statements))
    assert server.ask("postgres", "SELECT datname FROM pg_database WHERE datname = 'label_studio'") != []


def test_the_proxy_passes_pages_webhooks_and_streams_to_both_and_leaves_out_who_is_down(
    workers: Workers, studio: FakeLabelStudio, tmp_path: Path, missing: Callable[[str], NoReturn]
) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        missing("nginx is not installed (Debian: apt-get install nginx-light)")
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=labels.example.com"]
    made += ["-keyout", str(certificates / "key.pem"), "-out", str(certificates / "cert.pem")]
    subprocess.run(made, check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    text = (HERE / "nginx.conf").read_text().replace("/etc/nginx/certificates", str(certificates))
    for name, there in (
        ("serve-1:9090", f"127.0.0.1:{workers.ports[0]}"),
        ("serve-2:9090", f"127.0.0.1:{workers.ports[1]}"),
        ("label-studio:8080", studio.url.removeprefix("http://")),
        ("listen 443", f"listen 127.0.0.1:{port}"),
    ):
        assert name in text
        text = text.replace(name, there)
    temporary = "".join(
        f"  {one}_temp_path {tmp_path}/{one};\n" for one in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("http {\n", "http {\n  access_log off;\n" + temporary, 1)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/nginx.pid;\ndaemon off;\nmaster_process off;\n{text}")
    command = [nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")]
    done = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with subprocess.Popen(command) as process, httpx.Client(verify=False, base_url=f"https://127.0.0.1:{port}") as web:
        try:
            host = {"host": "labels.example.com"}

            def up() -> bool:
                try:
                    return web.get("/health", headers=host).status_code == 200
                except httpx.HTTPError:
                    return False

            wait_for(up)
            assert web.get("/api/version", headers={"host": "studio.example.com"}).json()["release"] == VERSION
            wait_for(lambda: len(studio.tasks) == 6)
            login = web.post("/login", data={"token": TOKEN}, headers=host)
            cookie = {"cookie": login.headers["set-cookie"].partition(";")[0], "accept": "text/html"}
            assert login.status_code == 303 and "Secure" not in login.headers["set-cookie"]  # http in this test
            shown = [web.get("/", headers=host | cookie) for _ in range(4)]
            assert {page.status_code for page in shown} == {200} and all("Log in" not in page.text for page in shown)
            people = Labelers(studio)
            people.label(5)
            for i in range(6):
                body = {"action": "ANNOTATION_CREATED", "annotation": {"id": i, "updated_at": "now"}}
                answer = web.post("/webhook", json=body, headers=host | {SECRET_HEADER: SECRET})
                assert answer.json() == {"status": "queued"}
            queued = [workers.metric(i, 'webhooks_total{result="queued"}') for i in (0, 1)]
            assert sum(queued) == 6 and min(queued) >= 2
            wait_for(lambda: len(workers.project.history().rounds) == 2)
            with web.stream("GET", "/events", headers=host | cookie, timeout=30) as stream:
                assert next(stream.iter_lines()).startswith("data: ")  # not held back
            workers.processes[0].kill()
            workers.processes[0].wait()
            assert {web.get("/health", headers=host).status_code for _ in range(6)} == {200}
        finally:
            process.terminate()

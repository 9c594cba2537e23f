"""The embedded server: started, found again, stopped, and what it keeps to itself."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from activessl.annotators.base import Asked
from activessl.errors import AnnotatorDenied, AnnotatorError, AnnotatorUnreachable
from activessl.labels.questions import Question
from activessl.pool.pool import Item, Modality, Pool
from activessl_label_studio import LabelStudioAnnotator, LabelStudioConfig, StudioInfo, connect, studio
from activessl_label_studio.login import sign_in

pytestmark = [pytest.mark.studio, pytest.mark.timeout(900)]


class Pictures:
    modality: Modality = "image"

    def __init__(self, folder: Path, n: int) -> None:
        self.location = folder
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for i in range(n):
            Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / f"picture {i}.png")

    def scan(self) -> list[Item]:
        return [Item(p.name, f"{i:064x}", (8, 8, 1)) for i, p in enumerate(sorted(self.location.glob("*.png")))]

    def read(self, item_id: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(self.content(item_id))))

    def path(self, item_id: str) -> Path:
        return self.location / item_id

    def content(self, item_id: str) -> bytes:
        return self.path(item_id).read_bytes()


def test_a_second_start_answers_the_running_server(server: StudioInfo, environment: Path, folder: Path) -> None:
    assert studio.start(folder, python=environment) == server
    assert studio.status(folder) == server


def test_another_process_finds_it(server: StudioInfo, folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from activessl_label_studio import studio; "
        "print(studio.status(Path(sys.argv[1])).pid)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert int(said.stdout) == server.pid


def test_its_token_and_its_password_open_it_and_others_do_not(server: StudioInfo) -> None:
    client = connect(server.url, server.token)
    assert (client.kind, client.email, client.version) == ("personal", server.email, studio.VERSION)
    sign_in(server.url, server.email, server.password).close()
    with pytest.raises(AnnotatorDenied):
        sign_in(server.url, server.email, "wrong")


def test_its_secrets_are_the_owners_alone_and_never_printed(server: StudioInfo, folder: Path) -> None:
    assert stat.S_IMODE((folder / "studio.json").stat().st_mode) == 0o600
    printed = repr(server) + server.log.read_text(errors="replace")
    command = Path(f"/proc/{server.pid}/cmdline")
    printed += command.read_text() if command.exists() else ""
    assert server.password not in printed
    assert server.token not in printed


def test_a_port_in_use_is_named(environment: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AnnotatorError, match=f"port {port} is in use"):
            studio.start(tmp_path, python=environment, port=port)


def test_a_stale_pid_file_is_no_server(tmp_path: Path) -> None:
    # a live process that is not the server of this folder: the number was given to somebody else
    (tmp_path / "studio.pid").write_text("1\n")
    assert studio.status(tmp_path) is None
    assert not studio.stop(tmp_path)
    assert not (tmp_path / "studio.pid").exists()


@pytest.mark.parametrize("media", ["inline", "local", "upload", "auto"])
def test_pictures_are_seen_by_the_annotators_browser(server: StudioInfo, tmp_path: Path, media: str) -> None:
    source = Pictures(tmp_path / "pictures", 3)
    pool = Pool(tuple(source.scan()), source)
    query = Asked(tuple(Question(kind="new", items=(item,)) for item in pool.ids), "random")
    config = LabelStudioConfig(
        server.url,
        server.token,
        f"pictures {media} {tmp_path.name[-8:]}",
        ("a", "b"),
        media=media,  # type: ignore[arg-type]
        document_root=server.document_root,
    )
    annotator = LabelStudioAnnotator(config)
    pushed = annotator.push(pool, query, [], model="round-0")
    with contextlib.closing(sign_in(server.url, server.email, server.password)) as person:
        for item_id, task in pushed.tasks.items():
            address = person.get(f"/api/tasks/{task}").json()["data"]["image"]
            if address.startswith("data:"):
                continue
            seen = person.get(address)
            assert seen.status_code == 200
            assert seen.content == source.content(item_id)


def test_who_may_log_in_can_fetch_pushed_items_and_no_other_file(
    server: StudioInfo, folder: Path, tmp_path: Path
) -> None:
    source = Pictures(tmp_path / "pictures", 2)
    (tmp_path / "pictures" / "payroll.csv").write_text("ann,1")
    pool = Pool(tuple(source.scan()), source)
    query = Asked((Question(kind="new", items=(pool.ids[0],)),), "random")
    title = f"served {tmp_path.name[-8:]}"
    config = LabelStudioConfig(
        server.url, server.token, title, ("a", "b"), media="local", document_root=server.document_root
    )
    people = LabelStudioAnnotator(config)
    pushed = people.push(pool, query, [], model="round-0")
    with contextlib.closing(sign_in(server.url, server.email, server.password)) as person:
        address = person.get(f"/api/tasks/{next(iter(pushed.tasks.values()))}").json()["data"]["image"]
        assert person.get(address).content == source.content(pool.ids[0])
        secrets = [folder / name for name in ("studio.json", "studio.log", "data/label_studio.sqlite3", "data/.env")]
        others = [source.path(pool.ids[1]), tmp_path / "pictures" / "payroll.csv"]
        for path in [p for p in (*secrets, *others) if p.exists()]:
            near = os.path.relpath(path, server.document_root)
            for said in (near, f"{address.split('=')[1].split('/')[0]}/../{near}", path.name, str(path)):
                answer = person.get("/data/local-files/", params={"d": said})
                assert answer.status_code != 200, (path, said)


def test_all_that_the_server_keeps_is_the_owners_alone(server: StudioInfo, folder: Path) -> None:
    kept = [p for p in folder.rglob("*") if server.document_root not in p.parents and not p.is_symlink()]
    assert (folder / "studio.json") in kept
    # uploads get 0644 from Django whatever the umask says: nobody else gets to them through these folders
    closed = [p for p in (folder, *kept) if p.is_dir() or folder / "data" / "media" not in p.parents]
    assert [str(p) for p in closed if p.lstat().st_mode & 0o077] == []


def test_what_an_earlier_version_left_readable_is_closed_at_the_next_start(
    server: StudioInfo, environment: Path, folder: Path
) -> None:
    left = folder / "data" / "left.txt"
    left.write_text("a token")
    left.chmod(0o644)
    folder.chmod(0o755)
    studio.start(folder, python=environment)
    assert stat.S_IMODE(left.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    left.unlink()


def test_a_server_that_serves_the_folder_around_the_data_is_refused(
    server: StudioInfo, environment: Path, folder: Path
) -> None:
    kept = json.loads((folder / "studio.json").read_text())
    (folder / "studio.json").write_text(json.dumps(kept | {"document_root": str(folder.parent)}))
    try:
        with pytest.raises(AnnotatorError, match="everybody who may log in") as caught:
            studio.start(folder, python=environment)
        assert "studio stop" in caught.value.hint
    finally:
        (folder / "studio.json").write_text(json.dumps(kept))
        (folder / "studio.json").chmod(0o600)


def test_the_data_of_a_folder_stay_in_their_database(server: StudioInfo, environment: Path, folder: Path) -> None:
    other = "postgresql://ann:secret-word@127.0.0.1:9/other"
    with pytest.raises(AnnotatorError, match=r"keeps its data in .*, not in 127\.0\.0\.1:9/other") as caught:
        studio.start(folder, python=environment, database=other)
    assert "secret-word" not in str(caught.value)


def test_a_database_that_does_not_answer_is_named_before_anything_is_started(environment: Path, tmp_path: Path) -> None:
    with pytest.raises(AnnotatorUnreachable, match=r"no PostgreSQL answers at 127\.0\.0\.1:9 "):
        studio.start(tmp_path, python=environment, database="postgresql://ann:x@127.0.0.1:9/labels")
    assert studio.status(tmp_path) is None


def test_the_server_keeps_its_tables_where_it_was_told(server: StudioInfo, folder: Path) -> None:
    of_its_own = (folder / "data" / "label_studio.sqlite3").exists()
    assert of_its_own != ("database" in json.loads((folder / "studio.json").read_text()))

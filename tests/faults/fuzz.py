"""Every parser of outside data gets inputs that its writers never write: hypothesis changes real ones.

    python tests/faults/fuzz.py --inputs 100000 --seconds 60 --out bench/faults

For each parser, inputs are made from real files of ``tests/formats`` and from what real servers answered: bytes are
cut, removed, repeated and replaced, and values of JSON and lines of text are replaced by odd ones. A parser may refuse
an input with an ``ActiveSSLError``; everything else fails: another error, the end of the process, ten seconds,
or more than 2 GB of memory beyond what it needs for real input. Each kind of failure is printed once, with its input.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from activessl.errors import ActiveSSLError

FILES = Path(__file__).parents[1] / "formats" / "files"
#: Seconds that one input may take, and memory beyond that of real input, in bytes.
LONGEST, MEMORY = 10.0, 2_000_000_000
#: Inputs of one run of hypothesis, which remembers all of them.
BATCH = 2_000

#: Values that no writer writes where another value belongs.
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, -0.0, 1e308, 1e-320, float("nan"), float("inf"), "", " ", "0",
    "NaN", "=1+1", "../../x", "/etc/passwd", "a" * 3000, "\x00", "\u202e", "\ud800", "ä\u0308", [], {}, [[]], [{}],
    {"": None}, [None], [1, "a", None], {"a": {"a": {"a": {}}}}, "2026-13-45T99:99:99Z", "1970-01-01", "data:,", "http://[::1",
)  # fmt: skip


# -- inputs -----------------------------------------------------------------------------------------------------------


@st.composite
def changed(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """A real input with a few changes."""
    content = draw(st.sampled_from(seeds))
    if content[:1] in (b"{", b"[") and draw(st.booleans()):
        return _changed_json(draw, content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        kind = draw(st.integers(0, 7))
        n = draw(st.sampled_from((1, 2, 4, 8, 64)))
        if kind == 0:
            content = content[:at]
        elif kind == 1:
            content = content[:at] + content[at + n :]
        elif kind == 2:
            content = content[:at] + draw(st.binary(min_size=1, max_size=8)) + content[at:]
        elif kind == 3:
            new = draw(st.binary(min_size=1, max_size=4))
            content = content[:at] + new + content[at + len(new) :]
        elif kind == 4:
            content = content[:at] + content[at : at + n] * draw(st.sampled_from((2, 3, 50))) + content[at + n :]
        elif kind == 5:
            content = content[:at] + bytes(n) + content[at + n :]
        elif kind == 6:
            content = content[:at] + b"\xff" * n + content[at + n :]
        else:
            lines = content.splitlines(keepends=True) or [b""]
            i = draw(st.integers(0, len(lines) - 1))
            odd = str(draw(st.sampled_from(ODD))).encode(errors="replace")
            cells = lines[i].split(b",")
            cells[draw(st.integers(0, len(cells) - 1))] = odd
            content = b"".join((*lines[:i], b",".join(cells), *lines[i + 1 :]))
    return content


def _changed_json(draw: st.DrawFn, content: bytes) -> bytes:
    """Replace, remove or repeat values somewhere in JSON."""
    try:
        found = json.loads(content)
    except ValueError:  # several documents, one a line
        first, _, rest = content.partition(b"\n")
        return _changed_json(draw, first) + b"\n" + rest if rest else first[:-1]
    for _ in range(draw(st.integers(1, 3))):
        found = _replaced(draw, found)
    return json.dumps(found).encode()


def _replaced(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return {k: v for k, v in value.items() if k != key}
        if kind == 1:
            return value | {str(draw(st.sampled_from(ODD))): value[key]}
        return value | {key: _replaced(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 5)):
        i = draw(st.integers(0, len(value) - 1))
        kind = draw(st.integers(0, 9))
        if kind == 0:
            return value[:i] + value[i + 1 :]
        if kind == 1:
            return [*value, value[i]]
        return [*value[:i], _replaced(draw, value[i]), *value[i + 1 :]]
    return draw(st.sampled_from(ODD))


# -- parsers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parser:
    """A parser of outside data.

    Attributes:
        name: What it reads.
        read: Reads bytes, in a folder for its files.
        seeds: Real inputs.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: Callable[[], Sequence[bytes]]


PARSERS: dict[str, Parser] = {}


def parser(name: str, seeds: Callable[[], Sequence[bytes]]) -> Callable[[Callable[[bytes, Path], object]], None]:
    def keep(read: Callable[[bytes, Path], object]) -> None:
        PARSERS[name] = Parser(name, read, seeds)

    return keep


def _files(*patterns: str, most: int = 60_000) -> Callable[[], Sequence[bytes]]:
    def seeds() -> Sequence[bytes]:
        found = sorted({path for pattern in patterns for path in FILES.glob(pattern) if path.is_file()})
        contents = [path.read_bytes() for path in found if path.name not in ("versions.json", "expected.json")]
        return [content for content in contents if len(content) <= most] or [contents[0][:most]]

    return seeds


def _labels(suffix: str) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        from activessl.labels.files.opened import Options, open_labels
        from activessl.labels.files.registry import form_of
        from activessl.labels.kinds import kind_named

        path = folder / f"labels{suffix}"
        path.write_bytes(content)
        opened = open_labels(path)
        return form_of(opened, None).read(opened, Options(kind_named("one"), ("cat", "dog"), None, True))

    return read


parser(
    "labels, JSON",
    _files("argilla/*.json", "coco*/**/*.json", "labelme/*.json", "fiftyone/*.json", "prodigy*/**/*.json"),
)(_labels(".json"))
parser("labels, JSON lines", _files("*doccano*/**/*.jsonl", "prodigy*/**/*.jsonl", "argilla-rows/*.jsonl"))(
    _labels(".jsonl")
)
parser("labels, XML", _files("cvat/**/*.xml", "voc*/**/*.xml"))(_labels(".xml"))
parser("labels, CSV", lambda: [b"id,label\na.png,cat\nb.png,dog\n", b"file;class;annotator\na;cat;ann\nb;;bob\n"])(
    _labels(".csv")
)
parser("labels, workbook", _files("list-xlsx/*.xlsx", "text-xlsx/*.xlsx"))(_labels(".xlsx"))
parser("labels, Label Studio export", lambda: [json.dumps([_task()]).encode()])(_labels(".json"))


def _pool(name: str, modality: str | None = None) -> Callable[[bytes, Path], object]:
    def read(content: bytes, folder: Path) -> object:
        from activessl.pool.sources import load_pool

        path = folder / name
        path.write_bytes(content)
        where = path if Path(name).suffix in (".csv", ".jsonl", ".parquet", ".npz", ".xlsx") else folder
        pool = load_pool(where, modality)  # type: ignore[arg-type]
        return [pool.read(row) for row in range(min(len(pool), 3))]

    return read


for _ending, _patterns in {
    "png": ("png16/**/*.png", "voc-boxes-supervision/**/*.png"),
    "jpg": ("jpeg/**/*.jpg", "yolo/**/*.jpg"),
    "gif": ("gif/**/*.gif",),
    "webp": ("webp/**/*.webp",),
    "tif": ("tiff16/**/*.tif*", "ome-tiff/**/*.tif"),
    "dcm": ("dicom/**/*.dcm",),
}.items():
    parser(f"pictures, {_ending}", _files(*_patterns))(_pool(f"a.{_ending}", "image"))
for _ending, _patterns in {
    "wav": ("wav*/**/*.wav",),
    "flac": ("flac/**/*.flac",),
    "ogg": ("ogg/**/*.ogg",),
    "mp3": ("mp3/**/*.mp3",),
}.items():
    parser(f"sounds, {_ending}", _files(*_patterns, most=12_000))(_pool(f"a.{_ending}", "audio"))
parser("series, CSV", _files("wide-csv/*.csv", "long-csv/*.csv", "melted-csv/*.csv", most=4_000))(
    _pool("a.csv", "series")
)
parser("series, folder of CSV", lambda: [b"t,x,y\n0,1,2\n1,2,3\n2,3,4\n" * 3, b"1;2\n3;4\n5;6\n7;8\n"])(
    _pool("b.csv.d/a.csv", "series")
)
parser("series, ts and arff", _files("ts/*.ts", "arff/*.arff", most=8_000))(_pool("a.ts", "series"))
parser("series, EDF", _files("edf/**/*.edf", "bdf/**/*.bdf", most=40_000))(_pool("a.edf", "series"))
parser("series, mat", _files("mat/**/*.mat", most=40_000))(_pool("a.mat", "series"))
parser("table, CSV", _files("list-csv/*.csv", "text-csv/*.csv"))(_pool("a.csv"))
parser("table, JSON lines", _files("list-jsonl/*.jsonl", "text-jsonl/*.jsonl"))(_pool("a.jsonl"))
parser("table, workbook", _files("list-xlsx/*.xlsx", "text-xlsx/*.xlsx"))(_pool("a.xlsx"))
parser("table, parquet", _files("list-parquet/*.parquet", "datasets/*.parquet"))(_pool("a.parquet"))
parser("vectors, npz", _files("npz/*.npz"))(_pool("a.npz"))
parser("text file", lambda: [b"some text\nof two lines", "größer 傷".encode("utf-16"), "größer".encode("latin-1")])(
    _pool("a.txt", "text")
)


@parser("array, npy", lambda: [_npy()])
def _array(content: bytes, folder: Path) -> object:
    from activessl.sealed import read_array

    path = folder / "a.npy"
    path.write_bytes(content)
    try:
        return float(read_array(path, mmap_mode="r").sum())
    except (ValueError, OSError) as error:  # as it states
        return error


@parser(
    "seal", lambda: [json.dumps({"files": {"a.txt": {"bytes": 1, "sha256": "0" * 64, "seen": [1, 2, 3]}}}).encode()]
)
def _seal(content: bytes, folder: Path) -> object:
    from activessl.sealed import check_seal

    (folder / "a.txt").write_text("a")
    (folder / "seal.json").write_bytes(content)
    try:
        return check_seal(folder)
    except (ValueError, OSError) as error:  # as it states
        return error


@parser("config", lambda: [_config()])
def _read_config(content: bytes, folder: Path) -> object:
    from activessl.project.config_file import read_config

    path = folder / "activessl.toml"
    path.write_bytes(content)
    return read_config(path)


@parser("list of set aside items", lambda: [_aside()])
def _read_aside(content: bytes, folder: Path) -> object:
    from activessl.project.set_aside import NAME, read_aside

    (folder / NAME).write_bytes(content)
    return read_aside(folder)


@parser("ledger row", lambda: _events())
def _ledger_row(content: bytes, folder: Path) -> object:
    from activessl.ledger.store import recorded

    return recorded("ledger", 1, "2026-11-24T11:17:11+00:00", content.decode("utf-8", "replace"))


@parser("ledger file", lambda: [_ledger_file()])
def _read_ledger(content: bytes, folder: Path) -> object:
    from activessl.ledger.fold import fold
    from activessl.ledger.store import Ledger

    path = folder / "ledger.db"
    path.write_bytes(content)
    try:
        with Ledger(path) as ledger:
            ledger.problems()
            return fold(list(ledger), classes=("a", "b"))
    finally:
        for ending in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


@parser("encoder note", lambda: [_note()])
def _encoder_note(content: bytes, folder: Path) -> object:
    from activessl.encoders.store import read_note

    (folder / "config.json").write_bytes(content)
    return read_note(folder)


@parser("model folder", lambda: _model_files())
def _model(content: bytes, folder: Path) -> object:
    from activessl.scoring.model import Model

    model = folder / "model"
    shutil.copytree(_model_folder(), model, dirs_exist_ok=True)
    name, _, content = content.partition(b"\n")
    path = model / name.decode("utf-8", "replace").replace("\x00", "")[:100]
    if path.resolve().is_relative_to(model.resolve()) and path.is_file():
        path.write_bytes(content)
    try:
        return Model.load(model)
    finally:
        shutil.rmtree(model, ignore_errors=True)


@parser("state of watch", lambda: [_watch_state()])
def _watch(content: bytes, folder: Path) -> object:
    from activessl.scoring.watch_state import WatchState

    path = folder / "state.json"
    path.write_bytes(content)
    return WatchState.load(path)


@parser("webhook", lambda: [json.dumps({"action": "ANNOTATION_CREATED", "annotation": _annotation()}).encode()])
def _webhook(content: bytes, folder: Path) -> object:
    status, said = _service().webhook(content)
    assert status in (200, 400), status
    return json.dumps(said)


@parser("prediction request", lambda: [json.dumps({"tasks": [_task()], "label_config": _label_config()}).encode()])
def _predict(content: bytes, folder: Path) -> object:
    status, said = _service().predict(content)
    assert status in (200, 400, 422), status
    return json.dumps(said, allow_nan=False)


@parser("label config", lambda: [_label_config().encode(), _taxonomy().encode()])
def _label_config_of(content: bytes, folder: Path) -> object:
    from activessl_label_studio.labels import read_config

    return read_config(content.decode("utf-8", "replace"))


@parser("answers of Label Studio", lambda: [json.dumps({"tasks": [_task(), _task(2)], "total": 2}).encode()])
def _answers(content: bytes, folder: Path) -> object:
    from activessl_label_studio.annotator import LabelStudioAnnotator, LabelStudioConfig

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None  # the client reads JSON, and refuses everything else
    annotator = LabelStudioAnnotator(LabelStudioConfig("http://127.0.0.1:9", "t" * 40, "title", ("cat", "dog")))
    annotator._client = _Answering(found)  # type: ignore[assignment]
    return annotator.pull(None)


@parser("project of Label Studio", lambda: [json.dumps(_project_row()).encode()])
def _project(content: bytes, folder: Path) -> object:
    from activessl_label_studio.project import find_project, open_project

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    client: Any = _Answering({"tasks": [], "total": 0}, found)
    find_project(client, number=1, title="title")
    return open_project(client, number=1, title="title", classes=("cat", "dog"), modality="image", label_kind=_one())


@parser("answer of a language model", lambda: [json.dumps(_chat()).encode()])
def _language(content: bytes, folder: Path) -> object:
    from activessl_machines.language import _Answer
    from activessl_machines.scores import by_first_token, by_text, wording

    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    answer, words = _Answer.of(200, found), wording(("cat", "dog"))
    return by_first_token(answer.top, words), by_text(answer.text, words)


@parser("metadata, CSV", lambda: [b"id,site,day\na,north,1\nb,south,2\n"])
def _metadata(content: bytes, folder: Path) -> object:
    from activessl.pool.columns import read_columns

    path = folder / "m.csv"
    path.write_bytes(content)
    return read_columns(path)


# -- real inputs ------------------------------------------------------------------------------------------------------


def _one() -> Any:
    from activessl.labels.kinds import kind_named

    return kind_named("one")


def _annotation(number: int = 5) -> dict[str, Any]:
    result = {"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": ["cat"]}, "id": "x"}
    return {
        "id": number, "task": 1, "completed_by": {"id": 1, "email": "ann@example.org"}, "result": [result],
        "was_cancelled": False, "ground_truth": False, "lead_time": 3.5, "parent_prediction": 7,
        "created_at": "2026-11-24T11:17:11.318097Z", "updated_at": "2026-11-24T11:17:11.318097Z",
    }  # fmt: skip


def _task(number: int = 1) -> dict[str, Any]:
    prediction = {
        "id": 7, "task": number, "score": 0.4, "model_version": "m", "created_at": "2026-11-24T11:17:10.0Z",
        "result": [{"from_name": "label", "to_name": "item", "type": "choices", "value": {"choices": ["dog"]}}],
    }  # fmt: skip
    return {
        "id": number, "project": 1, "data": {"image": "/data/a.png", "activessl_id": f"pool.npz:{number}"},
        "meta": {"activessl": "a.png"}, "annotations": [_annotation(number + 4)], "predictions": [prediction],
        "total_annotations": 1, "cancelled_annotations": 0, "is_labeled": True, "drafts": [], "annotators": [1],
        "created_at": "2026-11-24T11:17:00.0Z", "updated_at": "2026-11-24T11:17:12.0Z",
    }  # fmt: skip


def _label_config() -> str:
    from activessl_label_studio.labels import build_config

    return build_config(("cat", "dog"), "image", label_kind=_one())


def _taxonomy() -> str:
    return (
        '<View><Image name="item" value="$image"/><Taxonomy name="label" toName="item" maxUsages="1">'
        '<Choice value="a"><Choice value="b"/><Choice value="c"/></Choice></Taxonomy></View>'
    )


def _project_row() -> dict[str, Any]:
    return {
        "id": 1, "title": "title", "created_at": "2026-11-24T11:17:11.318097Z", "label_config": _label_config(),
        "sampling": "Sequential sampling", "show_collab_predictions": True, "enable_empty_annotation": False,
        "task_number": 2, "total_annotations_number": 2, "skipped_annotations_number": 0, "model_version": "m",
    }  # fmt: skip


class _Answering:
    """A client whose server answers what it wants."""

    url, kind, user, email = "http://127.0.0.1:9", "legacy", 1, "ann@example.org"

    def __init__(self, page: Any, project: Any = None) -> None:
        self._page, self._project = page, _project_row() if project is None else project
        self._turns = 0

    def get(self, path: str, *_: Any, **params: Any) -> Any:
        self._turns += 1
        if self._turns > 50:
            raise TimeoutError("it asks without an end")
        if path == "/api/tasks":
            return self._page
        if path == "/api/projects/":
            return {"results": [self._project], "count": 1}
        if path.startswith("/api/projects/"):
            return self._project
        if path == "/api/users/":
            return [{"id": 1, "email": "ann@example.org"}]
        return []

    def patch(self, path: str, body: Any) -> Any:
        return dict(self._project) | body if isinstance(self._project, dict) else self._project

    def post(self, path: str, body: Any, **_: Any) -> Any:
        return self._project

    def clock(self) -> None:
        return None


def _chat() -> dict[str, Any]:
    top = [{"token": "A", "logprob": -0.2, "bytes": [65]}, {"token": " B", "logprob": -2.0, "bytes": None}]
    message = {"role": "assistant", "content": "A"}
    token = {"token": "A", "logprob": -0.2, "top_logprobs": top}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [token]}}
    return {"choices": [choice], "usage": {"total_tokens": 9}, "model": "m"}


_KEPT: dict[str, Any] = {}


def _home() -> Path:
    """A folder with a whole project, made once."""
    if "home" not in _KEPT:
        import numpy as np

        from activessl.annotators.oracle import Oracle
        from activessl.project.config import check_config
        from activessl.project.folder import Project
        from activessl.session import Session

        folder = Path(tempfile.mkdtemp(prefix="activessl-fuzz-home-"))
        x = np.random.default_rng(0).normal(size=(30, 4)) + 3 * np.eye(2, 4)[np.arange(30) % 2]
        np.savez(folder / "pool.npz", vectors=x.astype(np.float32))
        data = {"path": "../pool.npz", "modality": "vector", "classes": ["cat", "dog"]}
        project = Project.create(folder / "p", check_config({"data": data, "query": {"size": 8}}), version="test")
        session = Session(project)
        session.encode()
        session.round(
            Oracle({item: ("cat", "dog")[i % 2] for i, item in enumerate(project.pool().ids)}, ("cat", "dog"))
        )
        session.export_model(folder / "model", onnx=False)
        _KEPT["home"] = folder
    return Path(_KEPT["home"])


def _service() -> Any:
    if "service" not in _KEPT:
        from activessl.session import Session
        from activessl_label_studio.service import Service
        from activessl_label_studio.worker import Worker

        _KEPT["service"] = Service(Worker(Session.open(_home() / "p"), None), "s" * 20)  # type: ignore[arg-type]
    return _KEPT["service"]


def _model_folder() -> Path:
    return _home() / "model"


def _model_files() -> list[bytes]:
    """Each file of a model, after its name."""
    base = _model_folder()
    files = [path for path in sorted(base.rglob("*")) if path.is_file()]
    return [f"{path.relative_to(base).as_posix()}\n".encode() + path.read_bytes()[:20_000] for path in files]


def _events() -> list[bytes]:
    from activessl.ledger.schema import EVENT
    from activessl.ledger.store import Ledger

    with Ledger(_home() / "p" / "ledger.db") as ledger:
        found = {one.event.kind: EVENT.dump_json(one.event) for one in ledger}
    return list(found.values())


def _ledger_file() -> bytes:
    import sqlite3
    from contextlib import closing

    copy = _home() / "copy.db"
    with closing(sqlite3.connect(_home() / "p" / "ledger.db")) as there, closing(sqlite3.connect(copy)) as here:
        there.backup(here)
        here.execute("PRAGMA journal_mode=DELETE")
    return copy.read_bytes()


def _config() -> bytes:
    return (_home() / "p" / "activessl.toml").read_bytes()


def _aside() -> bytes:
    from activessl.project.set_aside import NAME, Aside, write_aside

    folder = _home() / "aside"
    folder.mkdir(exist_ok=True)
    write_aside(folder, {"a.png": Aside(**dict.fromkeys(Aside.__dataclass_fields__, "x"))})
    return (folder / NAME).read_bytes()


def _note() -> bytes:
    return next((_home() / "p" / "encoders").glob("*/config.json")).read_bytes()


def _watch_state() -> bytes:
    from activessl.scoring.watch_state import WatchState

    path = _home() / "state.json"
    WatchState().of("0" * 64).save(path)
    return path.read_bytes()


def _npy() -> bytes:
    import io

    import numpy as np

    out = io.BytesIO()
    np.save(out, np.arange(12, dtype=np.float32).reshape(3, 4))
    return out.getvalue()


# -- running ----------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What came of many inputs of one parser."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    grown: int = 0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)


class TooSlow(BaseException):
    """An input took too long; no ``except Exception`` of a parser may catch it."""


def _too_slow(*_: object) -> None:
    raise TooSlow


def try_inputs(one: Parser, inputs: int, seconds: float, start: int = 0, last: Path | None = None) -> Found:
    """Give a parser so many inputs, or as many as the time allows, in this process."""
    found, folder = Found(one.name), Path(tempfile.mkdtemp(prefix="activessl-fuzz-", dir=_fast()))
    begun, seeds = time.monotonic(), one.seeds()
    (folder / "b.csv.d").mkdir()
    if one.name != "series, folder of CSV":
        (folder / "b.csv.d").rmdir()
    kept = signal.signal(signal.SIGALRM, _too_slow)

    def give(content: bytes) -> None:
        found.inputs += 1
        if last is not None:
            last.write_bytes(content)
        at = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            one.read(content, folder)
        except ActiveSSLError as error:
            if not error.message or not error.hint:
                found.failures.setdefault(f"an error that says nothing: {error!r}"[:200], repr(content[:2000]))
        except (Exception, TooSlow) as error:
            frames = traceback.extract_tb(error.__traceback__)
            ours = [
                frame
                for frame in frames
                if "activessl" in Path(frame.filename).parts[-2:][0] or "/activessl" in frame.filename
            ]
            place = ours[-1] if ours else frames[-1]
            name = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:100]}"
            key = name.partition(": ")[0]
            if not any(known.startswith(key) for known in found.failures):
                found.failures[name] = repr(content[:2000])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        found.slowest = max(found.slowest, time.monotonic() - at)

    try:
        for content in seeds:
            give(content)
        before, batch = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
        while found.inputs < inputs and time.monotonic() - begun < seconds:
            size = min(BATCH, inputs - found.inputs)

            @seed(start + batch)
            @settings(max_examples=size, database=None, deadline=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(changed(seeds))
            def test(content: bytes) -> None:
                if time.monotonic() - begun < seconds:
                    give(content)

            test()
            batch += 1
        found.grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        if found.grown > MEMORY:
            found.failures[f"memory grew by {found.grown / 1e9:.1f} GB"] = ""
    finally:
        signal.signal(signal.SIGALRM, kept)
        shutil.rmtree(folder, ignore_errors=True)
    found.seconds = time.monotonic() - begun
    return found


def _prepare() -> None:
    """What takes seconds is done before the first fork."""
    import label_studio_sdk  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    from label_studio_sdk.label_interface.interface import LabelInterface  # noqa: F401

    from activessl.pool.sources import load_pool  # noqa: F401

    _service()
    _label_config()

    @settings(max_examples=5, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(changed([b"a,b", b"{}"]))
    def test(content: bytes) -> None:
        assert isinstance(content, bytes)

    test()


def _fast() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def in_a_process(one: Parser, inputs: int, seconds: float, start: int) -> Found:
    """The same in a process of its own, whose end is a failure."""
    last = Path(tempfile.mkstemp(prefix="activessl-fuzz-last-", dir=_fast())[1])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            warnings.simplefilter("ignore")
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 2)  # what native code prints
            said = try_inputs(one, inputs, seconds, start, last)
            with os.fdopen(writing, "w") as out:
                json.dump(said.__dict__, out)
            code = 0
        except BaseException:
            with os.fdopen(writing, "w") as out:
                json.dump({"name": one.name, "failures": {traceback.format_exc()[-600:]: ""}}, out)
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as said:
        told = said.read()
    _, status = os.waitpid(child, 0)
    found = Found(**json.loads(told)) if told else Found(one.name)
    if not told:
        found.failures[f"the process ended with {os.waitstatus_to_exitcode(status)}"] = repr(last.read_bytes()[:2000])
    last.unlink()
    return found


def table(results: Sequence[Found]) -> str:
    lines = ["| parser | inputs | failures | slowest, s | memory, MB | seconds |", "|---|---:|---:|---:|---:|---:|"]
    for one in results:
        figures = f"{one.slowest:.2f} | {one.grown / 1e6:,.0f} | {one.seconds:,.0f}"
        lines.append(f"| {one.name} | {one.inputs:,} | {len(one.failures)} | {figures} |")
    total = sum(one.inputs for one in results)
    wrong, spent = sum(len(one.failures) for one in results), sum(one.seconds for one in results)
    return "\n".join([*lines, f"| all | {total:,} | {wrong} | | | {spent:,.0f} |"])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--inputs", type=int, default=100_000, help="inputs for each parser")
    arguments.add_argument("--seconds", type=float, default=60.0, help="at most so many seconds for each parser")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--parsers", nargs="+", default=list(PARSERS), choices=list(PARSERS))
    arguments.add_argument("--out", type=Path, help="a folder for the table")
    args = arguments.parse_args()
    _prepare()
    results = []
    for name in args.parsers:
        one = in_a_process(PARSERS[name], args.inputs, args.seconds, args.seed)
        results.append(one)
        print(f"{name}: {one.inputs:,} inputs, {len(one.failures)} failures, {one.seconds:.0f} s", flush=True)
        for said, content in one.failures.items():
            print(f"    {said}\n        {content[:600]}", flush=True)
        if args.out is not None:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / "fuzz.md").write_text(table(results) + "\n")
    shutil.rmtree(_home(), ignore_errors=True)
    print(table(results))
    sys.exit(int(any(one.failures for one in results)))


if __name__ == "__main__":
    main()

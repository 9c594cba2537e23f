"""Files and ledgers of a project are damaged, and every verb says so in two lines, or makes anew what can be made anew.

    python tests/faults/damage.py files ledger --out bench/faults

``files``: each file of the project folder but the ledger is emptied, cut, filled with other bytes, changed in one bit,
removed, or replaced by the file of the same name at an earlier stage of the project. The verbs that read and the verbs
that write are run; each ends with 0, or with 1 and an error of two lines, and no label is lost. What is a cache is made
again by them; the config says what is wrong with it, and is put back.

``ledger``: bytes of the file are changed, it is cut, and rows are changed through SQL. Then `verify` finds it, `status`
tells of an answer with an unknown class, or the state is that of before; `restore` puts all labels of the backup back.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from campaign import Case
from verbs_chain import LIVES, State, Verb, World
from verbs_desk import Ended

from activessl.errors import ActiveSSLError

#: Verbs that read, then verbs that make again what is damaged.
READING = (("status",), ("verify", "--no-studio"), ("report", "--to", "r.html"))
WRITING = (("encode",), ("teach",), ("query",), ("export", "o.csv"))
#: The last verb before the project is damaged.
UNTIL = "backup"

FILE_DAMAGE = ("emptied", "cut", "other bytes", "one bit", "removed", "of an earlier stage")
LEDGER_DAMAGE = ("cut", "emptied", "other bytes", "one bit", "a page", "null", "row", "json", "key", "version", "log")


def _badly(ended: Ended, argv: Sequence[str]) -> list[str]:
    name = argv[0]
    if ended.code == 0:
        return []
    if ended.code == -14:
        return [f"{name} hung"]
    if ended.code < 0:
        return [f"{name} ended with {ended.code}"]
    if "Traceback" in ended.err:
        return [f"{name}: a traceback: {ended.err.strip().splitlines()[-1][:200]}"]
    lines = [line for line in ended.err.splitlines() if line.startswith(("error: ", " hint: "))]
    if name == "verify" and ended.code == 1:
        return []  # it lists what is damaged
    return [] if ended.code == 1 and len(lines) == 2 else [f"{name}: {ended.code}: {ended.err[-200:]!r}"]


def _live(world: World, earlier: dict[str, bytes]) -> None:
    """Live until the backup; keep the files of an earlier stage."""
    for verb in LIVES["whole"]:
        if verb.before is not None:
            verb.before(world)
        ended = world.run(verb)
        assert ended.code == 0, (verb.name, ended.err)
        if verb.name == "teach":
            for path in world.project.rglob("*"):
                if path.is_file():
                    earlier[path.relative_to(world.project).as_posix()] = path.read_bytes()
        if verb.name == UNTIL:
            return


def files(folder: Path, every: int, seed: int) -> Iterator[Case]:
    """Damage each file but the ledger."""
    rng, earlier, tried = random.Random(seed), {}, 0
    with World(folder) as world:
        _live(world, earlier)
        kept, whole = world.keep(), world.state()
        names = sorted(
            path.relative_to(world.project).as_posix()
            for path in world.project.rglob("*")
            if path.is_file() and not path.name.startswith(("ledger.db", ".lock"))
        )
        for name in names:
            for damage in FILE_DAMAGE:
                if damage == "of an earlier stage" and name not in earlier:
                    continue
                tried += 1
                if tried % every:
                    continue
                begun = time.monotonic()
                world.bring_back(kept)
                path = world.project / name
                before = path.read_bytes()
                _damage(path, damage, rng, earlier.get(name, b""))
                problems = []
                for argv in (*READING, *WRITING):
                    problems += _badly(world.run(Verb(argv[0], tuple(argv))), argv)
                if name == "activessl.toml":
                    path.write_bytes(before)  # it is the user's
                problems += _kept(world, whole, caches=True)
                yield Case("damage", name, damage, 0, "file", round(time.monotonic() - begun, 3), tuple(problems))


def _damage(path: Path, damage: str, rng: random.Random, earlier: bytes) -> None:
    content = path.read_bytes()
    at = rng.randrange(len(content)) if content else 0
    if damage == "removed":
        path.unlink()
        return
    changed = {
        "emptied": b"",
        "cut": content[: len(content) // 2],
        "other bytes": rng.randbytes(len(content)),
        "one bit": content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :]
        if content
        else b"",
        "of an earlier stage": earlier,
    }[damage]
    path.write_bytes(changed)


def _kept(world: World, whole: State, *, caches: bool) -> list[str]:
    try:
        now = world.state()
    except ActiveSSLError as error:
        return [f"it does not open: {error.message}"]
    found = [] if now.labels == whole.labels else ["labels differ"]
    if caches:
        # what the verbs of above do not use, such as an older head, is told of by `verify`
        found += [f"still damaged: {one}" for one in now.damaged if one.startswith("embeddings")]
    return found


def ledger(folder: Path, cases: int, seed: int) -> Iterator[Case]:
    """Damage the ledger in many ways."""
    rng = random.Random(seed)
    with World(folder) as world:
        _live(world, {})
        kept, whole = world.keep(), world.state()
        for number in range(cases):
            damage = LEDGER_DAMAGE[number % len(LEDGER_DAMAGE)]
            begun = time.monotonic()
            world.bring_back(kept)
            _damage_ledger(world.project / "ledger.db", damage, rng)
            problems = []
            for argv in READING:
                problems += _badly(world.run(Verb(argv[0], tuple(argv))), argv)
            try:
                now = world.state()
                told = now.damaged or len(now.history.quarantined) > len(whole.history.quarantined)
                if now.labels != whole.labels and not told:
                    problems.append("other labels, and neither verify nor status tells of it")
            except ActiveSSLError:
                pass  # refused, as it should be
            restored = world.run(Verb("restore", ("restore", "kept")))
            problems += _badly(restored, ("restore",))
            problems += _kept(world, whole, caches=False)
            yield Case(
                "damage", "ledger", damage, number, "ledger", round(time.monotonic() - begun, 3), tuple(problems)
            )


def _damage_ledger(path: Path, damage: str, rng: random.Random) -> None:
    content = path.read_bytes()
    at = rng.randrange(len(content))
    sql: dict[str, Callable[[int], tuple[str, tuple[object, ...]]]] = {
        "null": lambda row: (
            f"UPDATE events SET {rng.choice(['at', 'body', 'kind'])} = ? WHERE seq = ?",
            (rng.choice(["", "\x00", "x" * 30, 7, b"\xff"]), row),
        ),
        "row": lambda row: ("DELETE FROM events WHERE seq = ?", (row,)),
        "json": lambda row: (
            "UPDATE events SET body = substr(body, 1, ?) || ? WHERE seq = ?",
            (rng.randrange(200), rng.choice(["", "}", "[" * 5000, '"\ud7ff"', "null"]), row),
        ),
        "key": lambda row: ('UPDATE events SET "key" = ? WHERE seq = ?', (f"other {rng.random()}", row)),
    }
    if damage in sql:
        with closing(sqlite3.connect(path)) as connection:
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{name}"')
            (last,) = connection.execute("SELECT max(seq) FROM events").fetchone()
            statement, values = sql[damage](rng.randint(1, last))
            with suppress(sqlite3.IntegrityError):
                connection.execute(statement, values)
            connection.commit()
        return
    if damage == "version":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {rng.choice([2, 99, 2**30])}")
        return
    if damage == "log":
        path.with_name(f"{path.name}-wal").write_bytes(rng.randbytes(rng.choice([0, 10, 32, 8192])))
        return
    page = at // 4096 * 4096
    path.write_bytes(
        {
            "cut": content[:at],
            "emptied": b"",
            "other bytes": content[:at] + rng.randbytes(64) + content[at + 64 :],
            "one bit": content[:at] + bytes([content[at] ^ (1 << rng.randrange(8))]) + content[at + 1 :],
            "a page": content[:page] + bytes(4096) + content[page + 4096 :],
        }[damage]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["files", "ledger"])
    parser.add_argument("--every", type=int, default=1, help="only every so many-th file and damage")
    parser.add_argument("--cases", type=int, default=330, help="damages of the ledger")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    found: list[Case] = []
    for what in args.what:
        folder = Path(tempfile.mkdtemp(prefix="activessl-damage-", dir=args.work))
        try:
            cases = files(folder, args.every, args.seed) if what == "files" else ledger(folder, args.cases, args.seed)
            for case in cases:
                found.append(case)
                if case.problems:
                    print(f"{case.verb}, {case.fault}:", *case.problems, sep="\n  ", flush=True)
                if args.out is not None:
                    args.out.mkdir(parents=True, exist_ok=True)
                    with (args.out / "damage.jsonl").open("w" if len(found) == 1 else "a") as file:
                        print(json.dumps(asdict(case)), file=file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    wrong = sum(bool(case.problems) for case in found)
    print(f"{len(found)} cases, {wrong} failures, {sum(case.seconds for case in found):.0f} s")
    sys.exit(int(wrong > 0))


if __name__ == "__main__":
    main()

"""Every verb that changes something fails at every moment at which it can: counted, tried, and judged.

    python tests/faults/campaign.py kill torn full broken read-only --out bench/faults

For each verb of ``verbs_chain.LIVES`` the moments are counted in a run that nothing happens to: each file that is made,
written, grown, renamed, removed, linked or synced, SQLite's among them, and each message to the server, before and
after it has left. Then the verb fails at each moment, and afterwards:

* the project opens, and every label that was there is there;
* a process that was not killed ends with 0, or with 1 and an error of two lines;
* the verb is run again. It succeeds without a repair by hand, or says that it has done its work already;
* labels, skips, rounds and tasks are those of a run that nothing happened to, no answer and no task is there twice,
  `activessl verify` finds nothing, and no half-written file is left.

Cases of the kind ``kill`` are left out where the disk is the same as at the moment before: after a sync.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from verbs_chain import LIVES, State, Verb, World
from verbs_desk import Ended

from activessl.errors import ActiveSSLError

#: What each kind of fault is tried at; a killed process dies before the change, or in the middle of a write.
AT = {
    "kill": ("create", "write", "grow", "rename", "remove", "sync", "link", "request"),
    "torn": ("write", "request"),
    "full": ("create", "write", "grow", "link"),
    "broken": ("create", "write", "grow", "rename", "remove", "sync", "link"),
    "read-only": (),
}


@dataclass(frozen=True)
class Case:
    """One failure of one verb, and what was wrong afterwards."""

    life: str
    verb: str
    fault: str
    at: int
    moment: str
    seconds: float
    problems: tuple[str, ...]


def moments(fault: str, counted: Sequence[str]) -> list[tuple[int, str]]:
    """The moments of a run at which a fault makes a difference, as numbers and words."""
    if fault == "read-only":
        return [(0, "all")] if counted else []
    found, before = [], ""
    for line in counted:
        number, _, said = line.partition(" ")
        kind = said.partition(" ")[0]
        if kind in AT[fault] and not (fault == "kill" and before == "sync"):
            found.append((int(number), said))
        before = kind
    return found


def _said_badly(ended: Ended, fault: str) -> list[str]:
    """What is wrong with how a verb ended at a fault."""
    if fault in ("kill", "torn"):
        return [] if ended.code in (-9, 0) else [f"ended with {ended.code}: {ended.err[-300:]}"]
    if ended.code == 0:
        return []
    lines = [line for line in ended.err.splitlines() if line.startswith(("error: ", " hint: "))]
    if ended.code == -14:
        return ["it hung"]
    if "Traceback" in ended.err:
        return [f"a traceback: {ended.err.strip().splitlines()[-1]}"]
    if ended.code != 1 or len(lines) != 2:
        return [f"ended with {ended.code}: {ended.err[-300:]!r}"]
    return []


def judge(
    world: World, verb: Verb, fault: str, ended: Ended, before: State | None, whole: State, moment: str = ""
) -> list[str]:
    """Look at the project after a fault, run the verb again, and look once more."""
    problems = _said_badly(ended, fault)
    try:
        now = world.state()
        if before is not None:
            problems += [f"at once: {problem}" for problem in now.lacks(before, whole)]
    except ActiveSSLError as error:
        if before is not None:  # before the first verb there is no project
            problems.append(f"at once: it does not open: {error.message}")
    if fault not in ("kill", "torn") and not moment.startswith(
        "remove "
    ):  # what cannot be removed is there until later
        problems += [f"a half-written file is left at once: {name}" for name in world.parts()[:3]]
    world.a_day_passes()
    again = world.run(verb)
    if again.code != 0 and not _is_done(again, verb):
        problems.append(f"run again: {again.code}: {again.err.strip()[-300:]}")
    try:
        problems += [f"run again: {problem}" for problem in world.state().problems(whole, goes_on=verb.goes_on)]
    except ActiveSSLError as error:
        problems.append(f"run again: it does not open: {error.message}")
    problems += [f"a half-written file is left: {name}" for name in world.parts()[:3]]
    return problems


def _is_done(again: Ended, verb: Verb) -> bool:
    """Whether a verb says, in two lines, that its work is done."""
    first = next((line for line in again.err.splitlines() if line.startswith("error: ")), "")
    return any(first.startswith(said) for said in verb.again)


def run(
    folder: Path,
    faults: Sequence[str],
    *,
    lives: Sequence[str] = tuple(LIVES),
    every: int = 1,
    start: int = 0,
    verbs: Sequence[str] = (),
) -> Iterator[Case]:
    """Try faults at every so many-th moment, and yield what came of each."""
    tried = start
    for life in lives:
        with World(folder / life) as world:
            before: State | None = None
            for verb in LIVES[life]:
                if verb.before is not None:
                    verb.before(world)
                kept = world.keep()
                counted = world.run(verb)
                if counted.code != 0:
                    raise AssertionError(f"{verb.name} fails by itself: {counted.err}")
                whole, after = world.state(), world.keep()
                for fault in faults if not verbs or verb.name in verbs else ():
                    for at, said in moments(fault, counted.moments):
                        tried += 1
                        if fault != "read-only" and tried % every:
                            continue
                        begun = time.monotonic()
                        world.bring_back(kept)
                        ended = world.run(verb, fault, at)
                        problems = judge(world, verb, fault, ended, before, whole, said)
                        seconds = time.monotonic() - begun
                        yield Case(life, verb.name, fault, at, said, round(seconds, 3), tuple(problems))
                world.bring_back(after)
                shutil.rmtree(kept["folder"])
                shutil.rmtree(after["folder"])
                before = world.state()


def table(cases: Sequence[Case]) -> str:
    """Cases, failures and seconds by verb and kind of fault."""
    faults = [fault for fault in AT if any(case.fault == fault for case in cases)]
    names = list(dict.fromkeys((case.life, case.verb) for case in cases))
    lines = [f"| verb | {' | '.join(faults)} | failures | seconds |", f"|---|{'---:|' * (len(faults) + 2)}"]
    for life, verb in [*names, ("", "all")]:
        mine = [case for case in cases if (case.life, case.verb) == (life, verb) or verb == "all"]
        counts = Counter(case.fault for case in mine)
        wrong = sum(bool(case.problems) for case in mine)
        cells = [f"{counts[fault]:,}" for fault in faults]
        shown = verb if life in ("", "whole") else f"{verb} ({life})"
        lines.append(f"| {shown} | {' | '.join(cells)} | {wrong} | {sum(case.seconds for case in mine):,.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", nargs="+", choices=list(AT))
    parser.add_argument("--every", type=int, default=1, help="try every so many-th moment only")
    parser.add_argument("--start", type=int, default=0, help="with --every: which of them")
    parser.add_argument("--lives", nargs="+", default=list(LIVES), choices=list(LIVES))
    parser.add_argument("--verbs", nargs="+", default=[], help="only these verbs")
    parser.add_argument("--out", type=Path, help="a folder for the cases and the table")
    parser.add_argument("--work", type=Path, help="where the projects are made; by default a temporary folder")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="activessl-faults-", dir=args.work))
    found: list[Case] = []
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
    name = "-".join(args.faults)
    try:
        for case in run(folder, args.faults, lives=args.lives, every=args.every, start=args.start, verbs=args.verbs):
            found.append(case)
            if case.problems:
                print(
                    f"{case.life}/{case.verb}, {case.fault} at {case.at} ({case.moment}):", *case.problems, sep="\n  "
                )
            if args.out is not None:
                with (args.out / f"{name}.jsonl").open("w" if len(found) == 1 else "a") as file:
                    print(json.dumps(asdict(case)), file=file)
            sys.stdout.flush()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if args.out is not None:
            (args.out / f"{name}.md").write_text(table(found) + "\n")
    print(table(found))
    sys.exit(int(any(case.problems for case in found)))


if __name__ == "__main__":
    main()

"""Windows of long recordings of real speech: the accuracy that a project claims, and that on new recordings.

Run: ``python tests/benchmarks/recordings.py --data FOLDER --work WORK --seeds 3``. FOLDER has ``audio_fsdd.npz``
(spoken digits of six speakers). Their digits are joined to recordings of 40 s, in which a speaker speaks for 3 to 9 s;
the classes are the speakers. Windows of 2 s, every second. The recordings of the pool and the new ones share no digit.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from activessl import Session
from activessl.annotators.oracle import Oracle
from activessl.pool.recordings.cut import place_of
from activessl.pool.sources import load_pool
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence

SECONDS, LABELS = 40, 80
POOL, NEW = 16, 8
#: More digits than a turn can have.
_TURN = 40


def joined(data: Path, folder: Path, seed: int) -> dict[str, list[tuple[float, float, str]]]:
    """Write the recordings; return for each who speaks from when to when."""
    stored = np.load(data / "audio_fsdd.npz")
    rate, speakers = int(stored["sample_rate"]), stored["speaker"]
    samples, offsets = stored["data"], stored["offsets"]
    rng = np.random.default_rng(seed)
    waiting = {name: list(rng.permutation(np.flatnonzero(speakers == name))) for name in np.unique(speakers)}
    said: dict[str, list[tuple[float, float, str]]] = {}
    for number in range(POOL + NEW):
        pieces, turns, at = [], [], 0
        while at < SECONDS * rate:
            name = str(rng.choice([one for one in sorted(waiting) if len(waiting[one]) > _TURN]))
            begun, wanted = at, rng.uniform(3, 9) * rate
            while at - begun < wanted:
                digit = int(waiting[name].pop())
                pieces.append(samples[offsets[digit] : offsets[digit + 1]])
                at += len(pieces[-1])
            turns.append((begun / rate, at / rate, name))
        place = folder / ("pool" if number < POOL else "new") / f"r{number:02}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        wavfile.write(place, rate, np.concatenate(pieces))
        said[place.name] = turns
    return said


def speaker(item: str, said: dict[str, list[tuple[float, float, str]]]) -> str:
    """Who speaks for the longest time of a window."""
    place = place_of(item)
    assert place is not None and place.stop is not None
    shares: dict[str, float] = {}
    for start, stop, name in said[place.recording]:
        shares[name] = shares.get(name, 0.0) + max(0.0, min(stop, place.stop) - max(start, place.start))
    return max(shares, key=lambda name: shares[name])


def main() -> None:
    """Run all seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    print(
        "| seed | windows | labels | claimed on the pool, % | interval | new recordings, % |\n|---|---|---|---|---|---|"
    )
    for seed in range(asked.seeds):
        folder = asked.work / str(seed)
        shutil.rmtree(folder, ignore_errors=True)
        said = joined(asked.data, folder, seed)
        names = sorted({name for turns in said.values() for _, _, name in turns})
        session = Session.create(
            folder / "p", folder / "pool", names, window="2 s", step="1 s", query_size=20, seed=seed
        )
        session.encode()
        people = Oracle({item: speaker(item, said) for item in session.project.pool().ids}, tuple(names))
        for _ in range(LABELS // 20):
            session.round(people)
        model = session.model()
        new = load_pool(folder / "new", "audio", cut=model.cut)
        scores = model.score(new)
        right = [names[k] == speaker(item, said) for item, k in zip(new.ids, scores.probs.argmax(1), strict=True)]
        audit = Evidence(Snapshot.of(session.project)).audit
        told = ("not yet", "") if audit is None else (f"{audit.accuracy:.1%}", f"{audit.low:.0%} to {audit.high:.0%}")
        count = len(session.project.pool())
        print(f"| {seed} | {count:,} | {LABELS} | {told[0]} | {told[1]} | {np.mean(right):.1%} |", flush=True)


if __name__ == "__main__":
    main()

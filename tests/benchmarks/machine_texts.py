"""Machines that read texts, on public texts: keyword rules, and class names compared with texts by an encoder.

    python tests/benchmarks/machine_texts.py --data FOLDER [--seeds 5] [--encoders minilm-l6,use-multilingual]

FOLDER holds the texts and ``vectors/*.npz`` of the same items. For each machine: the share of the items with an answer,
how many answers are right before and after what it says of everything is taken off, how often its student is right, and
the accuracy of ``auto`` and of ``auto+machine`` at each number of labels, over paired seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from machines import arena_of, load, thinned

from activessl.encoders.wheels import text
from activessl.encoders.wheels.catalogue import wheel_named
from activessl.heads.calibrate import softmax
from activessl.heads.students import student_of
from activessl.heads.votes import batch_calibrated
from activessl.machines.base import Setting
from activessl.machines.rules import rules_of
from activessl.machines.zero_shot import SHARPNESS
from activessl.measuring.simulation.replay import replay
from activessl.project.config import MachineConfig
from activessl.strategies.heeding import WithMachine
from activessl.strategies.random_share import RandomShare
from activessl.strategies.registry import get_strategy

POOL = 2000
NAMES = {
    "text_agnews": ("text_agnews_test7600", ("world politics", "sports", "business", "science and technology")),
    "text_reviews_polarity": ("text_reviews_polarity", ("a bad film", "a good film")),
    "text_sms_spam": ("text_sms_spam", ("a message to a friend", "advertising, prize or fraud")),
}
#: Words that anybody would write down in two minutes, before looking at the messages.
RULES = {
    "ham": ("you", "i", "me", "ok", "home", "later", "love", "sorry", "lol"),
    "spam": ("win", "won", "winner", "free", "prize", "claim", "urgent", "cash", "txt", "award", "www", "offer"),
}


class Texts:
    """The texts as a pool."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def row(self, item: str) -> int:
        return int(item)

    def read(self, row: int) -> str:
        return self.texts[row]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows of length one."""
    found = np.asarray(vectors, dtype=np.float64)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)


def answers(name: str, texts: list[str], vectors: np.ndarray, encoders: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The shares that each machine gives to the classes, and NaN where it has no answer."""
    classes = NAMES[name][1]
    if name == "text_sms_spam":
        machine = rules_of(Setting("m", MachineConfig(kind="rules", rules=RULES), ("ham", "spam"), Path(), "text"))
        said = [one.scores for part in machine.ask(Texts(texts), map(str, range(len(texts)))) for one in part]  # type: ignore[arg-type]
        yield "rules", np.array([(np.nan, np.nan) if one is None else one for one in said])
    for encoder in encoders:
        wheel = wheel_named(encoder)
        assert wheel is not None
        encode, _ = text.opened(wheel)
        names = unit(encode(list(classes)))
        # the vectors of these sets are those of minilm-l6
        own = (
            vectors
            if encoder == "minilm-l6"
            else np.vstack([encode(texts[i : i + 64]) for i in range(0, len(texts), 64)])
        )
        yield encoder, softmax(SHARPNESS * unit(own) @ names.T)


def main() -> None:
    """Print a table of the machines, and one of the replays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--encoders", type=lambda told: told.split(",") if told else [], default=["minilm-l6", "use-multilingual"]
    )
    parser.add_argument("--sets", type=lambda told: told.split(","), default=list(NAMES))
    args = parser.parse_args()
    auto = RandomShare(get_strategy("auto"), 0.1)
    print("| set | machine | answers | right | right without its favourite | student | accuracy: auto → auto+machine |")
    print("|---|---|---|---|---|---|---|")
    for name in args.sets:
        data = load(args.data / "vectors" / f"{name}.npz", POOL)
        with np.load(args.data / "vectors" / f"{name}.npz") as stored:
            rows = thinned(stored["split"], POOL)
        every = pq.read_table(args.data / f"{NAMES[name][0]}.parquet").column("text").to_pylist()
        x, y, split = data
        pool = split == 0
        base = None
        for machine, raw in answers(name, [every[row] for row in rows], x, args.encoders):
            shares = raw if machine == "rules" else batch_calibrated(raw)
            known = np.isfinite(raw).all(axis=1)
            student = student_of(x[pool], shares[pool])
            seen = 0.0 if student is None else np.mean(student(student.place(x)).argmax(axis=1) == y)
            arena = arena_of(data, (shares,))
            base = base or [replay(arena, auto, seed).accuracy for seed in range(args.seeds)]
            helped = [replay(arena, WithMachine(auto), seed).accuracy for seed in range(args.seeds)]
            pairs = zip(arena.budgets, np.mean(base, axis=0), np.mean(helped, axis=0), strict=True)
            told = ", ".join(f"{n}: {100 * a:.1f} → {100 * b:.1f}" for n, a, b in pairs)
            right = [np.mean(one[known].argmax(axis=1) == y[known]) for one in (raw, shares)]
            print(
                f"| {name} | {machine} | {100 * known.mean():.0f} % | {100 * right[0]:.1f} % | {100 * right[1]:.1f} % "
                f"| {100 * seen:.1f} % | {told} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

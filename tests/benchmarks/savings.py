"""Hours to 95 % of the accuracy of full supervision, contributions, labels of the evaluation, stopping, sensitivity.

    python tests/benchmarks/savings.py PART --data FOLDER --work FOLDER [--seeds 12]

PART: hours, scratch, evaluation, stopping, sensitivity, accept or report. FOLDER holds ``cifar10.npz`` (images),
``cifar10_human.npz``, ``cifar100n_human.npz`` and ``vectors/*.npz``. The work folder stores the results of each
part, and the projects that ``coverage.py`` made. People's answers on CIFAR-10 are replayed item by item; times are
drawn from the recorded ones.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from coverage_bank import worlds  # beside this file

from activessl.annotators.oracle import Habits
from activessl.geometry.smoothing import smooth
from activessl.heads.linear import LogisticHead
from activessl.heads.registry import make_head
from activessl.measuring.planning.worth import next_hour
from activessl.measuring.quality.autolabel import accept
from activessl.measuring.simulation.simulate import simulate

POOL, TEST = 6000, 2000
BUDGETS = (20, 40, 80, 160, 320, 640, 1280)
SCRATCH = (1000, 4000, 16000)
#: Rounds as projects have them: twenty items at a time.
ROUNDS = tuple(range(20, 801, 20))


class Store:
    """The results of the parts, one JSON file each."""

    def __init__(self, work: Path) -> None:
        self.work = work
        work.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, value: Any) -> None:
        (self.work / f"{name}.json").write_text(json.dumps(value))

    def get(self, name: str) -> Any:
        path = self.work / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None


def cifar(data: Path, pool: int = POOL, seed: int = 0) -> dict[str, np.ndarray]:
    """Vectors, true classes, one annotator's answer about each pool item, and seconds per label."""
    with np.load(data / "vectors" / "cifar10.npz") as found:
        x, y, split = found["vectors"].astype(np.float32), found["labels"].astype(np.int64), found["split"]
    with np.load(data / "cifar10_human.npz") as found:
        said, batch = found["n_random"][:, 0].astype(np.int64), found["n_work_seconds"][:, 0].astype(float)
    rng = np.random.default_rng([21, seed])
    rows = np.sort(rng.choice(np.flatnonzero(split == 0), pool, replace=False))
    test = np.sort(rng.choice(np.flatnonzero(split != 0), TEST, replace=False))
    some = np.concatenate([rows, test])
    answers = np.concatenate([said[rows], y[test]])  # pool rows come first in the file, so row i has answer i
    times = batch[np.isfinite(batch) & (batch > 0)] / 10
    parts = (np.arange(len(some)) >= pool).astype(int)
    return {"x": x[some], "y": y[some], "split": parts, "answers": answers, "times": times, "rows": rows, "test": test}


def ceiling(task: dict[str, np.ndarray], labels: np.ndarray) -> float:
    """Accuracy on the test items with all of the pool labeled."""
    pool, test = task["split"] == 0, task["split"] != 0
    mean = task["x"][pool].mean(axis=0)
    smoothed = smooth(task["x"][pool] - mean)
    head = LogisticHead(classes=range(int(task["y"].max()) + 1), calibrate=False).fit(smoothed.points, labels[pool])
    return float(np.mean(head.predict(smoothed.transform(task["x"][test] - mean)) == task["y"][test]))


def replay(task: dict[str, np.ndarray], seeds: int, **told: Any) -> dict[str, Any]:
    """Learning curves of `auto` with its random share, and of random choice."""
    found = simulate(
        task["x"],
        task["y"],
        n_classes=int(task["y"].max()) + 1,
        split=task["split"],
        strategies=("auto",),
        seeds=seeds,
        random_share=0.1,
        **{"budgets": BUDGETS, "answers": task.get("answers"), "times": task.get("times"), **told},
    )
    return {
        name: {"labels": list(found.budgets), "accuracy": arm.curve.accuracy.tolist()}
        for name, arm in found.arms.items()
    }


def hours(args: argparse.Namespace, store: Store) -> None:
    """Hours on CIFAR-10 with people's answers; on 77 intents with the mistakes and times of CIFAR-100's annotators."""
    task = cifar(args.data)
    arms = replay(task, args.seeds, budgets=ROUNDS)
    store.put("hours-cifar10", {"full": ceiling(task, task["answers"]), "arms": arms})
    print("cifar10", flush=True)
    with np.load(args.data / "vectors" / "text_banking77.npz") as found:
        x, y, split = found["vectors"].astype(np.float32), found["labels"].astype(np.int64), found["split"]
    with np.load(args.data / "cifar100n_human.npz") as found:
        wrong = float(np.mean(found["clean"] != found["noisy"]))
        size = (found["batch_end"] - found["batch_start"]).astype(float)
        took = found["work_seconds"].astype(float)
    fine = np.isfinite(took) & (took > 0) & (size > 0)
    rng = np.random.default_rng(22)
    some = np.concatenate(
        [rng.choice(np.flatnonzero(split == 0), 4000, False), rng.choice(np.flatnonzero(split != 0), 1500, False)]
    )
    banking = {"x": x[some], "y": y[some], "split": split[some]}
    said, _ = Habits(mistakes=wrong).answer(banking["y"], 77, rng)
    said[banking["split"] != 0] = banking["y"][banking["split"] != 0]
    banking |= {"answers": said, "times": np.clip(took[fine] / np.maximum(size[fine], 1), 1, 120)}
    arms = replay(banking, max(args.seeds // 3, 4), budgets=tuple(range(77, 1849, 77)))
    store.put(
        "hours-banking77",
        {"full": ceiling(banking, said), "arms": arms, "mistakes": wrong, "seconds": float(banking["times"].mean())},
    )


def scratch(args: argparse.Namespace, store: Store) -> None:
    """Train a small convolutional network from scratch on random labels of people."""
    import torch
    from PIL import Image
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    with np.load(args.data / "cifar10.npz") as found:
        buffer, offsets = found["data"].tobytes(), found["offsets"]
        y, split = found["labels"].astype(np.int64), found["split"]
    with np.load(args.data / "cifar10_human.npz") as found:
        said = found["n_random"][:, 0].astype(np.int64)
    rng = np.random.default_rng(23)
    train = rng.permutation(np.flatnonzero(split == 0))[: max(SCRATCH)]
    test = rng.permutation(np.flatnonzero(split != 0))[:TEST]

    def images(rows: np.ndarray) -> torch.Tensor:
        read = [np.asarray(Image.open(io.BytesIO(buffer[offsets[i] : offsets[i + 1]]))) for i in rows]
        return (torch.tensor(np.stack(read)).permute(0, 3, 1, 2).float() / 255 - 0.47) / 0.25

    x, answers, x_test = images(train), torch.tensor(said[train]), images(test)
    found = store.get("scratch") or {}
    for size in SCRATCH:
        if str(size) in found:
            continue
        net = nn.Sequential(
            *(layer for a, b in ((3, 32), (32, 64), (64, 128)) for layer in _block(nn, a, b)),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(128, 10),
        )
        steps = max(1500, 10 * size // 64)
        steer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.05)
        plan = torch.optim.lr_scheduler.OneCycleLR(steer, 3e-3, total_steps=steps)
        start = time.process_time()
        for _ in range(steps):
            pick = torch.randint(0, size, (64,))
            batch = torch.nn.functional.pad(x[pick], (3, 3, 3, 3))
            top, left = torch.randint(0, 7, (2,)).tolist()
            batch = batch[:, :, top : top + 32, left : left + 32]
            batch = batch.flip(3) if torch.rand(()) < 0.5 else batch
            loss = nn.functional.cross_entropy(net(batch), answers[pick], label_smoothing=0.1)
            steer.zero_grad()
            loss.backward()
            steer.step()
            plan.step()
        net.eval()
        with torch.no_grad():
            right = np.mean(net(x_test).argmax(1).numpy() == y[test])
        found[str(size)] = {"accuracy": float(right), "cpu": time.process_time() - start}
        store.put("scratch", found)
        print(size, found[str(size)], flush=True)


def _block(nn: Any, a: int, b: int) -> tuple[Any, ...]:
    return nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)


def evaluation(args: argparse.Namespace, store: Store) -> None:
    """Labels for a 95 % interval of +-2.5 points: drawn with equal probability, or by the uncertainty of the head."""
    found = []
    for world in worlds(args.data / "vectors"):
        rng = np.random.default_rng(24)
        rows = rng.choice(len(world.y), min(200, len(world.y) // 4), replace=False)
        head = make_head("logistic", world.k).fit(world.points[rows], world.y[rows])
        probs = np.asarray(head.predict_proba(world.test))
        wrong = (probs.argmax(axis=1) != world.y_test).astype(float)
        doubt = np.clip(1 - probs.max(axis=1), 0.02, 1.0)
        chance = np.sqrt(doubt) / np.sqrt(doubt).sum()
        alike = wrong.mean() * (1 - wrong.mean())
        # drawn with these probabilities and weighted by their inverse; the head's uncertainty as control variate
        directed = float(np.sum((wrong - doubt) ** 2 / (chance * len(wrong))) / len(wrong)) - float(
            np.mean(wrong - doubt) ** 2
        )
        need = [float((1.96 / 0.025) ** 2 * variance) for variance in (alike, directed)]
        found.append({"set": world.name, "accuracy": 1 - wrong.mean(), "alike": need[0], "directed": need[1]})
    store.put("evaluation", found)


def stopping(args: argparse.Namespace, store: Store) -> None:
    """Regret of stopping when the next hour no longer pays, against the best stop in hindsight."""
    found = []
    per_hour, seconds = 30.0, 4.2
    for world in worlds(args.data / "vectors"):
        for path in sorted((args.work / "bank").glob(f"{world.name}-p3-*.npz")):
            with np.load(path) as project:
                rows, drawn, turn = project["rows"], np.isfinite(project["chance"]), project["turn"]
            y = world.y[rows]
            moments = [_moment(world, rows, y, drawn, np.flatnonzero(turn <= last)) for last in range(turn.max() + 1)]
            for per_point in (0.1, 0.3, 1.0, 3.0):
                price = {"seconds_per_label": seconds, "per_hour": per_hour, "per_point": per_point}
                loss = np.array(
                    [m["labels"] * seconds / 3600 * per_hour + 100 * (1 - m["accuracy"]) * per_point for m in moments]
                )
                said = [next_hour(**m["known"], labels=m["labels"], pool=len(world.y), **price).pays for m in moments]
                at = said.index(False) if False in said else len(moments) - 1
                found.append(
                    {
                        "set": world.name,
                        "per_point": per_point,
                        "regret": float(loss[at] / loss.min() - 1),
                        "never": float(loss[-1] / loss.min() - 1),
                        "stopped": moments[at]["labels"],
                        "best": moments[int(loss.argmin())]["labels"],
                    }
                )
        print(world.name, len(found), flush=True)
        store.put("stopping", found)


def _moment(world: Any, rows: np.ndarray, y: np.ndarray, drawn: np.ndarray, now: np.ndarray) -> dict[str, Any]:
    """True accuracy of a project after some rounds, and the estimates that its labels allow."""
    at = now[drawn[now]]
    fold = np.random.default_rng(25).permutation(len(at)) % 5
    sizes, right = np.zeros(3), np.zeros((3, len(at)), dtype=bool)
    for f in np.unique(fold):
        out = at[fold == f]
        others = np.setdiff1d(now, out)
        for p, part in enumerate((0.25, 0.5, 1.0)):
            taught = others[: max(2, round(part * len(others)))]
            sizes[p] += len(taught) / len(np.unique(fold))
            said = np.full(len(out), y[taught[0]])
            if len(np.unique(y[taught])) > 1:
                head = LogisticHead(classes=range(world.k), calibrate=False)
                said = head.fit(world.points[rows[taught]], y[taught]).predict(world.points[rows[out]])
            right[p, fold == f] = said == y[out]
    today = make_head("logistic", world.k).fit(world.points[rows[now]], y[now])
    doubt = float(np.mean(1 - np.asarray(today.predict_proba(world.points)).max(axis=1)))
    known = {"doubt": doubt, "sizes": sizes if len(at) else np.ones(1), "right": right if len(at) else np.empty((1, 0))}
    accuracy = float(np.mean(np.asarray(today.predict_proba(world.test)).argmax(axis=1) == world.y_test))
    return {"labels": len(now), "accuracy": accuracy, "known": known}


def sensitivity(args: argparse.Namespace, store: Store) -> None:
    """Savings on CIFAR-10 by pool size, imbalance, mistakes, query size and encoder."""
    found = store.get("sensitivity") or {}
    base = cifar(args.data, pool=2500)
    truth = {**base, "answers": base["y"]}

    def unbalanced(task: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(26)
        share = 0.1 ** (task["y"] / 9)  # the last class a tenth as frequent as the first
        keep = (task["split"] != 0) | (rng.random(len(task["y"])) < share)
        return {k: v[keep] if len(v) == len(keep) else v for k, v in task.items()}

    rough = np.random.default_rng(27).normal(size=(base["x"].shape[1], 16)).astype(np.float32)
    runs: dict[str, tuple[dict[str, np.ndarray], dict[str, Any]]] = {
        "as above, true labels": (truth, {}),
        "people's answers (17 % wrong)": (base, {}),
        "the worst of three answers (40 % wrong)": ({**base, "answers": _worst(args.data, base)}, {}),
        "pool of 1,000": ({**cifar(args.data, pool=1000), "answers": None}, {}),
        "imbalance 10:1": ({**unbalanced(truth)}, {}),
        "rounds of 10": (truth, {"budgets": tuple(range(10, 481, 10))}),
        "rounds of 20, then twice as many each": (truth, {"budgets": (20, 40, 80, 160, 320, 640)}),
        "a weak encoder (16 random directions)": ({**truth, "x": base["x"] @ rough}, {}),
    }
    for name, (task, told) in runs.items():
        if name not in found:
            found[name] = replay(task, max(args.seeds // 2, 4), **{"budgets": tuple(range(20, 481, 20)), **told})
            store.put("sensitivity", found)
            print(name, flush=True)


def _worst(data: Path, task: dict[str, np.ndarray]) -> np.ndarray:
    with np.load(data / "cifar10_human.npz") as found:
        return np.concatenate([found["n_worse"].astype(np.int64)[task["rows"]], task["y"][task["split"] != 0]])


def accepting(args: argparse.Namespace, store: Store) -> None:
    """Label a whole pool: items accepted after 320 labels and 150 further random ones."""
    found = []
    for world in worlds(args.data / "vectors"):
        for path in sorted((args.work / "bank").glob(f"{world.name}-p3-*.npz")):
            with np.load(path) as project:
                rows = project["rows"]
            rng = np.random.default_rng(28)
            rest = np.setdiff1d(np.arange(len(world.y)), rows)
            drawn = rng.choice(rest, min(150, len(rest) // 2), replace=False)
            others = np.setdiff1d(rest, drawn)
            probs = np.asarray(
                make_head("logistic", world.k).fit(world.points[rows], world.y[rows]).predict_proba(world.points)
            )
            wrong, sure = probs.argmax(axis=1) != world.y, probs.max(axis=1).astype(float)
            one = accept(sure[others], sure[drawn], wrong[drawn], error=0.05)
            found.append({"set": world.name, "pool": len(world.y), "by_hand": len(world.y) - one.accepted})
    store.put("accept", found)


def report(args: argparse.Namespace, store: Store) -> None:
    """Print all tables as Markdown."""
    from savings_report import tables  # beside this file

    print(tables(store))


PARTS = {
    "hours": hours,
    "scratch": scratch,
    "evaluation": evaluation,
    "stopping": stopping,
    "sensitivity": sensitivity,
    "accept": accepting,
    "report": report,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=12)
    args = parser.parse_args()
    for part in args.parts or PARTS:
        print(part, file=sys.stderr, flush=True)
        PARTS[part](args, Store(args.work / "savings"))


if __name__ == "__main__":
    main()

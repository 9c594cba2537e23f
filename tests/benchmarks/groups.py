"""Whether the interval of accuracy holds where items come in groups, such as patients or videos; Markdown.

    python tests/benchmarks/groups.py [--projects 1000]

Groups have accuracies of a beta distribution, whose correlation within groups is the column ``correlation``. Items are
drawn at random from all items. The interval is to hold the mean accuracy of groups like these, that is, of new ones.
"""

from __future__ import annotations

import argparse

import numpy as np

from activessl.measuring.quality.audit import audit_accuracy

#: (groups, items of each, random labels).
SHAPES = ((15, 40, 60), (40, 20, 100), (100, 10, 100), (300, 5, 120))


def main() -> None:
    """Print one row for each accuracy, correlation and shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=1000)
    projects = parser.parse_args().projects
    head = ("accuracy", "correlation", "groups", "items of each", "random labels", "holds without groups", "holds")
    print(f"| {' | '.join(head)} | width, of that without groups |")
    print("|---|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(0)
    for accuracy in (0.7, 0.9, 0.97):
        for rho in (0.0, 0.2, 0.5):
            for count, each, labels in SHAPES:
                held, width = np.zeros((projects, 2)), np.zeros((projects, 2))
                for p in range(projects):
                    of = np.full(count, accuracy)
                    if rho:
                        of = rng.beta(accuracy * (1 / rho - 1), (1 - accuracy) * (1 / rho - 1), count)
                    right = (rng.random((count, each)) < of[:, None]).ravel()
                    drawn = rng.choice(count * each, labels, replace=False)
                    for way, groups in enumerate((None, drawn // each)):
                        found = audit_accuracy(right[drawn], np.full(labels, 0.1), groups=groups)
                        held[p, way] = found.low <= accuracy <= found.high
                        width[p, way] = found.high - found.low
                share, wide = 100 * held.mean(axis=0), np.median(width, axis=0)
                print(
                    f"| {accuracy} | {rho} | {count} | {each} | {labels} | {share[0]:.0f} % | {share[1]:.0f} % "
                    f"| {wide[1] / wide[0]:.2f} |"
                )


if __name__ == "__main__":
    main()

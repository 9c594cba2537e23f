"""All printing: the result goes to stdout, everything else to stderr."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activessl.pool.plain import shown
from activessl.pool.progress import duration

if TYPE_CHECKING:
    from activessl.pool.progress import Progress

__all__ = ["duration", "failure", "following", "named", "progress", "result", "story", "table"]


def result(value: Any, text: str, *, as_json: bool) -> None:
    """Print a verb's result: as text for people, or as JSON alone on stdout."""
    if as_json:
        sys.stdout.write(json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=2) + "\n")
    else:
        # what goes to a file or to another program is not changed
        sys.stdout.write((_printable(text) if sys.stdout.isatty() else shown(text)).rstrip("\n") + "\n")
    sys.stdout.flush()


def _printable(text: str) -> str:
    """Replace what a terminal would obey instead of print, and what cannot be encoded: names of files may have both.

    Example:
        >>> _printable("a\x1b[2Jb" + chr(0xDCE9) + "c")
        'a\\x1b[2Jb\\xe9c'
    """
    return shown(_CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text))


def story(text: str) -> None:
    """Print a message about the work in progress to stderr."""
    sys.stderr.write(_printable(text).rstrip("\n") + "\n")
    sys.stderr.flush()


#: Control characters, without the line feed and the tab.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

#: The option --project for next-step lines; empty if the command line named no project.
_project = ""

#: A verb of a project in a next-step line.
_VERB = re.compile(r"\bactivessl (?!predict\b)(?:studio |machines (?=ask|withdraw))?[a-z]+")


def named(project: Path | None) -> None:
    """Remember the project that the command line named; None if it named none."""
    global _project
    _project = "" if project is None else f" --project {shlex.quote(str(project))}"


def following(command: str) -> None:
    """Print the last line of a verb: what to run next, in the same project."""
    if not command.startswith("open "):  # the name of a file may look like a verb
        command = _VERB.sub(lambda verb: verb[0] + _project, command)
    story(f"next: {command}")


def failure(message: str, hint: str) -> None:
    """Print an expected error in two lines."""
    # two lines, whatever the names in the message
    message, hint = (" ".join(text.splitlines()) for text in (message, hint))
    sys.stderr.write(_printable(f"error: {message}\n hint: {hint}\n"))
    sys.stderr.flush()


@contextmanager
def progress(what: str) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar on a terminal, elsewhere a line for each stage."""
    if sys.stderr.isatty():
        with _bar(what) as on_progress:
            yield on_progress
    else:
        told: dict[str, float] = {}
        yield _lines(what, told)
        for stage in [stage for stage, at in told.items() if at != math.inf]:
            story(f"{what}: {stage} done")  # it ended before its expected end


@contextmanager
def _bar(what: str) -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def on_progress(step: Progress) -> None:
            name = f"{what}: {step.stage}"
            if not step.total and step.note:  # a note without a count stays after the bar is removed
                bar.console.print(f"{what}: {step.note}", style="dim", markup=False, highlight=False)
                return
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=step.total, figures="")
            bar.update(tasks[name], completed=step.done, total=step.total, figures=_figures(step))

        yield on_progress


def _lines(what: str, told: dict[str, float]) -> Callable[[Progress], None]:
    def on_progress(step: Progress) -> None:
        if not step.total and step.note:
            story(f"{what}: {step.note}")
            return
        done = step.done >= step.total
        if step.stage not in told or done or time.monotonic() - told[step.stage] > 20:
            if done and told.get(step.stage) == math.inf:
                return
            told[step.stage] = math.inf if done else time.monotonic()
            share = 100 * step.done / step.total if step.total else 100.0
            story(f"{what}: {step.stage} {share:.0f} % {_figures(step)}".rstrip())

    return on_progress


#: The words for figures of the embedding; their names are also keys of stored files.
_WORDS = {"effective_rank": "effective rank", "neighbour_agreement": "neighbor agreement"}


def _figures(step: Progress) -> str:
    parts = [f"loss {step.loss:.3f}"] if step.loss is not None else []
    parts += [f"{_WORDS.get(name, name)} {value:.3g}" for name, value in (step.health or {}).items()]
    parts += [step.note] if step.note else []
    return ", ".join(parts)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Format rows as columns of the needed width; columns of numbers are aligned to the right.

    Example:
        >>> print(table(("round", "labels"), [("1", "20"), ("2", "140")]))
        round  labels
            1      20
            2     140
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    lines = []
    for row in [head, *rows]:
        cells = (c.rjust(w) if right else c.ljust(w) for c, w, right in zip(row, widths, numeric, strict=True))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _is_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell in ("–", "-") or (cell[0] in "+-." and cell[1:2].isdigit())


def _plain(value: Any) -> Any:
    """Convert a value to what JSON can hold: no NaN, numpy values or paths."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    for convert in ("model_dump", "tolist", "isoformat"):  # an event, an array, a time
        if hasattr(value, convert):
            return _plain(getattr(value, convert)())
    return str(value)

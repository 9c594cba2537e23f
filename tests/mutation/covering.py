"""Which tests run a line, from the coverage of one run of the suite with a context for each test."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from coverage import CoverageData


class Cover:
    """The tests of a suite by the lines that they run.

    Args:
        root: The root of the project.
        data: The file that coverage wrote, with the names of the tests as contexts.
        seconds: JSON of each passed test's seconds, by its name.
        modules: The modules that were measured, relative to ``root``.
    """

    def __init__(self, root: Path, data: Path, seconds: Path, modules: list[Path]) -> None:
        self.root, self.modules = root, [m.as_posix() for m in modules]
        self.seconds: dict[str, float] = json.loads(seconds.read_text())
        read = CoverageData(str(data))
        read.read()
        self.lines: dict[str, dict[int, set[str]]] = {}
        for file in read.measured_files():
            path = next((m for m in self.modules if file.endswith("/" + m)), None)
            if path is not None:
                by_line = read.contexts_by_lineno(file)
                lines = self.lines.setdefault(path, {})
                for n, contexts in by_line.items():
                    lines.setdefault(n, set()).update(self._tests(contexts))

    def _tests(self, contexts: list[str]) -> set[str]:
        return {name for c in contexts if (name := c.rpartition("|")[0]) in self.seconds}

    @cached_property
    def breadth(self) -> dict[str, int]:
        """Measured lines that each test runs: few for a sharp test."""
        count: dict[str, int] = defaultdict(int)
        for by_line in self.lines.values():
            for tests in by_line.values():
                for test in tests:
                    count[test] += 1
        return count

    def of(self, path: str, line: int) -> list[str]:
        """The tests that run a line, those most likely to notice a change first: of the same name, quick, narrow.

        A line that runs at import (a constant, a default, a field) has the tests that run the lines which use it.
        """
        spans = [(path, *span) for span in self._spans(path, line)]
        found = self._within(spans[:1]) if spans and not self._at_import(path, line) else set()
        for user in self._users(path, line) if not found else []:
            found |= self._within([user])
        if not found:
            found = self._within(spans[1:]) or self._within([(path, 1, 1_000_000)])
        if not found:  # nothing but a definition: the tests of the same room
            found = {test for test in self.seconds if Path(test.partition("::")[0]).parent.name in Path(path).parts}
        *folders, own = Path(path).with_suffix("").parts

        def rank(test: str) -> tuple[int, float]:
            name = Path(test.partition("::")[0]).stem.removeprefix("test_")
            near = 0 if name == own or "/kept/" in test else 1 if name in folders else 2
            return near, self.seconds[test] * self.breadth[test] ** 0.5

        ordered = sorted(found, key=rank)
        # of a test with many parameters a few first, or they would leave no place for other tests
        turn: dict[str, int] = defaultdict(int)
        nth = {}
        for test in ordered:
            function = test.partition("[")[0]
            nth[test] = turn[function] // 3
            turn[function] += 1
        return sorted(ordered, key=nth.__getitem__)

    def _within(self, spans: list[tuple[str, int, int]]) -> set[str]:
        return {
            test
            for path, first, last in spans
            for n, tests in self.lines.get(path, {}).items()
            if first <= n <= last
            for test in tests
        }

    def _tree(self, path: str) -> ast.Module:
        return ast.parse((self.root / path).read_text(encoding="utf-8"))

    def _spans(self, path: str, line: int) -> list[tuple[int, int]]:
        """The statement of a line (of a compound one: its head), then the functions and classes around it."""
        around = [n for n in ast.walk(self._tree(path)) if isinstance(n, ast.stmt) and _holds(n, line)]
        around.sort(key=lambda n: n.end_lineno - n.lineno)  # type: ignore[operator]
        if not around:
            return []
        body = getattr(around[0], "body", None)
        head = (around[0].lineno, body[0].lineno - 1 if body else around[0].end_lineno or line)
        outer = [n for n in around if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        return [(head[0], max(head)), *((n.lineno, n.end_lineno or n.lineno) for n in outer)]

    def _at_import(self, path: str, line: int) -> bool:
        """Whether the line runs when the module is imported: outside of functions, or in the head of one."""
        inside = [n for n in ast.walk(self._tree(path)) if isinstance(n, ast.FunctionDef) and _holds(n, line)]
        return all(line < n.body[0].lineno for n in inside)

    def _users(self, path: str, line: int) -> list[tuple[str, int, int]]:
        """Statements that mention what the line defines: a constant, a field, or the function of a default."""
        names, owners = set(), set()
        for node in ast.walk(self._tree(path)):
            if not isinstance(node, ast.stmt) or not _holds(node, line):
                continue
            if isinstance(node, ast.ClassDef):
                owners.add(node.name)
            if isinstance(node, ast.Assign):
                names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
            if isinstance(node, ast.FunctionDef) and line < node.body[0].lineno:
                return [(path, node.body[0].lineno, node.end_lineno or node.lineno)]
        if not names:
            return []
        texts = {m: (self.root / m).read_text(encoding="utf-8") for m in self.modules}
        near = [m for m in self.modules if m == path or not owners or any(owner in texts[m] for owner in owners)]
        return [
            (module, n.lineno, n.end_lineno or n.lineno)
            for module in near
            for n in _mentions(ast.parse(texts[module]), names)
        ]


def _holds(node: ast.stmt, line: int) -> bool:
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return first <= line <= (node.end_lineno or first)


def _mentions(tree: ast.Module, names: set[str]) -> list[ast.expr]:
    return [
        node
        for node in ast.walk(tree)
        if (isinstance(node, ast.Name) and node.id in names and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr in names)
    ]

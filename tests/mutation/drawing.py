"""Draw mutants evenly over modules: places of the code that cosmic-ray can change, each with one change."""

from __future__ import annotations

import ast
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

#: Operators of numbers and operators of sets: one is replaced by another of its group. Across the groups, and with
#: shifts, nearly every mutant is a TypeError, which any test would catch.
_GROUPS = ({"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"}, {"BitOr", "BitAnd", "BitXor"})
#: Likewise comparisons of values and of identity: `==` for `is` is hardly ever another program.
_COMPARISONS = ({"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"}, {"Is", "IsNot"})
_SIGNS = ("USub_UAdd", "Delete_USub", "Delete_Not", "Delete_Invert")

Position = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """One change of one module.

    Attributes:
        path: The module, relative to the root of the project.
        operator: cosmic-ray's name of the change.
        occurrence: Which of the places in the module that this operator can change, from 0.
        line: The first line that is changed.
        before: That line, stripped.
        after: The line after the change, stripped.
    """

    path: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str

    @property
    def key(self) -> str:
        """The name of the mutant in files of results; it holds no number of a line, which edits elsewhere change."""
        return f"{self.path}: {self.before} -> {self.after}"

    def code(self, source: str) -> str:
        """The module's text with the change.

        Raises:
            ValueError: The module was edited since the draw, and has no such place any more.
        """
        changed = mutate_code(source, cosmic_ray.plugins.get_operator(self.operator)(), self.occurrence)
        if changed is None or _changed_line(source, changed) != (self.line, self.before, self.after):
            raise ValueError(f"{self.path} was edited: draw the mutants again")
        return str(changed)


def draw(root: Path, modules: list[Path], count: int, seed: int) -> list[Mutant]:
    """Draw mutants in turn from the modules, until there are ``count``: one change of each drawn place.

    Left out are places that no test can see or should pin: annotations, texts with values (messages), arguments of
    decorators and of dataclass fields, ``strict`` of zip, and imports for type checkers.
    """
    rng = random.Random(seed)
    queues = []
    for module in modules:
        source = (root / module).read_text(encoding="utf-8")
        own = random.Random(f"{seed}:{module.as_posix()}")
        queues.append(_mutants(module.as_posix(), source, own))
    rng.shuffle(queues)
    drawn: list[Mutant] = []
    seen: set[str] = set()
    while queues and len(drawn) < count:
        for queue in list(queues):
            found = next((m for m in queue if m.key not in seen), None)
            if found is None:
                queues.remove(queue)
                continue
            seen.add(found.key)
            drawn.append(found)
            if len(drawn) == count:
                break
    return drawn


def _mutants(path: str, source: str, rng: random.Random) -> Iterator[Mutant]:
    places = sorted(_places(source).items())
    rng.shuffle(places)
    for (start, _), changes in places:
        operator, occurrence = rng.choice(changes)
        changed = mutate_code(source, cosmic_ray.plugins.get_operator(operator)(), occurrence)
        if changed is None or _same(source, changed):
            continue
        line, before, after = _changed_line(source, changed)
        yield Mutant(path, operator, occurrence, line or start[0], before, after)


def _places(source: str) -> dict[tuple[Position, Position], list[tuple[str, int]]]:
    """Every place, and the (operator, occurrence) that change it."""
    hidden, tree, lines = _hidden(source), get_ast(source), source.split("\n")
    places: dict[tuple[Position, Position], list[tuple[str, int]]] = defaultdict(list)
    for name in cosmic_ray.plugins.operator_names():
        kind = cosmic_ray.plugins.get_operator(name)
        if not _sensible(name) or kind.arguments():
            continue
        operator = kind()
        positions = (p for node in ast_nodes(tree) for p in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(positions):
            if not any(low <= start < high for low, high in hidden) and not _marker(lines[start[0] - 1], start[1]):
                places[start, end].append((name, occurrence))
    return places


def _marker(line: str, column: int) -> bool:
    """Whether a star stands alone: the parameters after it are given by name."""
    return line[column:].startswith("*,")


def _sensible(name: str) -> bool:
    kind, _, change = name.removeprefix("core/").partition("_")
    one, _, other = change.partition("_")
    if kind == "ReplaceBinaryOperator":
        return any({one, other} <= group for group in _GROUPS)
    if kind == "ReplaceComparisonOperator":
        return any({one, other} <= group for group in _COMPARISONS)
    return kind != "ReplaceUnaryOperator" or change in _SIGNS


def _hidden(source: str) -> list[tuple[Position, Position]]:
    """Spans of the text that are not changed."""
    found: list[ast.AST] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [node.returns] if node.returns else []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += [call for call in node.decorator_list if isinstance(call, ast.Call)]
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            found.append(node.annotation)
        if isinstance(node, ast.JoinedStr):
            found.append(node)
        if isinstance(node, ast.keyword) and node.arg == "strict":  # of zip: it guards against errors of ours
            found.append(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("field", "Field"):
            found += node.keywords
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found.append(node)
        if isinstance(node, ast.Assign) and _alias(node.value):
            found.append(node.value)
    return [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in found]  # type: ignore[attr-defined]


def _alias(value: ast.expr) -> bool:
    """Whether an assigned value is a type: ``Callable[[int], str]``, ``Literal["a"] | None``."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        return _alias(value.left) or _alias(value.right)
    return (
        isinstance(value, ast.Subscript)
        and isinstance(value.value, ast.Name)
        and value.value.id in ("Callable", "Literal")
    )


def _same(source: str, changed: str) -> bool:
    """Whether the change gives no other program, or none that compiles."""
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.parse(changed))
    except SyntaxError:
        return True


def _changed_line(source: str, changed: str) -> tuple[int, str, str]:
    for number, (one, other) in enumerate(zip(source.split("\n"), changed.split("\n"), strict=False), start=1):
        if one != other:
            return number, one.strip(), other.strip()
    return 0, "", ""

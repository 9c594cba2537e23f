"""The rooms of a checkout, and where one value goes: the modules that it enters, in the order in which the code is
written.

Usage: ``python tests/benchmarks/walks.py CHECKOUT [MODULE:FUNCTION:PARAMETER ...]``, such as
``python tests/benchmarks/walks.py . activessl.steps.select:next_round:snapshot``

Only reads code: nothing of the checkout is imported or run. A *room* is a package or module at the root of the library.

A walk begins with a parameter of a function, follows every call that passes it on, or something that was made of it,
into functions of the package, and notes their modules. A *stay* is a run of entered functions in one module. A *climb*
is a step to a stay in a module that the checkout's own import-linter contract places higher. A *repeat* is a call from
another module into a module that an earlier call had entered: the way goes to and fro, and does not only return to the
caller. A function is entered once. Calls that are decided at run time (a strategy, an annotator) are not followed;
methods are followed where the type of their object is written down.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Module:
    """What a module defines and imports."""

    name: str
    functions: dict[str, Function] = field(default_factory=dict)
    methods: dict[tuple[str, str], Function] = field(default_factory=dict)
    classes: set[str] = field(default_factory=set)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


def read(root: Path) -> dict[str, Module]:
    """All modules of a checkout's library, integrations and command line."""
    found = {}
    packages = [root / "activessl", *(root / "integrations").glob("activessl_*"), root / "cli" / "activessl_cli"]
    for path in sorted(file for package in packages for file in package.rglob("*.py")):
        parts = [part for part in path.relative_to(root).with_suffix("").parts if part not in ("integrations", "cli")]
        module = Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("activessl"):
                for alias in node.names:
                    module.imported[alias.asname or alias.name] = (node.module, alias.name)
        for node in tree.body:
            if isinstance(node, Function):
                module.functions[node.name] = node
            elif isinstance(node, ast.ClassDef):
                module.classes.add(node.name)
                for part in node.body:
                    if isinstance(part, Function):
                        module.methods[node.name, part.name] = part
        found[module.name] = module
    return found


def floors(root: Path) -> dict[str, int]:
    """The height of each room, by the layers of the checkout's import-linter contract."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    text = text[text.index("arrows point along") :]
    layers = re.findall(r'"(activessl\.[^"]+)"', text[text.index("layers = [") :].partition("]")[0])
    heights = {part.strip(): len(layers) - i for i, layer in enumerate(layers) for part in layer.split("|")}
    return heights | {"activessl_label_studio": len(layers) + 1, "activessl_cli": len(layers) + 2}


@dataclass
class Walk:
    """One journey."""

    modules: dict[str, Module]
    stays: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    called: list[str] = field(default_factory=list)

    def enter(self, module: Module, name: str, code: Function, carried: set[str]) -> None:
        """Follow a function whose parameters of these names carry the value."""
        if (module.name, name) in self.seen:
            return
        self.seen.add((module.name, name))
        if not self.stays or self.stays[-1] != module.name:
            self.stays.append(module.name)
        known, types = set(carried), dict(_annotated(code))
        if "." in name:
            types["self"] = name.partition(".")[0]
        for node in _in_order(code):
            if isinstance(node, ast.Call):
                self._call(module, node, known, types)
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if _mentions(node.value, known):
                    known |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
                made = _class_of(node.value)
                for target in targets:
                    if made and isinstance(target, ast.Name):
                        types[target.id] = made
            elif (isinstance(node, ast.comprehension) and _mentions(node.iter, known)) or (
                isinstance(node, ast.For) and _mentions(node.iter, known)
            ):
                known |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}

    def _call(self, module: Module, call: ast.Call, known: set[str], types: dict[str, str]) -> None:
        passed = [_mentions(value, known) for value in (*call.args, *(k.value for k in call.keywords))]
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        itself = owner is not None and _mentions(owner, known)
        if not (any(passed) or itself):
            return
        found = self._resolve(module, call.func, types)
        if found is None:
            return
        where, name, code = found
        names = [a.arg for a in (*code.args.posonlyargs, *code.args.args)]
        if "." in name and names:
            names = names[1:]
        carried = {name for name, yes in zip(names, passed, strict=False) if yes}
        carried |= {k.arg for k in call.keywords if k.arg and _mentions(k.value, known)}
        if itself:
            carried.add("self")
        if where is not module and (where.name, name) not in self.seen:
            self.called.append(where.name)
        self.enter(where, name, code, carried)

    def _resolve(self, module: Module, func: ast.expr, types: dict[str, str]) -> tuple[Module, str, Function] | None:
        if isinstance(func, ast.Name):
            where, name = module.imported.get(func.id, (module.name, func.id))
            home = self.modules.get(where)
            return (home, name, home.functions[name]) if home and name in home.functions else None
        if not isinstance(func, ast.Attribute):
            return None
        kind = types.get(func.value.id) if isinstance(func.value, ast.Name) else _class_of(func.value)
        if kind is None:
            return None
        where, name = module.imported.get(kind, (module.name, kind))
        home = self.modules.get(where)
        code = home.methods.get((name, func.attr)) if home else None
        return (home, f"{name}.{func.attr}", code) if home and code else None


def _in_order(code: Function) -> Iterator[ast.AST]:
    """The nodes of a function as they are written: what stands inside a call comes before the call."""

    def visit(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, (ast.For, ast.comprehension)):
            yield node
        for child in ast.iter_child_nodes(node):
            yield from visit(child)
        if not isinstance(node, (ast.For, ast.comprehension)):
            yield node

    for statement in code.body:
        yield from visit(statement)


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))


def _class_of(node: ast.AST) -> str | None:
    """The class whose constructor, or class method, an expression calls."""
    if not isinstance(node, ast.Call):
        return None
    func = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return func.id if isinstance(func, ast.Name) and func.id[:1].isupper() else None


def _annotated(code: Function) -> Iterator[tuple[str, str]]:
    for argument in (*code.args.posonlyargs, *code.args.args, *code.args.kwonlyargs):
        if isinstance(argument.annotation, ast.Name):
            yield argument.arg, argument.annotation.id


def rooms(modules: dict[str, Module]) -> tuple[set[str], set[tuple[str, str]]]:
    """The rooms of the library, and which of them imports from which."""
    inside = {name: name.split(".")[1] for name in modules if name.startswith("activessl.")}
    found = set()
    for name, room in inside.items():
        for where, part in modules[name].imported.values():
            other = inside.get(where) or inside.get(f"{where}.{part}")
            if other and other != room:
                found.add((room, other))
    return set(inside.values()), found


def main() -> None:
    """Print the rooms, then each walk and its figures."""
    root, starts = Path(sys.argv[1]).resolve(), sys.argv[2:]
    modules, height = read(root), floors(root)
    names, arrows = rooms(modules)
    print(f"{len(names)} rooms, {len(arrows)} imports between two of them")

    def floor(module: str) -> int:
        while module not in height and "." in module:
            module = module.rpartition(".")[0]
        return height.get(module, 0)

    for start in starts:
        module, function, parameter = start.split(":")
        walk = Walk(modules)
        home = modules[module]
        if "." in function:
            owner, _, method = function.partition(".")
            code = home.methods[owner, method]
        else:
            code = home.functions[function]
        walk.enter(home, function, code, {parameter})
        climbs = sum(floor(b) > floor(a) for a, b in zip(walk.stays, walk.stays[1:], strict=False))
        repeats = len(walk.called) - len(set(walk.called))
        print(f"{start}: {len(walk.stays)} stays in {len(set(walk.stays))} modules, {climbs} climbs, {repeats} repeats")
        print("  " + " > ".join(name.removeprefix("activessl.") for name in walk.stays))


if __name__ == "__main__":
    main()

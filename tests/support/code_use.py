"""What our code does with names, read from its syntax: what it calls, passes, refers to and reads. Nothing is run."""

import ast
import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.locks import ROOT


@dataclass
class Use:
    """What the files of some folders do. A name is its last part: `Subject.X` is passed as `Subject.X`."""

    called: set[str] = field(default_factory=set)
    """Names of what is called, and whose methods are: `DeployFailed(...)`, `DeployFailed.model_validate(...)`."""
    passed: set[str] = field(default_factory=set)
    """Members such as `Subject.X` among the arguments of a call."""
    named: set[str] = field(default_factory=set)
    """Names and members that stand anywhere but in an import."""
    read: set[str] = field(default_factory=set)
    """Attributes that are read, and texts that are a name: keys of dictionaries, columns, fields to include."""
    endings: set[str] = field(default_factory=set)
    """Ends of attributes whose name is made at run time: `_port` of `getattr(settings, f"{worker}_port")`."""

    def reads(self, name: str) -> bool:
        """Whether an attribute or a key of this name is read."""
        return name in self.read or any(name.endswith(ending) for ending in self.endings)


def use_of(*folders: str, but: Iterable[str] = ()) -> Use:
    """What the Python files below these folders do, without the files in `but`."""
    left_out = {ROOT / name for name in but}
    use = Use()
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path not in left_out:
                part = _use_of_file(path)
                use.called |= part.called
                use.passed |= part.passed
                use.named |= part.named
                use.read |= part.read
                use.endings |= part.endings
    return use


@functools.cache
def _use_of_file(path: Path) -> Use:
    use = Use()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            use.called |= set(_called(node.func))
            use.endings |= set(_endings(node))
            for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                use.passed |= set(_members(argument))
        elif isinstance(node, ast.Name):
            use.named.add(node.id)
        elif isinstance(node, ast.Attribute):
            use.named |= {node.attr, *_members(node)}
            if isinstance(node.ctx, ast.Load):
                use.read.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            use.read |= {part.strip(" :()") for part in node.value.replace("\n", ",").split(",")}
    return use


def _called(function: ast.expr) -> Iterator[str]:
    if isinstance(function, ast.Name):
        yield function.id
    elif isinstance(function, ast.Attribute):
        yield function.attr
        if isinstance(function.value, ast.Name | ast.Attribute):
            yield from _called(function.value)


def _endings(call: ast.Call) -> Iterator[str]:
    if isinstance(call.func, ast.Name) and call.func.id == "getattr" and isinstance(call.args[1], ast.JoinedStr):
        last = call.args[1].values[-1]
        if isinstance(last, ast.Constant):
            yield str(last.value)


def _members(node: ast.expr) -> Iterator[str]:
    """`Subject.X` for an attribute of a name that begins with a capital."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id[0].isupper():
        yield f"{node.value.id}.{node.attr}"

"""tollkeeper.yaml as a tree whose every node knows its line; text in, nodes or ConfigError out.

A careful subset of YAML: no anchors, no tags, no duplicate keys, and ``off``, ``no`` and ``on``
are words, not booleans (YAML 1.2). It knows no setting.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

import yaml

from tollkeeper.config.environment import Environment
from tollkeeper.errors import ConfigError

Scalar = str | int | float | bool | None
Content = Scalar | Mapping[str, "Node"] | tuple["Node", ...]

MAX_SIZE_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
NULLS: Final = frozenset({"", "~", "null"})
BOOLEANS: Final = MappingProxyType({"true": True, "false": False})
INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]{0,17})")
REAL: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
REFERENCE: Final = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Node:
    """A value and the line (from 1) of its key, or of itself in a sequence."""

    content: Content
    line: int
    interpolated: bool = False  # came from the environment: may be a secret


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file; ``name`` is how messages call it."""

    name: str
    root: Mapping[str, Node]

    def find(self, field: str) -> Node | None:
        """Return the node at a dotted path, None where the file says nothing."""
        return find(Node(self.root, 1), tuple(field.split(".")))


EMPTY: Final = Document("", MappingProxyType({}))


def read(path: Path) -> Document:
    """Read and parse a file; every problem is a ConfigError with file and line."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE_BYTES + 1)
    except OSError as failure:
        raise ConfigError(f"{path}: cannot be read: {failure.strerror}") from None
    if len(data) > MAX_SIZE_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_SIZE_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None
    return parse(text, name=str(path))


def parse(text: str, *, name: str) -> Document:
    """Parse text; see ``read``."""
    try:
        _check_events(text, name)
        top = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        where = f"{name}:{mark.line + 1}" if mark else name
        raise ConfigError(f"{where}: {failure.problem or 'not YAML'}") from None
    except yaml.reader.ReaderError as failure:
        line = text.count("\n", 0, failure.position) + 1
        raise ConfigError(f"{name}:{line}: a character that YAML does not allow") from None
    if top is None or (isinstance(top, yaml.ScalarNode) and top.value in NULLS):
        return Document(name, MappingProxyType({}))
    if not isinstance(top, yaml.MappingNode):
        line = top.start_mark.line + 1
        raise ConfigError(f"{name}:{line}: expected sections such as 'server:' at the top")
    return Document(name, _mapping(top, name))


def find(node: Node, path: tuple[str | int, ...]) -> Node | None:
    """Return the node at a path below another one."""
    for step in path:
        content = node.content
        if isinstance(content, Mapping) and str(step) in content:
            node = content[str(step)]
        elif isinstance(content, tuple) and str(step).isdigit() and int(step) < len(content):
            node = content[int(step)]
        else:
            return None
    return node


def resolve(node: Node, environment: Environment, *, name: str) -> Node:
    """Return the node with every ``${NAME}`` in its strings replaced; ``$${`` stands for ``${``."""
    content = node.content
    if isinstance(content, str):
        text = _interpolate(content, environment, f"{name}:{node.line}")
        uses = any(match.group() != "$${" for match in REFERENCE.finditer(content))
        return Node(text, node.line, interpolated=uses)
    if isinstance(content, tuple):
        items = tuple(resolve(item, environment, name=name) for item in content)
        return Node(items, node.line)
    if isinstance(content, Mapping):
        entries = {key: resolve(item, environment, name=name) for key, item in content.items()}
        return Node(entries, node.line)
    return node


def plain(node: Node) -> object:
    """Return the node as dicts, lists and scalars."""
    if isinstance(node.content, Mapping):
        return {key: plain(item) for key, item in node.content.items()}
    if isinstance(node.content, tuple):
        return [plain(item) for item in node.content]
    return node.content


def interpolated(node: Node) -> Iterator[str]:
    """Yield every string that came from the environment."""
    if isinstance(node.content, Mapping):
        for item in node.content.values():
            yield from interpolated(item)
    elif isinstance(node.content, tuple):
        for item in node.content:
            yield from interpolated(item)
    elif node.interpolated and isinstance(node.content, str) and node.content:
        yield node.content


def _interpolate(text: str, environment: Environment, where: str) -> str:
    def value(match: re.Match[str]) -> str:
        if match.group() == "$${":
            return "${"
        variable = match.group(1)
        if not match.group().endswith("}") or not VARIABLE.fullmatch(variable):
            raise ConfigError(f"{where}: expected ${{NAME}}; write $${{ for a plain ${{")
        found = environment.get(variable)
        if found is None:
            raise ConfigError(f"{where}: environment variable {variable} is not set")
        return found

    return REFERENCE.sub(value, text)


def _check_events(text: str, name: str) -> None:
    """Refuse what a configuration does not need and an attacker would use, before building."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{name}:{event.start_mark.line + 1}" if event.start_mark else name
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise ConfigError(f"{where}: anchors and aliases are not supported")
        if getattr(event, "tag", None) is not None:
            raise ConfigError(f"{where}: tags such as !!str are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ConfigError(f"{where}: nested deeper than {MAX_DEPTH} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _mapping(node: yaml.MappingNode, name: str) -> Mapping[str, Node]:
    entries: dict[str, Node] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not key.value:
            raise ConfigError(f"{name}:{line}: a key must be a word")
        if key.value in entries:
            first = entries[key.value].line
            raise ConfigError(f"{name}:{line}: '{key.value}' was already set in line {first}")
        entries[key.value] = Node(_content(value, name), line)
    return MappingProxyType(entries)


def _content(node: yaml.Node, name: str) -> Content:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, name)
    if isinstance(node, yaml.SequenceNode):
        return tuple(Node(_content(item, name), item.start_mark.line + 1) for item in node.value)
    if not isinstance(node, yaml.ScalarNode):
        raise TypeError(f"YAML knows no other kind of node: {node!r}")
    return _scalar(str(node.value), quoted=node.style is not None)


def _scalar(text: str, *, quoted: bool) -> Scalar:
    """Read a scalar as YAML 1.2 does: quoted ones are strings, and so is what is nothing else."""
    if quoted:
        return text
    if text.lower() in NULLS:
        return None
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if INTEGER.fullmatch(text):
        return int(text)
    if REAL.fullmatch(text):
        return float(text)
    return text

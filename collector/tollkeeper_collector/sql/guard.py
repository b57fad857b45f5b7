"""A syntax tree in, a tree that readers may run out, or a refusal; no I/O.

The tree is the engine's own (``parseQueryToJSON``). Nothing is searched for in SQL text, so that
quoting and comments hide nothing; what is not known to be harmless is refused. That rows of other
tenants stay unseen is not this module's work but the row policies'.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tollkeeper_collector.sql.errors import SqlError, denied, read_only
from tollkeeper_collector.sql.vocabulary import SYSTEM_TABLES, TABLE_FUNCTIONS, Vocabulary
from tollkeeper_collector.store.tenancy import DATABASE, TENANT_COLUMN

Tree = dict[str, Any]  # the engine's JSON: an edge, like a wire format

NODES: Final = frozenset(
    (
        "ArrayJoin", "Asterisk", "ColumnsApplyTransformer", "ColumnsExceptTransformer",
        "ColumnsListMatcher", "ColumnsRegexpMatcher", "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformerReplacement", "ColumnsTransformerList", "ExpressionList",
        "Function", "Identifier", "InterpolateElement", "Literal", "OrderByElement",
        "QualifiedAsterisk", "QualifiedColumnsListMatcher", "QualifiedColumnsRegexpMatcher",
        "QueryParameter", "SampleRatio", "SelectIntersectExceptQuery", "SelectQuery",
        "SelectWithUnionQuery", "Subquery", "TableExpression", "TableIdentifier", "TableJoin",
        "TablesInSelectQuery", "TablesInSelectQueryElement", "WindowDefinition",
        "WindowListElement", "WithElement",
    )
)  # fmt: skip
TABLES: Final = {DATABASE: frozenset(TENANT_COLUMN), "system": SYSTEM_TABLES}
ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
ESCAPES: Final = {"b": "\b", "f": "\f", "r": "\r", "n": "\n", "t": "\t", "0": "\0"}
CONTAINERS: Final = ("array", "map", "nested", "tuple")  # read as literals, not as escaped text
OUTSIDE: Final = frozenset(("information_schema", "default"))


@dataclass(frozen=True, slots=True)
class Admitted:
    """A statement that may run: its tree, and the output format it asks for ("": none)."""

    tree: Tree
    output_format: str


@dataclass(frozen=True, slots=True)
class Request:
    """What the tree is read with: the database of unqualified names, parameters, replacements."""

    database: str
    parameters: Mapping[str, str]
    vocabulary: Vocabulary
    stand_ins: Mapping[str, Tree]  # system table -> subquery that shows only what a tenant may see


def admit(tree: Tree, request: Request) -> Admitted:
    """Return the statement as readers may run it; SqlError when they may not."""
    if tree.get("type") != "SelectWithUnionQuery":
        raise read_only("only SELECT, SHOW, DESCRIBE and EXISTS are served here")
    if "out_file" in tree or "compression" in tree:
        raise denied("INTO OUTFILE is not served here")
    body = {name: value for name, value in tree.items() if name != "format_ast"}
    walk = _Walk(request, frozenset(_common_tables(tree)))
    return Admitted(walk.node(body), str(tree.get("format_ast", {}).get("name", "")))


def check_table(database: str, table: str) -> None:
    """Refuse a table that readers may not name."""
    if table not in TABLES.get(database, ()):
        raise SqlError(
            60, "UNKNOWN_TABLE", f"Table {database}.{table} does not exist or is not served"
        )


def _common_tables(value: object) -> set[str]:
    if isinstance(value, list):
        return set().union(*(_common_tables(item) for item in value))
    if not isinstance(value, dict):
        return set()
    inner = set().union(*(_common_tables(item) for item in value.values()))
    return inner | {value["name"]} if value.get("type") == "WithElement" else inner


@dataclass(frozen=True, slots=True)
class _Walk:
    request: Request
    common_tables: frozenset[str]

    def node(self, node: Tree) -> Tree:
        kind = node.get("type")
        if kind is not None and kind not in NODES:
            raise self._refuse_kind(kind)
        if kind == "TableExpression":
            return self._table_expression(node)
        if kind == "QueryParameter":
            return self._parameter(node)
        if kind in ("SelectQuery", "SelectWithUnionQuery"):
            self._refuse_settings(node)
        if kind == "Function":
            self._check_function(node["name"])
        if kind == "ColumnsApplyTransformer" and node.get("func_name"):
            self._check_function(node["func_name"])
        if kind == "Identifier":
            self._check_identifier(node)
        return {name: self._value(value) for name, value in node.items()}

    def _value(self, value: object) -> object:
        if isinstance(value, dict):
            return self.node(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return value

    @staticmethod
    def _refuse_kind(kind: str) -> SqlError:
        if kind == "SetQuery":
            return read_only("Cannot modify settings in readonly mode")
        return denied(f"{kind} is not served here")

    @staticmethod
    def _refuse_settings(node: Tree) -> None:
        if "settings" in node or "settings_ast" in node:
            raise read_only("Cannot modify settings in readonly mode")

    def _check_function(self, name: str) -> None:
        if not self.request.vocabulary.allows(name):
            raise denied(f"Function {name} is not served here")

    def _check_identifier(self, node: Tree) -> None:
        if node.get("children"):
            raise denied("identifiers as parameters are not served here")
        parts = node.get("name_parts") or [node["name"]]
        first = str(parts[0]).lower()
        if len(parts) > 1 and (first in TABLES or first in OUTSIDE):
            check_table(str(parts[0]), str(parts[1]))  # x IN database.table

    def _table_expression(self, node: Tree) -> Tree:
        function = node.get("table_function")
        if function is not None:
            if str(function["name"]).lower() not in TABLE_FUNCTIONS:
                raise denied(f"Table function {function['name']} is not served here")
            inside = {name: self._value(value) for name, value in function.items()}
            rest = {name: value for name, value in node.items() if name != "table_function"}
            return {**{k: self._value(v) for k, v in rest.items()}, "table_function": inside}
        table = node.get("database_and_table_name")
        if table is None:
            return {name: self._value(value) for name, value in node.items()}
        rest = {k: self._value(v) for k, v in node.items() if k != "database_and_table_name"}
        return {**rest, **self._table(table)}

    def _table(self, table: Tree) -> Tree:
        if table.get("type") != "TableIdentifier" or table.get("children"):
            raise denied("identifiers as parameters are not served here")
        parts = [str(part) for part in table.get("name_parts") or [table["name"]]]
        if len(parts) == 1 and parts[0] in self.common_tables:
            return {"database_and_table_name": table}
        if len(parts) > 2:
            raise denied("a table is named by database and name")
        database, name = [self.request.database, *parts][-2:]
        check_table(database, name)
        if database == "system" and name in self.request.stand_ins:
            alias = table.get("alias") or name
            return {"subquery": {**self.request.stand_ins[name], "alias": alias}}
        return {"database_and_table_name": _named(database, name, table)}

    def _parameter(self, node: Tree) -> Tree:
        if str(node["param_type"]).lower() == "identifier":
            raise denied("identifiers as parameters are not served here")
        value = self.request.parameters.get(node["name"])
        if value is None:
            message = f"Substitution `{node['name']}` is not set"
            raise SqlError(456, "UNKNOWN_QUERY_PARAMETER", message)
        alias = {"alias": node["alias"]} if "alias" in node else {}
        kind = str(node["param_type"])
        text = value if kind.lower().startswith(CONTAINERS) else unescape(value)
        arguments = [_literal(text), _literal(kind)]
        inside = {"type": "ExpressionList", "children": arguments}
        return {"type": "Function", "name": "CAST", "arguments": inside, **alias}


def _named(database: str, name: str, table: Tree) -> Tree:
    if database == DATABASE and "name_parts" not in table:
        return table  # statements run inside this database
    alias = {"alias": table["alias"]} if table.get("alias") else {}
    parts = {"name": f"{database}.{name}", "name_parts": [database, name]}
    return {"type": "TableIdentifier", **parts, **alias}


def _literal(text: str | None) -> Tree:
    if text is None:
        return {"type": "Literal", "value": {"field_type": "Null", "value": None}}
    return {"type": "Literal", "value": {"field_type": "String", "value": text}}


def unescape(value: str) -> str | None:
    r"""Return what a parameter's escaped text stands for; ``\N`` is NULL."""
    if value == "\\N":
        return None
    return ESCAPED.sub(lambda found: ESCAPES.get(found[1], found[1]), value)

"""The guard on trees alone: what is not known is refused, and parameters become plain literals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollkeeper_collector.sql.errors import SqlError
from tollkeeper_collector.sql.guard import Request, Tree, admit, unescape
from tollkeeper_collector.sql.vocabulary import FunctionEntry, Vocabulary, vocabulary

ENTRIES = [
    FunctionEntry("sum", True, "", "Aggregate Functions"),
    FunctionEntry("lower", False, "", "String"),
    FunctionEntry("lcase", False, "lower", ""),
    FunctionEntry("file", False, "", "Other"),
    FunctionEntry("FILE", False, "file", ""),
    FunctionEntry("sumOfAllSecrets", False, "", "AI"),
    FunctionEntry("version", False, "", "Other"),
    FunctionEntry("fromTheFuture", False, "", "Teleportation"),
    FunctionEntry("two", False, "", "String, AI"),
]
WORDS: Vocabulary = vocabulary(ENTRIES)


def select(expression: Tree, **more: object) -> Tree:
    columns = {"type": "ExpressionList", "children": [expression]}
    query = {"type": "SelectQuery", "select": columns, **more}
    selects = {"type": "ExpressionList", "children": [query]}
    return {"type": "SelectWithUnionQuery", "list_of_selects": selects}


def request(**parameters: str) -> Request:
    return Request("otel", parameters, WORDS, {})


@pytest.mark.parametrize("name", ["sum", "sumIf", "SUM", "lower", "LCASE", "version", "lambda"])
def test_allows_functions_of_their_arguments_alone(name: str) -> None:
    assert WORDS.allows(name)


@pytest.mark.parametrize(
    "name", ["file", "FILE", "File", "sumOfAllSecrets", "fromTheFuture", "two", "unheard_of", ""]
)
def test_refuses_functions_that_reach_out_or_are_not_known(name: str) -> None:
    assert not WORDS.allows(name)


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "InsertQuery"},
        {"type": "SelectWithUnionQuery", "out_file": {"type": "Literal"}},
        select({"type": "SomethingNew"}),
        select({"type": "Literal"}, settings={"type": "SetQuery"}),
        select({"type": "Literal"}, anything={"deep": [{"type": "SomethingNew"}]}),
        select({"type": "Function", "name": "file", "arguments": {}}),
        select({"type": "ColumnsApplyTransformer", "func_name": "file"}),
        select({"type": "QueryParameter", "name": "x", "param_type": "Identifier"}),
        select({"type": "QueryParameter", "name": "x", "param_type": "identifier"}),
        select({"type": "Identifier", "name": "a.b", "name_parts": ["system", "processes"]}),
        select({"type": "Identifier", "name": "a.b", "name_parts": ["SYSTEM", "processes"]}),
        select({"type": "TableExpression", "table_function": {"name": "URL"}}),
        select({"type": "TableExpression", "database_and_table_name": {"type": "Surprise"}}),
    ],
    ids=range(13),
)
def test_refuses_what_it_does_not_know(tree: Tree) -> None:
    with pytest.raises(SqlError):
        admit(tree, request(x="otel"))


def test_makes_a_parameter_a_literal_that_is_cast() -> None:
    asked = select({"type": "QueryParameter", "name": "x", "param_type": "String", "alias": "a"})
    tree = admit(asked, request(x="'; DROP\\tTABLE")).tree
    (function,) = tree["list_of_selects"]["children"][0]["select"]["children"]
    value, kind = function["arguments"]["children"]
    assert (function["name"], function["alias"]) == ("CAST", "a")
    assert value["value"] == {"field_type": "String", "value": "'; DROP\tTABLE"}
    assert kind["value"]["value"] == "String"


def test_takes_the_format_off() -> None:
    tree = {**select({"type": "Literal"}), "format_ast": {"type": "Identifier", "name": "JSON"}}
    admitted = admit(tree, request())
    assert admitted.output_format == "JSON"
    assert "format_ast" not in admitted.tree


@given(st.text(alphabet="abtnrf0N\\'\n\t\0😀"))
def test_unescapes_what_clients_escape(text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    assert unescape(escaped.replace("\0", "\\0")) == text


def test_reads_the_null_mark_as_null() -> None:
    assert unescape("\\N") is None
    assert unescape("\\\\N") == "\\N"

"""SQL text in, text that readers may run out: the guard with the engine's parser around it.

SELECT goes through the syntax tree. The few other statements that clients need are recognised whole
by their plain form and written anew, so that nothing of the caller's text is run.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from tollkeeper_collector.sql.errors import SqlError, bad_request
from tollkeeper_collector.sql.guard import TABLES, Request, Tree, admit, check_table
from tollkeeper_collector.sql.vocabulary import FunctionEntry, Vocabulary, vocabulary
from tollkeeper_collector.store.tenancy import DATABASE

Ask = Callable[[str], str]  # runs a SELECT of one text, returns the text

NAME: Final = r"(?:`(\w+)`|\"(\w+)\"|(\w+))"
TABLE: Final = rf"(?:{NAME}\s*\.\s*)?{NAME}"
LIKE: Final = r"(?:\s+(NOT\s+)?(LIKE|ILIKE)\s+('(?:[^'\\]|\\.)*'))?"
TAIL: Final = r"(?:\s+FORMAT\s+(\w+))?\s*;?\s*"
FLAGS: Final = re.IGNORECASE | re.DOTALL
ABOUT_TABLE: Final = re.compile(
    rf"\s*(DESC|DESCRIBE|SHOW\s+CREATE|EXISTS)\s+(?:TABLE\s+|VIEW\s+)?{TABLE}{TAIL}", FLAGS
)
SHOW_TABLES: Final = re.compile(rf"\s*SHOW\s+TABLES(?:\s+(?:FROM|IN)\s+{NAME})?{LIKE}{TAIL}", FLAGS)
SHOW_DATABASES: Final = re.compile(rf"\s*SHOW\s+DATABASES{LIKE}{TAIL}", FLAGS)
USE: Final = re.compile(rf"\s*USE\s+{NAME}\s*;?\s*", FLAGS)
DESCRIBE_QUERY: Final = re.compile(r"\s*(?:DESC|DESCRIBE)\s+(?:TABLE\s+)?\(", FLAGS)
FORMAT_NAME: Final = re.compile(r"\w+")

# What of the whole store's size and of this machine's folders a tenant need not see.
SHOWN: Final = {
    "tables": (
        "SELECT * REPLACE (CAST([], 'Array(String)') AS data_paths, '' AS metadata_path,"
        " NULL AS total_rows, NULL AS total_bytes, NULL AS total_bytes_uncompressed,"
        " NULL AS parts, NULL AS active_parts, NULL AS total_marks,"
        " NULL AS lifetime_rows, NULL AS lifetime_bytes)"
        " FROM system.tables WHERE database IN ('otel', 'system')"
    ),
    "columns": (
        "SELECT * REPLACE (toUInt64(0) AS data_compressed_bytes,"
        " toUInt64(0) AS data_uncompressed_bytes, toUInt64(0) AS marks_bytes)"
        " FROM system.columns WHERE database IN ('otel', 'system')"
    ),
    "databases": (
        "SELECT * REPLACE ('' AS data_path, '' AS metadata_path)"
        " FROM system.databases WHERE name IN ('otel', 'system')"
    ),
}


@dataclass(frozen=True, slots=True)
class Statement:
    """What may run, as text; the output format it asks for ("": none); "" runs nothing."""

    sql: str
    output_format: str = ""
    streams: bool = False  # DESCRIBE and its like answer whole


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an engine was asked once: its functions, and the stand-ins as syntax trees."""

    vocabulary: Vocabulary
    stand_ins: Mapping[str, Tree]


def learn(ask: Ask, functions: Iterable[FunctionEntry]) -> Grammar:
    """Return the grammar of an engine; SqlError when it cannot take SQL apart for us."""
    stand_ins = {name: _subquery(parse(ask, f"SELECT 1 FROM ({s})")) for name, s in SHOWN.items()}
    return Grammar(vocabulary(functions), stand_ins)


def prepare(
    ask: Ask, sql: str, *, grammar: Grammar, database: str, parameters: Mapping[str, str]
) -> Statement:
    """Return the statement as readers may run it; SqlError when they may not."""
    if "\0" in sql:
        raise bad_request("a statement holds no NUL character")
    plain = _plain_statement(sql, database)
    if plain is not None:
        return plain
    request = Request(database, parameters, grammar.vocabulary, grammar.stand_ins)
    described = _described_query(sql)
    try:
        admitted = admit(parse(ask, described or sql), request)
        text = _rendered(ask, admitted.tree)
    except RecursionError:
        raise SqlError(306, "TOO_DEEP_RECURSION", "the statement is nested too deeply") from None
    if described:
        return Statement(f"DESCRIBE TABLE ({text})", admitted.output_format)
    return Statement(text, admitted.output_format, streams=True)


def parse(ask: Ask, sql: str) -> Tree:
    """Return the syntax tree of exactly one statement."""
    tree = json.loads(ask(f"SELECT parseQueryToJSON({quoted(sql)})"))
    if not isinstance(tree, dict):
        raise bad_request("the statement has no syntax tree")
    return tree


def quoted(text: str) -> str:
    """Return a SQL string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def output_format(name: str) -> str:
    """Return a format's name fit for SQL; SqlError for anything that is no name."""
    if not FORMAT_NAME.fullmatch(name):
        raise SqlError(73, "UNKNOWN_FORMAT", "Unknown format")
    return name


def _rendered(ask: Ask, tree: Tree) -> str:
    return ask(f"SELECT formatQueryFromJSON({quoted(json.dumps(tree))})")


def _subquery(tree: Tree) -> Tree:
    select = tree["list_of_selects"]["children"][0]
    element = select["tables"]["children"][0]
    return dict(element["table_expression"]["subquery"])


def _described_query(sql: str) -> str:
    """Return the query inside DESCRIBE (…), "" when it is another statement."""
    match = DESCRIBE_QUERY.match(sql)
    return sql[match.end() - 1 :] if match else ""


def _plain_statement(sql: str, database: str) -> Statement | None:
    if match := ABOUT_TABLE.fullmatch(sql):
        verb, *names, wanted = match.groups()
        named_database, table = _one(names[:3]) or database, _one(names[3:])
        check_table(named_database, table)
        verb = {
            "DESC": "DESCRIBE TABLE",
            "DESCRIBE": "DESCRIBE TABLE",
            "EXISTS": "EXISTS TABLE",
        }.get(verb.upper(), "SHOW CREATE TABLE")
        return Statement(f"{verb} `{named_database}`.`{table}`", wanted or "")
    if match := SHOW_TABLES.fullmatch(sql):
        *names, negated, like, pattern, wanted = match.groups()
        where = _matching(negated, like, pattern)
        return Statement(_tables_of(_one(names) or database, where), wanted or "")
    if match := SHOW_DATABASES.fullmatch(sql):
        negated, like, pattern, wanted = match.groups()
        where = _matching(negated, like, pattern)
        return Statement(
            f"SELECT name FROM ({SHOWN['databases']}){where} ORDER BY name", wanted or ""
        )
    if match := USE.fullmatch(sql):
        if _one(list(match.groups())) in (*TABLES, "default"):
            return Statement("")
        raise SqlError(81, "UNKNOWN_DATABASE", "Database does not exist or is not served")
    return None


def _tables_of(database: str, where: str) -> str:
    served = ", ".join(quoted(name) for name in sorted(TABLES.get(database, ())))
    if not served:
        raise SqlError(81, "UNKNOWN_DATABASE", "Database does not exist or is not served")
    return (
        f"SELECT name FROM (SELECT name FROM system.tables WHERE database = {quoted(database)}"
        f" AND name IN ({served})){where} ORDER BY name"
    )


def _matching(negated: str | None, like: str | None, pattern: str | None) -> str:
    if not like:
        return ""
    return f" WHERE name {'NOT ' if negated else ''}{like.upper()} {pattern}"


def _one(names: list[str | None]) -> str:
    """Return the spelling that was used, of three: in backticks, in quotes, bare."""
    return next((name for name in names if name), "")


DEFAULT_DATABASES: Final = ("", "default", DATABASE)


def reading_database(name: str) -> str:
    """Return the database that unqualified names are read in."""
    if name in DEFAULT_DATABASES:
        return DATABASE
    if name in TABLES:
        return name
    raise SqlError(81, "UNKNOWN_DATABASE", f"Database {name[:64]} does not exist or is not served")

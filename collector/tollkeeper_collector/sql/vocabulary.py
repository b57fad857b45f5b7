"""Which functions, table functions and system tables readers may use; everything else is refused.

Functions are allowed by the category the engine itself gives them, so that what a later version
brings (a file reader, a network client, a model) stays shut until somebody decides otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Functions of their arguments alone. Left out: AI, Dictionary, Embedded Dictionary, Introspection,
# Machine Learning (all read or reach outside), Internal and Other (by name below).
CATEGORIES: Final = frozenset(
    (
        "Aggregate Functions", "Arithmetic", "Arrays", "Bit", "Bitmap", "Comparison",
        "Conditional", "Dates and Times", "Distance", "Encoding", "Encryption", "Financial", "Geo",
        "Geo Polygon", "Hash", "IP Address", "JSON", "Logical", "Map", "Mathematical", "Null",
        "NumericIndexedVector", "QBit", "Random Number", "Rounding", "String",
        "String Replacement", "String Search", "String Splitting", "Time Series", "Time Window",
        "Tuple", "Type Conversion", "URL", "UUID",
    )
)  # fmt: skip
NAMED: Final = frozenset(
    (
        "MACNumToString", "MACStringToNum", "MACStringToOUI", "_CAST", "bar", "blockNumber",
        "byteSize", "caseWithExpression", "connectionId", "countDigits", "currentDatabase",
        "currentProfiles", "currentQueryID", "currentRoles", "currentSchemas", "currentUser",
        "defaultValueOfArgumentType", "defaultValueOfTypeName", "digits", "displayName",
        "dumpColumnStructure", "enabledRoles", "errorCodeToName", "finalizeAggregation",
        "formatQuery", "formatQuerySingleLine", "formatReadableDecimalSize",
        "formatReadableQuantity", "formatReadableSize", "formatReadableTimeDelta",
        "getSizeOfEnumType", "globalVariable", "hostName", "identity", "ignore", "indexHint",
        "initialQueryID", "isConstant", "isDecimalOverflow", "lowCardinalityIndices",
        "lowCardinalityKeys", "materialize", "minSampleSizeContinuous", "minSampleSizeConversion",
        "neighbor", "normalizeQuery", "normalizedQueryHash", "parseReadableSize",
        "parseReadableSizeOrNull", "parseReadableSizeOrZero", "parseTimeDelta", "queryID",
        "revision", "rowNumberInAllBlocks", "rowNumberInBlock", "runningAccumulate",
        "runningDifference", "runningDifferenceStartingWithFirstValue", "throwIf",
        "toColumnTypeName", "toTypeName", "transform", "uptime", "variantElement", "variantType",
        "version", "visibleWidth",
    )
)  # fmt: skip
# What the parser understands and the engine's list of functions does not hold.
SYNTAX: Final = frozenset(("lambda", "exists", "untuple", "grouping", "arrayjoin"))
TABLE_FUNCTIONS: Final = frozenset(
    (
        "generate_series", "generateseries", "numbers", "numbers_mt", "sqlstandardvalues",
        "values", "zeros", "zeros_mt",
    )
)  # fmt: skip
SYSTEM_TABLES: Final = frozenset(
    (
        "build_options", "collations", "columns", "data_type_families", "databases", "formats",
        "functions", "keywords", "numbers", "numbers_mt", "one", "settings", "table_engines",
        "table_functions", "tables", "time_zones", "zeros", "zeros_mt",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FunctionEntry:
    """A row of system.functions."""

    name: str
    is_aggregate: bool
    alias_to: str
    categories: str


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names readers may call, in lower case; combinators make aggregates a family each."""

    functions: frozenset[str]
    known: frozenset[str]
    aggregates: tuple[str, ...]

    def allows(self, name: str) -> bool:
        """Tell whether a function may be called; a name the engine does not know is not."""
        called = name.lower()
        if called in self.functions or called in SYNTAX:
            return True
        return called not in self.known and called.startswith(self.aggregates)


def vocabulary(entries: Iterable[FunctionEntry]) -> Vocabulary:
    """Return what may be called of the functions an engine has."""
    listed = list(entries)
    by_name = {entry.name: entry for entry in listed}
    allowed = {
        entry.name.lower() for entry in listed if _is_harmless(by_name.get(entry.alias_to, entry))
    }
    # A name is called without regard to case where the engine permits it, so one refused spelling
    # refuses them all.
    refused = {e.name.lower() for e in listed if not _is_harmless(by_name.get(e.alias_to, e))}
    return Vocabulary(
        functions=frozenset(allowed - refused),
        known=frozenset(entry.name.lower() for entry in listed),
        aggregates=tuple(entry.name.lower() for entry in listed if entry.is_aggregate),
    )


def _is_harmless(entry: FunctionEntry) -> bool:
    if entry.is_aggregate or entry.name in NAMED:
        return True
    categories = [part.strip() for part in entry.categories.split(",")]
    return all(category in CATEGORIES for category in categories)

"""Presidio's recognisers, and nothing else of Presidio.

Its package loads spaCy and every engine it has (two seconds, 70 MB) for classes we never use. The
recogniser modules are loaded beside it, under stand-ins that are taken away again, so whoever
imports Presidio properly still gets all of it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Final, Protocol, cast

import tldextract

PACKAGE: Final = "presidio_analyzer"
# entity -> module below the package, class
RECOGNISERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "EMAIL_ADDRESS": ("generic.email_recognizer", "EmailRecognizer"),
        "CREDIT_CARD": ("generic.credit_card_recognizer", "CreditCardRecognizer"),
        "US_SSN": ("country_specific.us.us_ssn_recognizer", "UsSsnRecognizer"),
    }
)
PHONE: Final = ("generic.phone_recognizer", "PhoneRecognizer")
ENTITIES: Final = (*RECOGNISERS, "PHONE_NUMBER")
_FOLDERS: Final = (
    "predefined_recognizers",
    "predefined_recognizers.generic",
    "predefined_recognizers.country_specific",
    "predefined_recognizers.country_specific.us",
)
# What the recogniser modules import from the package's top.
_TOP_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AnalysisExplanation": "analysis_explanation",
        "EntityRecognizer": "entity_recognizer",
        "LocalRecognizer": "local_recognizer",
        "Pattern": "pattern",
        "PatternRecognizer": "pattern_recognizer",
        "RecognizerResult": "recognizer_result",
    }
)


class Pattern(Protocol):
    """One of a recogniser's patterns, with the score of its match."""

    regex: str
    score: float


class PatternRecogniser(Protocol):
    """Presidio's ``PatternRecognizer``, as far as we use it."""

    patterns: list[Pattern]
    global_regex_flags: int

    def validate_result(self, pattern_text: str) -> bool | None: ...

    def invalidate_result(self, pattern_text: str) -> bool | None: ...


class PhoneRecogniser(Protocol):
    """Presidio's ``PhoneRecognizer``, as far as we use it."""

    SCORE: float
    supported_regions: tuple[str, ...]
    leniency: int


def pattern_recogniser(entity: str) -> PatternRecogniser:
    """Return Presidio's recogniser of an entity; raises KeyError for one we do not use.

    The e-mail recogniser would fetch the public suffix list; ours reads the one in its wheel.
    """
    found = cast("PatternRecogniser", _load(*RECOGNISERS[entity]))
    if entity == "EMAIL_ADDRESS":
        offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
        object.__setattr__(found, "validate_result", lambda text: offline(text).fqdn != "")
    return found


def phone_recogniser() -> PhoneRecogniser:
    """Return Presidio's recogniser of phone numbers, with its regions."""
    return cast("PhoneRecogniser", _load(*PHONE))


def _load(module: str, name: str) -> object:
    with _stand_ins():
        return getattr(importlib.import_module(f"{PACKAGE}.{_FOLDERS[0]}.{module}"), name)()


@contextmanager
def _stand_ins() -> Iterator[None]:
    """Put empty packages in Presidio's place while its modules are loaded."""
    kept = {name: module for name, module in sys.modules.items() if _is_presidio(name)}
    for name in kept:
        del sys.modules[name]
    try:
        for name, module in _stand_in_modules():
            sys.modules[name] = module
        yield
    finally:
        for name in [name for name in sys.modules if _is_presidio(name)]:
            del sys.modules[name]
        sys.modules.update(kept)


def _stand_in_modules() -> Iterator[tuple[str, ModuleType]]:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{PACKAGE} is not installed")
    root = Path(spec.submodule_search_locations[0])
    top = _package(PACKAGE, root)
    top.__dict__["__getattr__"] = _top_name
    yield PACKAGE, top
    for folder in _FOLDERS:
        yield (
            f"{PACKAGE}.{folder}",
            _package(f"{PACKAGE}.{folder}", root / folder.replace(".", "/")),
        )
    engine = ModuleType(f"{PACKAGE}.nlp_engine")
    engine.__dict__["NlpArtifacts"] = object  # a type in signatures only
    yield engine.__name__, engine


def _package(name: str, folder: Path) -> ModuleType:
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    return package


def _top_name(name: str) -> object:
    if name not in _TOP_NAMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{PACKAGE}.{_TOP_NAMES[name]}"), name)


def _is_presidio(name: str) -> bool:
    return name == PACKAGE or name.startswith(f"{PACKAGE}.")

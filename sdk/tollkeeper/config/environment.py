"""The process environment as a value, taken once; the only reader of ``os.environ``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables by name; never printed, since some are secrets."""

    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def of_process(cls) -> Self:
        """Take a copy of what this process was given."""
        return cls(MappingProxyType(dict(os.environ)))

    def get(self, name: str) -> str | None:
        return self.variables.get(name)

    def extended(self, **more: str) -> Self:
        """Return a copy with more variables, as a child process is to see it."""
        return type(self)(MappingProxyType({**self.variables, **more}))

    def without(self, *names: str) -> Self:
        """Return a copy that lacks some variables."""
        kept = {name: value for name, value in self.variables.items() if name not in names}
        return type(self)(MappingProxyType(kept))

"""A model's name to a target: aliases first, then ``provider/model``, then bare known names.

Pure: it takes the configured providers and aliases and a random number, and does no I/O.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from tollkeeper_proxy.exchange import Refusal, Target
from tollkeeper_proxy.routing.catalog import CATALOGUE
from tollkeeper_proxy.routing.providers import Provider
from tollkeeper_proxy.settings import AliasSettings


@dataclass(frozen=True, slots=True)
class Router:
    """Knows every name a caller may use for a model."""

    providers: Mapping[str, Provider]
    aliases: Mapping[str, AliasSettings]

    def resolve(self, name: str, draw: float) -> Target | Refusal:
        """Return where ``name`` leads; ``draw`` in [0, 1) decides between weighted targets."""
        alias = self.aliases.get(name)
        if alias is not None:
            return self._direct(_drawn(alias, draw)) or self._unknown(name)
        return self._direct(name) or self._bare(name) or self._unknown(name)

    def listed(self) -> list[str]:
        """Return the names ``GET /v1/models`` shows: aliases, then listed models by provider."""
        models = (f"{p.name}/{m}" for p in self.providers.values() for m in p.settings.models)
        return [*sorted(self.aliases), *sorted(models)]

    def broken_aliases(self) -> list[str]:
        """Return one line for every alias target that no configured provider serves."""
        return [
            f"models.{name}: no provider for target '{target.model}'"
            for name, alias in self.aliases.items()
            for target in alias.targets
            if self._direct(target.model) is None
        ]

    def _direct(self, name: str) -> Target | None:
        provider, slash, model = name.partition("/")
        if slash and model and provider in self.providers:
            return Target(provider, model)
        return None

    def _bare(self, name: str) -> Target | None:
        for provider in self.providers.values():
            if name in provider.settings.models:
                return Target(provider.name, name)
        for provider in self.providers.values():
            known = CATALOGUE.get(provider.name)
            if known and known.bare_names and known.bare_names.match(name):
                return Target(provider.name, name)
        return None

    def _unknown(self, name: str) -> Refusal:
        shown = name[:100]
        near = difflib.get_close_matches(shown, [*self.listed(), *self.providers], n=3, cutoff=0.4)
        hint = f" Near: {', '.join(near)}." if near else ""
        return Refusal(
            policy="routing",
            message=(
                f"The model '{shown}' is not known here. Use 'provider/model' with one of: "
                f"{', '.join(sorted(self.providers))}; an alias; or a listed model.{hint}"
            ),
            status=404,
            code="model_not_found",
            param="model",
        )


def _drawn(alias: AliasSettings, draw: float) -> str:
    if alias.strategy == "ordered":
        return alias.targets[0].model
    sums = list(accumulate(target.weight for target in alias.targets))
    point = draw * sums[-1]
    index = next((i for i, bound in enumerate(sums) if point < bound), len(sums) - 1)
    return alias.targets[index].model

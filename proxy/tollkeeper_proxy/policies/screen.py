"""Screening: known injection phrases in a request's text are noted, or the request is refused.

Works on text surfaces, whatever the dialect. What callers and spans see is the family of a
signature, never its text nor the text it was found in.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.screening.signatures import Signature, Signatures
from tollkeeper_proxy.settings import InjectionSettings
from tollkeeper_proxy.wire import Surface

log = logging.getLogger(__name__)

SCAN_ON_LOOP: Final = 64 * 1024  # characters: about three milliseconds

_UNAVAILABLE: Final = Refusal(
    policy="screen",
    message="The request could not be screened, so it was not sent.",
    status=503,
    kind="api_error",
    code="screening_unavailable",
    retryable=True,
    retry_after_s=1,
)


class PhraseList(Protocol):
    """Finds known phrases in a text."""

    def find(self, text: str) -> list[Signature]: ...


class ScreenPolicy:
    """Detects or blocks; ``open`` compiles the list of signatures."""

    name = "screen"

    def __init__(
        self, settings: InjectionSettings, *, load: Callable[[], PhraseList] = Signatures
    ) -> None:
        self._settings = settings
        self._load = load
        self._phrases: PhraseList | None = None

    async def open(self) -> None:
        if self._settings.mode != "off":
            self._phrases = await asyncio.to_thread(self._load)

    async def close(self) -> None:
        """Nothing is held open."""

    async def on_request(self, exchange: Exchange) -> Refusal | None:
        if self._settings.mode == "off":
            return None
        request = exchange.request
        if request is None:
            raise LookupError("there is no request to screen")
        try:
            families = await self._families(request.surfaces())
        except Exception:  # the detector's seam: blocking means closed, detecting means open
            log.exception("screening failed for request %s", exchange.request_id)
            exchange.decide(self.name, "failed")
            return _UNAVAILABLE if self._settings.mode == "block" else None
        if not families:
            return None
        blocked = self._settings.mode == "block"
        named = ",".join(families)
        exchange.decide(self.name, "blocked" if blocked else "detected", named)
        return _refusal(named) if blocked else None

    def on_done(self, exchange: Exchange) -> None:
        """Nothing to settle."""

    async def _families(self, surfaces: Sequence[Surface]) -> list[str]:
        if sum(len(surface.text) for surface in surfaces) > SCAN_ON_LOOP:
            return await asyncio.to_thread(self._scan, surfaces)
        return self._scan(surfaces)

    def _scan(self, surfaces: Sequence[Surface]) -> list[str]:
        if self._phrases is None:
            raise RuntimeError("the list of signatures is not loaded")
        return sorted({f.family for s in surfaces for f in self._phrases.find(s.text)})


def _refusal(families: str) -> Refusal:
    return Refusal(
        policy="screen",
        message=f"The request holds a phrase known from prompt injections ({families}).",
        status=400,
        code="prompt_injection",
    )

"""Redaction: personal data in a request's text is replaced before anything else sees it.

Works on text surfaces, whatever the dialect; the same masking serves answers as they stream and
the copy that is stored. A detector that fails refuses the request unless told to fail open.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from tollkeeper.errors import ConfigError
from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pii.detector import Detector, Stretch
from tollkeeper_proxy.pii.findings import Finding, replace
from tollkeeper_proxy.pii.masking import MaskingEditor
from tollkeeper_proxy.pii.presidio import ENTITIES
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.settings import PiiSettings
from tollkeeper_proxy.wire import Surface, WireRequest

_T = TypeVar("_T")

log = logging.getLogger(__name__)

SCAN_ON_LOOP: Final = 64 * 1024  # characters: scanned in a quarter of a millisecond
EXAMINE_ON_LOOP: Final = 200  # characters of suspects: a few addresses or two phone numbers
TIMEOUT_S: Final = 20.0  # a megabyte of nothing but phone numbers takes about that long
THREADS: Final = 2  # hostile texts wait for one another, not for the key store
EXAMINE_STORED: Final = 4_000  # characters of suspects in one stored text: about 50 ms
UNEXAMINED: Final = "UNEXAMINED"  # stands in brackets for a suspect passage beyond that
UNREADABLE: Final = "[REDACTION FAILED]"  # stored in place of a text nobody could check

_UNAVAILABLE: Final = Refusal(
    policy="redact",
    message="The request could not be checked for personal data, so it was not sent.",
    status=503,
    kind="api_error",
    code="redaction_unavailable",
    retryable=True,
    retry_after_s=1,
)


@dataclass(frozen=True, slots=True)
class _Suspect:
    surface: Surface
    stretches: list[Stretch]

    def size(self) -> int:
        return sum(stretch.end - stretch.start for stretch in self.stretches)


class RedactPolicy:
    """Masks what it finds; ``open`` loads the detector, which takes half a second."""

    name = "redact"

    def __init__(
        self, settings: PiiSettings, *, load: Callable[[Sequence[str]], Detector] = Detector
    ) -> None:
        unknown = sorted(set(settings.entities) - set(ENTITIES))
        if unknown:
            known = ", ".join(ENTITIES)
            raise ConfigError(f"policies.pii.entities: unknown '{unknown[0]}'; known: {known}")
        self._settings = settings
        self._load = load
        self._detector: Detector | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="redact")

    async def open(self) -> None:
        self._detector = await asyncio.to_thread(self._load, self._settings.entities)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def on_request(self, exchange: Exchange) -> Refusal | None:
        if self._settings.mode == "off":
            return None
        request = exchange.request
        if request is None:
            raise LookupError("there is no request to redact")
        try:
            count = await self._redact(request)
        except Exception:  # the detector's seam: however it fails, the setting decides
            log.exception("redaction failed for request %s", exchange.request_id)
            exchange.decide(self.name, "failed", self._settings.fail)
            return _UNAVAILABLE if self._settings.fail == "closed" else None
        if count:
            exchange.redactions += count
            exchange.decide(self.name, "masked", str(count))
        return None

    def on_done(self, exchange: Exchange) -> None:
        """Nothing to settle."""

    def open_text(self, exchange: Exchange) -> TextEditor | None:
        """Return an editor for one channel of answer text, None when answers are not masked."""
        if self._settings.mode == "off" or not self._settings.answers:
            return None
        return AnswerEditor(exchange, self._ready(), fail_open=self._settings.fail == "open")

    def redact_text(self, text: str) -> str:
        """Mask a text for the stored copy, whatever the mode; a failure leaves nothing of it.

        Takes bounded time: what is suspect beyond the first thousands of characters is left out
        unexamined.
        """
        try:
            return _stored(self._ready(), text)
        except Exception:  # the detector's seam: an unchecked text is never stored
            log.exception("a text could not be redacted and is not stored")
            return UNREADABLE

    async def _redact(self, request: WireRequest) -> int:
        detector = self._ready()
        surfaces = request.surfaces()
        if sum(len(surface.text) for surface in surfaces) > SCAN_ON_LOOP:
            suspects = await self._off_loop(partial(_suspects, detector, surfaces))
        else:
            suspects = _suspects(detector, surfaces)
        if not suspects:
            return 0
        if sum(suspect.size() for suspect in suspects) > EXAMINE_ON_LOOP:
            edits, count = await self._off_loop(partial(_masked, detector, suspects))
        else:
            edits, count = _masked(detector, suspects)
        if edits:
            request.replace(edits)
        return count

    async def _off_loop(self, work: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_S):
            return await loop.run_in_executor(self._threads, work)

    def _ready(self) -> Detector:
        if self._detector is None:
            raise RuntimeError("the detector is not loaded")
        return self._detector


class AnswerEditor:
    """Masks one channel of an answer and counts on the exchange what it replaced."""

    def __init__(self, exchange: Exchange, detector: Detector, *, fail_open: bool) -> None:
        self._exchange = exchange
        self._editor = MaskingEditor(detector)
        self._fail_open = fail_open
        self._failed = False

    def feed(self, text: str) -> str:
        return text if self._failed else self._edit(partial(self._editor.feed, text))

    def finish(self) -> str:
        return "" if self._failed else self._edit(self._editor.finish)

    def _edit(self, work: Callable[[], str]) -> str:
        before = self._editor.replaced
        try:
            return work()
        except Exception:  # the detector's seam: however it fails, the setting decides
            self._exchange.decide(RedactPolicy.name, "failed", "answer")
            if not self._fail_open:
                raise
            log.exception("redaction of an answer failed and was told to let it pass")
            self._failed = True
            return self._editor.give_up()
        finally:
            self._exchange.redactions += self._editor.replaced - before


def _suspects(detector: Detector, surfaces: Sequence[Surface]) -> list[_Suspect]:
    found = [_Suspect(surface, detector.suspects(surface.text)) for surface in surfaces]
    return [suspect for suspect in found if suspect.stretches]


def _masked(detector: Detector, suspects: Sequence[_Suspect]) -> tuple[dict[str, str], int]:
    edits: dict[str, str] = {}
    count = 0
    ends_s = time.monotonic() + TIMEOUT_S
    for suspect in suspects:
        path, text = suspect.surface.path, suspect.surface.text
        findings = detector.examine(
            text, suspect.stretches, out_of_time=lambda: time.monotonic() > ends_s
        )
        if findings:
            edits[path] = replace(text, findings)
            count += len(findings)
    return edits, count


def _stored(detector: Detector, text: str) -> str:
    findings: list[Finding] = []
    examined = 0
    for stretch in detector.suspects(text):
        examined += stretch.end - stretch.start
        if examined <= EXAMINE_STORED:
            findings += detector.examine(text, [stretch])
        else:
            findings.append(Finding(stretch.start, stretch.end, UNEXAMINED))
    return replace(text, findings)

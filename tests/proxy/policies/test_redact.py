"""Masking requests and answers, and what happens when the detector fails."""

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from tests.proxy.exchanges import chat, exchange

from tollkeeper.errors import ConfigError
from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pii.detector import Detector, Stretch
from tollkeeper_proxy.pii.findings import Finding
from tollkeeper_proxy.policies import redact
from tollkeeper_proxy.policies.redact import RedactPolicy
from tollkeeper_proxy.settings import PiiSettings

DETECTOR = Detector(PiiSettings().entities)


class BrokenDetector(Detector):
    """A detector whose model file is gone, as it were."""

    def __init__(self, entities: Sequence[str]) -> None:
        super().__init__(entities)

    def suspects(self, text: str) -> list[Stretch]:
        raise RuntimeError("scratch space in use")

    def examine(
        self,
        text: str,
        stretches: Sequence[Stretch],
        *,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> list[Finding]:
        raise RuntimeError("scratch space in use")

    def find_between(self, text: str, start: int, end: int) -> list[Finding]:
        raise RuntimeError("scratch space in use")


async def opened(settings: PiiSettings, *, broken: bool = False) -> RedactPolicy:
    policy = RedactPolicy(settings, load=BrokenDetector if broken else lambda _: DETECTOR)
    await policy.open()
    return policy


def sent(exchange_: Exchange) -> str:
    assert exchange_.request is not None
    return exchange_.request.body_for("demo/echo").decode()


async def test_masks_every_text_of_a_request_and_counts() -> None:
    policy = await opened(PiiSettings(mode="mask"))
    request = chat(
        "I am jo@example.com",
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "ask 536-22-8726", "parameters": {}},
            }
        ],
        messages=[
            {"role": "system", "content": "card 4111 1111 1111 1111"},
            {"role": "user", "content": [{"type": "text", "text": "call (212) 555-0198"}]},
            {"role": "tool", "tool_call_id": "c", "content": "mail ann@example.com"},
        ],
    )
    masked = exchange(request)
    assert await policy.on_request(masked) is None
    assert masked.redactions == 4
    assert [(d.policy, d.verdict, d.detail) for d in masked.decisions] == [
        ("redact", "masked", "4")
    ]
    messages = json.loads(sent(masked))["messages"]
    assert messages[0]["content"] == "card [CREDIT_CARD]"
    assert messages[1]["content"][0]["text"] == "call [PHONE_NUMBER]"
    assert messages[2]["content"] == "mail [EMAIL_ADDRESS]"
    assert "[US_SSN]" in sent(masked)


async def test_a_clean_request_keeps_its_own_bytes() -> None:
    policy = await opened(PiiSettings(mode="mask"))
    request = chat("nothing to see", temperature=0.30000)
    before = request.body_for("demo/echo")
    clean = exchange(request)
    await policy.on_request(clean)
    assert request.body_for("demo/echo") == before
    assert clean.redactions == 0


async def test_off_means_nothing_is_touched() -> None:
    policy = await opened(PiiSettings())
    untouched = exchange(chat("jo@example.com"))
    await policy.on_request(untouched)
    assert "jo@example.com" in sent(untouched)
    assert policy.open_text(untouched) is None


async def test_a_detector_that_fails_stops_the_request() -> None:
    policy = await opened(PiiSettings(mode="mask"), broken=True)
    failing = exchange(chat("jo@example.com"))
    refusal = await policy.on_request(failing)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (503, "redaction_unavailable")
    assert "example.com" not in refusal.message


async def test_a_detector_that_fails_lets_it_pass_only_where_told_and_says_so() -> None:
    policy = await opened(PiiSettings(mode="mask", fail="open"), broken=True)
    failing = exchange(chat("jo@example.com"))
    assert await policy.on_request(failing) is None
    assert [(d.verdict, d.detail) for d in failing.decisions] == [("failed", "open")]


async def test_a_detector_that_was_never_loaded_is_a_failure_too() -> None:
    policy = RedactPolicy(PiiSettings(mode="mask"))
    assert isinstance(await policy.on_request(exchange()), Refusal)
    assert policy.redact_text("jo@example.com") == redact.UNREADABLE


async def test_a_large_request_leaves_the_loop_free() -> None:
    policy = await opened(PiiSettings(mode="mask"))
    text = "call (212) 555-0198 now or never again my dear friend. " * 1000
    large = exchange(chat(text))
    ticks = 0
    task = asyncio.create_task(policy.on_request(large))
    while not task.done():
        await asyncio.sleep(0)
        ticks += 1
    assert await task is None
    assert large.redactions == 1000
    assert ticks > 5  # masked on the loop, the task would be done at its second turn


async def test_a_text_that_takes_too_long_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redact, "TIMEOUT_S", 0.01)
    policy = await opened(PiiSettings(mode="mask"))
    slow = exchange(chat("call (212) 555-0198 or " * 1000))
    assert isinstance(await policy.on_request(slow), Refusal)


async def test_a_caller_who_leaves_meanwhile_is_not_taken_for_a_failure() -> None:
    policy = await opened(PiiSettings(mode="mask"))
    leaving = exchange(chat("call (212) 555-0198 or " * 1000))
    task = asyncio.create_task(policy.on_request(leaving))
    await asyncio.sleep(0)  # its first step ends where it waits for the thread
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert leaving.decisions == []


async def test_answers_are_masked_as_they_stream_when_asked() -> None:
    policy = await opened(PiiSettings(mode="mask", answers=True))
    answered = exchange()
    editor = policy.open_text(answered)
    assert editor is not None
    out = "".join(editor.feed(piece) for piece in ("mail jo@exa", "mple.com ", "or call"))
    assert out + editor.finish() == "mail [EMAIL_ADDRESS] or call"
    assert answered.redactions == 1


async def test_an_answer_is_not_delivered_unchecked_when_the_detector_fails() -> None:
    policy = await opened(PiiSettings(mode="mask", answers=True), broken=True)
    editor = policy.open_text(exchange())
    assert editor is not None
    with pytest.raises(RuntimeError):
        editor.feed("mail jo@example.com and more")


async def test_an_answer_passes_whole_when_the_detector_fails_and_that_is_allowed() -> None:
    policy = await opened(PiiSettings(mode="mask", answers=True, fail="open"), broken=True)
    answered = exchange()
    editor = policy.open_text(answered)
    assert editor is not None
    out = editor.feed("mail jo@example.com") + editor.feed(" and more") + editor.finish()
    assert out == "mail jo@example.com and more"
    assert [d.verdict for d in answered.decisions] == ["failed"]


async def test_the_stored_copy_is_masked_whatever_the_mode() -> None:
    policy = await opened(PiiSettings(mode="off"))
    assert policy.redact_text("I am jo@example.com") == "I am [EMAIL_ADDRESS]"


async def test_a_stored_copy_of_endless_suspects_is_made_in_bounded_time() -> None:
    policy = await opened(PiiSettings(mode="off"))
    stored = policy.redact_text("call (212) 555-0198 or " * 5000 + "the end")
    assert stored.startswith("call [PHONE_NUMBER] or call [PHONE_NUMBER] or")
    assert stored.endswith("[UNEXAMINED] the end")
    assert "555" not in stored


def test_an_unknown_entity_is_said_at_start() -> None:
    with pytest.raises(ConfigError, match=r"policies\.pii\.entities: unknown 'SHOE_SIZE'"):
        RedactPolicy(PiiSettings(entities=("EMAIL_ADDRESS", "SHOE_SIZE")))


async def test_closing_ends_its_threads() -> None:
    policy = await opened(PiiSettings(mode="mask"))
    await policy.close()
    refused = await policy.on_request(exchange(chat("call (212) 555-0198 or " * 100)))
    assert isinstance(refused, Refusal)

"""What is given again, to whom, and what is never kept: on the real store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.proxy.exchanges import chat, exchange

from tollkeeper.keys import Identity
from tollkeeper_proxy.cache.store import SqliteAnswers
from tollkeeper_proxy.exchange import Caller, Exchange, Target
from tollkeeper_proxy.pii.detector import Detector
from tollkeeper_proxy.policies.cache import CachePolicy
from tollkeeper_proxy.settings import CacheSettings, PiiSettings, PolicySettings
from tollkeeper_proxy.wire import Answer, AnswerSummary
from tollkeeper_proxy.wire.openai_chat import ChatRequest

ANSWER = Answer(200, "application/json", b'{"choices":[]}')
ON = CacheSettings(enabled=True)
DETECTOR = Detector(PiiSettings().entities)


def redact(text: str) -> str:
    return DETECTOR.mask(text)[0]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteAnswers]:
    opened = SqliteAnswers(tmp_path / "answers.db", max_bytes=10**6)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def policy(store: SqliteAnswers) -> CachePolicy:
    return CachePolicy(ON, store, policies=PolicySettings(), redact_text=redact)


def asking(
    request: ChatRequest | None = None,
    *,
    tenant: str = "t1",
    target: str = "echo",
    wish: str = "",
    key_id: str = "k1",
) -> Exchange:
    return exchange(
        request,
        identity=Identity(key_id, "name", tenant),
        target=Target("demo", target),
        caller=Caller(cache=wish),
    )


def answered(asked: Exchange, *reasons: str, answer: Answer | None = ANSWER) -> Exchange:
    asked.outcome = "complete"
    asked.answer = answer
    asked.summary = AnswerSummary(finish_reasons=list(reasons or ("stop",)), done=True)
    return asked


async def ask_and_keep(policy: CachePolicy, asked: Exchange) -> None:
    assert await policy.on_request(asked) is None
    policy.on_done(answered(asked))


async def test_a_repeated_request_gets_the_answer_it_got_before(policy: CachePolicy) -> None:
    await ask_and_keep(policy, asking())
    again = asking()
    assert await policy.on_request(again) == ANSWER
    assert again.cache == "hit"
    assert [(d.policy, d.verdict) for d in again.decisions] == [("cache", "hit")]


async def test_a_stream_is_given_again_as_a_stream(policy: CachePolicy) -> None:
    stream = Answer(200, "text/event-stream", b"data: [DONE]\n\n", stream=True)
    asked = asking(chat(stream=True))
    await policy.on_request(asked)
    policy.on_done(answered(asked, answer=stream))
    assert await policy.on_request(asking(chat(stream=True))) == stream
    assert await policy.on_request(asking(chat())) is None


async def test_it_is_off_unless_asked_for(store: SqliteAnswers) -> None:
    policy = CachePolicy(CacheSettings(), store, policies=PolicySettings(), redact_text=redact)
    await ask_and_keep(policy, asking())
    again = asking()
    assert await policy.on_request(again) is None
    assert again.cache == "off"


@pytest.mark.parametrize(
    "other",
    [
        asking(tenant="t2"),
        asking(target="other"),
        asking(chat("hello!")),
        asking(chat(temperature=0.5)),
        asking(chat(tools=[{"type": "function", "function": {"name": "f"}}])),
        asking(chat(seed=1)),
    ],
    ids=["tenant", "target", "text", "temperature", "tools", "seed"],
)
async def test_whatever_decides_the_answer_keeps_answers_apart(
    policy: CachePolicy, other: Exchange
) -> None:
    await ask_and_keep(policy, asking())
    assert await policy.on_request(other) is None


async def test_two_keys_of_one_tenant_share_answers(policy: CachePolicy) -> None:
    await ask_and_keep(policy, asking(key_id="k1"))
    assert await policy.on_request(asking(key_id="k2")) == ANSWER


async def test_callers_who_bring_their_own_keys_share_nothing(policy: CachePolicy) -> None:
    mine = asking(tenant="pass-through", key_id="pass-through:aaaa")
    await ask_and_keep(policy, mine)
    theirs = asking(tenant="pass-through", key_id="pass-through:bbbb")
    assert await policy.on_request(theirs) is None
    named_alike = asking(tenant="pass-through:aaaa", key_id="k9")
    assert await policy.on_request(named_alike) is None


async def test_answers_made_under_other_policies_are_not_given(store: SqliteAnswers) -> None:
    await ask_and_keep(
        CachePolicy(ON, store, policies=PolicySettings(), redact_text=redact), asking()
    )
    stricter = PolicySettings(pii=PiiSettings(mode="mask", answers=True))
    assert (
        await CachePolicy(ON, store, policies=stricter, redact_text=redact).on_request(asking())
        is None
    )


async def test_no_store_neither_looks_nor_keeps(policy: CachePolicy) -> None:
    quiet = asking(wish="no-store")
    await ask_and_keep(policy, quiet)
    assert quiet.cache == "off"
    assert await policy.on_request(asking()) is None


async def test_no_cache_asks_anew_and_keeps_the_newer_answer(policy: CachePolicy) -> None:
    await ask_and_keep(policy, asking())
    fresh = asking(wish="no-cache")
    assert await policy.on_request(fresh) is None
    newer = Answer(200, "application/json", b'{"newer":true}')
    policy.on_done(answered(fresh, answer=newer))
    assert await policy.on_request(asking()) == newer


@pytest.mark.parametrize("outcome", ["truncated", "cancelled", "failed", "refused", "open"])
async def test_only_complete_answers_are_kept(policy: CachePolicy, outcome: str) -> None:
    asked = asking()
    await policy.on_request(asked)
    answered(asked).outcome = outcome  # type: ignore[assignment]  # one of the literals
    policy.on_done(asked)
    assert await policy.on_request(asking()) is None


@pytest.mark.parametrize("reasons", [("length",), ("content_filter",), ("stop", "length"), ("x",)])
async def test_answers_that_were_cut_are_not_kept(
    policy: CachePolicy, reasons: tuple[str, ...]
) -> None:
    asked = asking()
    await policy.on_request(asked)
    policy.on_done(answered(asked, *reasons))
    assert await policy.on_request(asking()) is None


async def test_an_answer_with_an_error_or_without_an_end_is_not_kept(policy: CachePolicy) -> None:
    failed = asking()
    await policy.on_request(failed)
    answered(failed).summary = AnswerSummary(finish_reasons=["stop"], error_type="server_error")
    policy.on_done(failed)
    endless = asking()
    await policy.on_request(endless)
    answered(endless).summary = AnswerSummary()
    policy.on_done(endless)
    not_ok = asking()
    await policy.on_request(not_ok)
    policy.on_done(answered(not_ok, answer=Answer(500, "application/json", b"{}")))
    assert await policy.on_request(asking()) is None


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        ({"type": "text", "content": "mail jo@example.com"}, False),
        ({"type": "tool_call", "arguments": {"to": ["jo@example.com"]}}, False),
        ({"type": "text", "content": "mail nobody"}, True),
    ],
)
async def test_an_answer_with_personal_data_is_not_kept_where_requests_are_masked(
    store: SqliteAnswers, part: dict[str, object], kept: bool
) -> None:
    masking = PolicySettings(pii=PiiSettings(mode="mask"))
    policy = CachePolicy(ON, store, policies=masking, redact_text=redact)
    asked = asking()
    await policy.on_request(asked)
    answered(asked).summary = AnswerSummary(
        finish_reasons=["stop"], output_messages=[{"role": "assistant", "parts": [part]}]
    )
    policy.on_done(asked)
    assert (await policy.on_request(asking()) is not None) == kept


async def test_nothing_is_kept_where_requests_are_masked_and_nobody_can_look(
    store: SqliteAnswers,
) -> None:
    policy = CachePolicy(ON, store, policies=PolicySettings(pii=PiiSettings(mode="mask")))
    await ask_and_keep(policy, asking())
    assert await policy.on_request(asking()) is None


async def test_a_hit_is_not_kept_again(policy: CachePolicy, store: SqliteAnswers) -> None:
    await ask_and_keep(policy, asking())
    hit = asking()
    await policy.on_request(hit)
    policy.on_done(answered(hit, answer=Answer(200, "text/plain", b"tampered")))
    assert await policy.on_request(asking()) == ANSWER


async def test_a_store_that_is_away_is_a_miss(tmp_path: Path) -> None:
    closed = SqliteAnswers(tmp_path / "answers.db", max_bytes=10**6)
    policy = CachePolicy(ON, closed, policies=PolicySettings(), redact_text=redact)
    asked = asking()
    assert await policy.on_request(asked) is None
    assert asked.cache == "miss"
    assert [d.verdict for d in asked.decisions] == ["unavailable"]

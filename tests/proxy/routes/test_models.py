"""The list of models is for whoever may call, in OpenAI's shape, with one span like any request."""

import json

import pytest
from tests.proxy.exchanges import exchange
from tests.proxy.routes.sinks import RememberingSink

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.routes.models import ModelList
from tollkeeper_proxy.routing.providers import configured_providers
from tollkeeper_proxy.routing.router import Router

ROUTER = Router(configured_providers({}, lambda name: None), {})


class Door:
    """A policy that answers with this and counts who settled."""

    name = "identify"

    def __init__(self, verdict: Refusal | None = None, *, fails: bool = False) -> None:
        self.verdict = verdict
        self.fails = fails
        self.settled = 0
        self.bugs: list[Exception] = []

    async def on_request(self, exchange: Exchange) -> Refusal | None:
        if self.fails:
            raise RuntimeError("a bug of ours")
        return self.verdict

    def on_done(self, exchange: Exchange) -> None:
        self.settled += 1


def route(door: Door) -> tuple[ModelList, list[Exchange]]:
    emitted: list[Exchange] = []
    pipeline = Pipeline([door], report=lambda name, error: None)
    models = ModelList(
        ROUTER,
        pipeline,
        emitted.append,
        report_bug=lambda opened, error: door.bugs.append(error),
    )
    return models, emitted


async def test_lists_every_name_one_may_ask_for() -> None:
    models, emitted = route(Door())
    sink, opened = RememberingSink(), exchange()
    await models.serve(opened, b"", sink)
    listed = json.loads(sink.body)
    assert listed["object"] == "list"
    assert [each["id"] for each in listed["data"]] == ROUTER.listed()
    assert all(each["object"] == "model" and each["owned_by"] for each in listed["data"])
    assert sink.status == 200
    assert sink.headers["content-type"] == "application/json"
    assert emitted == [opened]
    assert (opened.outcome, opened.status) == ("complete", 200)
    assert opened.bytes_out == len(sink.body)


async def test_is_closed_to_who_may_not_call() -> None:
    door = Door(Refusal("identify", "who are you?", status=401, code="invalid_api_key"))
    models, emitted = route(door)
    sink, opened = RememberingSink(), exchange()
    await models.serve(opened, b"", sink)
    assert sink.status == 401
    assert json.loads(sink.body)["error"]["code"] == "invalid_api_key"
    assert sink.headers["x-should-retry"] == "false"
    assert emitted == [opened]
    assert (opened.outcome, opened.error_type) == ("refused", "invalid_api_key")
    assert door.settled == 1


async def test_a_bug_of_ours_is_a_500_with_one_exchange_and_is_reported() -> None:
    door = Door(fails=True)
    models, emitted = route(door)
    sink, opened = RememberingSink(), exchange()
    await models.serve(opened, b"", sink)
    assert sink.status == 500
    assert json.loads(sink.body)["error"]["code"] == "internal_error"
    assert emitted == [opened]
    assert (opened.outcome, opened.status, opened.error_type) == ("failed", 500, "internal_error")
    assert [str(bug) for bug in door.bugs] == ["a bug of ours"]


async def test_its_span_has_an_end() -> None:
    models, emitted = route(Door())
    await models.serve(exchange(), b"", RememberingSink())
    assert emitted[0].ended_unix_ns > 0


async def test_who_left_is_told_of_once() -> None:
    door = Door()
    models, emitted = route(door)
    with pytest.raises(ConnectionResetError):
        await models.serve(exchange(), b"", RememberingSink(leaves_after=0))
    assert len(emitted) == 1
    assert door.settled == 1

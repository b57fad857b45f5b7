"""The way through the policies and back, with policies that write down what was asked of them."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.exchanges import exchange

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.pipeline import Pipeline
from tollkeeper_proxy.policies import TextEditor
from tollkeeper_proxy.wire import Answer

NO = Refusal("a", "no")
YES = Answer(200, "application/json", b"{}")


@dataclass(slots=True)
class Noting:
    """A policy that notes its hooks; ``does`` is its verdict, or what it raises."""

    name: str
    notes: list[str]
    does: Refusal | Answer | BaseException | None = None
    fails_when_done: bool = False

    async def on_request(self, exchange: Exchange) -> Refusal | Answer | None:
        self.notes.append(f"in {self.name}")
        if isinstance(self.does, BaseException):
            raise self.does
        return self.does

    def on_done(self, exchange: Exchange) -> None:
        self.notes.append(f"out {self.name}")
        if self.fails_when_done:
            raise RuntimeError(self.name)


@dataclass(slots=True)
class Editing(Noting):
    """A policy that wraps every text in its name, and holds all of it back until the end."""

    wants: bool = True

    def open_text(self, exchange: Exchange) -> TextEditor | None:
        return _HeldBack(self.name) if self.wants else None


@dataclass(slots=True)
class _HeldBack:
    name: str
    held: str = field(default="")

    def feed(self, text: str) -> str:
        self.held += text
        return ""

    def finish(self) -> str:
        return f"{self.name}({self.held})"


def pipeline(*policies: Noting, reports: list[str] | None = None) -> Pipeline:
    told = [] if reports is None else reports
    return Pipeline(policies, report=lambda name, error: told.append(f"{name}: {error}"))


async def test_policies_run_in_their_order_and_settle_in_reverse() -> None:
    notes: list[str] = []
    passage = pipeline(*(Noting(name, notes) for name in "abc")).passage()
    assert await passage.enter(exchange()) is None
    passage.settle(exchange())
    assert notes == ["in a", "in b", "in c", "out c", "out b", "out a"]


@pytest.mark.parametrize("verdict", [NO, YES])
async def test_the_one_that_ends_the_way_in_settles_too(verdict: Refusal | Answer) -> None:
    notes: list[str] = []
    policies = [Noting("a", notes), Noting("b", notes, verdict), Noting("c", notes)]
    passage = pipeline(*policies).passage()
    assert await passage.enter(exchange()) is verdict
    passage.settle(exchange())
    assert notes == ["in a", "in b", "out b", "out a"]


@pytest.mark.parametrize("error", [RuntimeError("bug"), asyncio.CancelledError()])
async def test_the_one_that_did_not_finish_does_not_settle(error: BaseException) -> None:
    notes: list[str] = []
    passage = pipeline(Noting("a", notes), Noting("b", notes, error), Noting("c", notes)).passage()
    with pytest.raises(type(error)):
        await passage.enter(exchange())
    passage.settle(exchange())
    assert notes == ["in a", "in b", "out a"]


async def test_a_policy_that_fails_to_settle_keeps_no_other_from_it() -> None:
    notes: list[str] = []
    reports: list[str] = []
    policies = [Noting(name, notes, fails_when_done=name != "a") for name in "abc"]
    passage = pipeline(*policies, reports=reports).passage()
    await passage.enter(exchange())
    passage.settle(exchange())
    assert notes[3:] == ["out c", "out b", "out a"]
    assert reports == ["c: c", "b: b"]


async def test_settling_twice_settles_once() -> None:
    notes: list[str] = []
    passage = pipeline(Noting("a", notes)).passage()
    await passage.enter(exchange())
    passage.settle(exchange())
    passage.settle(exchange())
    assert notes.count("out a") == 1


async def test_two_passages_know_nothing_of_each_other() -> None:
    notes: list[str] = []
    line = pipeline(Noting("a", notes))
    first, second = line.passage(), line.passage()
    await first.enter(exchange())
    second.settle(exchange())
    assert notes == ["in a"]


@given(st.lists(st.sampled_from(["go", "refuse", "raise"]), max_size=6))
def test_exactly_those_that_finished_settle(fates: list[str]) -> None:
    notes: list[str] = []
    does = {"go": None, "refuse": NO, "raise": RuntimeError("bug")}
    policies = [Noting(str(i), notes, does[fate]) for i, fate in enumerate(fates)]
    passage = pipeline(*policies).passage()

    async def pass_through() -> None:
        try:
            await passage.enter(exchange())
        except RuntimeError:
            notes.remove(notes[-1])  # entered, but did not finish

    asyncio.run(pass_through())
    finished = [note.removeprefix("in ") for note in notes]
    passage.settle(exchange())
    settled = [note.removeprefix("out ") for note in notes if note.startswith("out")]
    assert settled == finished[::-1]


def test_without_a_text_policy_there_is_no_editor() -> None:
    notes: list[str] = []
    assert pipeline(Noting("a", notes)).text_editors(exchange()) is None
    assert pipeline(Editing("a", notes, wants=False)).text_editors(exchange()) is None


def test_editors_follow_one_another_also_with_what_they_held_back() -> None:
    notes: list[str] = []
    line = pipeline(Editing("a", notes), Editing("x", notes, wants=False), Editing("b", notes))
    opened = line.text_editors(exchange())
    assert opened is not None
    editor, other = opened(), opened()
    assert editor.feed("one ") + editor.feed("two") == ""
    other.feed("elsewhere")
    assert editor.finish() == "b(a(one two))"

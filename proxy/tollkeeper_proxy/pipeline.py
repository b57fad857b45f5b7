"""Runs the policies in their order, and settles in reverse.

The order of the product is the list in ``app.policies_in_order``, read downward. A policy that
answers or refuses ends the way in; ``settle`` then runs exactly for those that had finished.
"""

from collections.abc import Callable, Sequence

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.policies import Policy, TextEditor, TextPolicy
from tollkeeper_proxy.wire import Answer


class Passage:
    """One exchange's way through the policies: who has finished, who must settle."""

    __slots__ = ("_finished", "_policies", "_report")

    def __init__(
        self, policies: Sequence[Policy], report: Callable[[str, Exception], None]
    ) -> None:
        self._policies = policies
        self._finished = 0
        self._report = report

    async def enter(self, exchange: Exchange) -> Refusal | Answer | None:
        """Run ``on_request`` of each policy until one answers or refuses."""
        for policy in self._policies:
            verdict = await policy.on_request(exchange)
            self._finished += 1
            if verdict is not None:
                return verdict
        return None

    def settle(self, exchange: Exchange) -> None:
        """Run ``on_done`` in reverse; one policy's failure does not keep another from settling."""
        while self._finished:
            self._finished -= 1
            policy = self._policies[self._finished]
            try:
                policy.on_done(exchange)
            except Exception as error:  # noqa: BLE001 - a background seam: the others must settle
                self._report(policy.name, error)


class Pipeline:
    """The compiled list of policies of one route."""

    def __init__(
        self, policies: Sequence[Policy], *, report: Callable[[str, Exception], None]
    ) -> None:
        self._policies = tuple(policies)
        self._text_policies = tuple(p for p in policies if hasattr(p, "open_text"))
        self._report = report

    def passage(self) -> Passage:
        """Return a fresh passage for one exchange."""
        return Passage(self._policies, self._report)

    def text_editors(self, exchange: Exchange) -> Callable[[], TextEditor] | None:
        """Return how to make an editor for one text channel, None when nothing edits answers."""
        policies = [p for p in self._text_policies if _wants(p, exchange)]
        if not policies:
            return None
        return lambda: _Chain([e for p in policies if (e := _opened(p, exchange)) is not None])


class _Chain:
    """Several editors in a row, as one."""

    def __init__(self, editors: Sequence[TextEditor]) -> None:
        self._editors = editors

    def feed(self, text: str) -> str:
        for editor in self._editors:
            text = editor.feed(text)
        return text

    def finish(self) -> str:
        text = ""
        for editor in self._editors:
            text = (editor.feed(text) if text else "") + editor.finish()
        return text


def _wants(policy: Policy, exchange: Exchange) -> bool:
    return _opened(policy, exchange) is not None


def _opened(policy: Policy, exchange: Exchange) -> TextEditor | None:
    opener: TextPolicy = policy  # type: ignore[assignment]  # checked by hasattr when compiled
    return opener.open_text(exchange)

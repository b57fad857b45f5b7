"""What may happen to a request on its way: the contract of a policy.

A policy is a file of its own: its option (in ``settings``), its hook, its test. It may answer,
refuse or edit; it never touches a socket. The product's order stands in ``pipeline.py``.
"""

from typing import Protocol

from tollkeeper_proxy.exchange import Exchange, Refusal
from tollkeeper_proxy.wire import Answer


class Policy(Protocol):
    """One rule of the house.

    ``on_request`` may return a ``Refusal`` or a ready ``Answer``; None lets the request go on.
    ``on_done`` runs in reverse order, exactly for those whose ``on_request`` finished, also after
    errors and disconnects; it is not a coroutine because it must not be cancellable: what takes
    time is queued, never awaited.
    """

    @property
    def name(self) -> str: ...

    async def on_request(self, exchange: Exchange) -> Refusal | Answer | None: ...

    def on_done(self, exchange: Exchange) -> None: ...


class TextEditor(Protocol):
    """Rewrites one stream of answer text; may hold back, never lets out what it must replace."""

    def feed(self, text: str) -> str: ...

    def finish(self) -> str: ...


class TextPolicy(Policy, Protocol):
    """A policy that also edits streamed answer text; None when this exchange needs no editing."""

    def open_text(self, exchange: Exchange) -> TextEditor | None: ...

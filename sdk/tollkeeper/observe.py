"""``@observe``: a function in, the same function out, and one span for every call of it.

Works on functions, coroutines, generators and async generators, alone or on methods. Where the
spans go is not its business: without ``configure()`` or another provider they go nowhere.
"""

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import ParamSpec, TypeVar, cast, overload

from tollkeeper.generators import AsyncSteps, Steps
from tollkeeper.running import Kind, Observed, Running

P = ParamSpec("P")
R = TypeVar("R")


@overload
def observe(function: Callable[P, R], /) -> Callable[P, R]: ...


@overload
def observe(
    *,
    name: str | None = None,
    as_type: Kind = "span",
    capture_input: bool | None = None,
    capture_output: bool | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def observe(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    as_type: Kind = "span",
    capture_input: bool | None = None,
    capture_output: bool | None = None,
) -> Callable[P, R] | Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a span of every call; ``@observe`` and ``@observe(...)`` both work.

    ``name`` defaults to the function's own. ``as_type`` says what it is: ``span``, ``chain``,
    ``agent``, ``tool`` or ``retriever``, and gives the span its GenAI operation. ``capture_input``
    and ``capture_output``: True stores arguments or result, False never does, None (the default)
    follows ``configure(capture_content=...)``, which is off unless asked for.

    A generator's span runs from its first item to its end, however it ends; between two items
    its span is not the consumer's. Exceptions pass through unchanged and are noted on the span.
    """

    def decorate(wrapped: Callable[P, R]) -> Callable[P, R]:
        if isinstance(wrapped, staticmethod | classmethod):
            inner = decorate(wrapped.__func__)
            return cast(Callable[P, R], type(wrapped)(inner))
        if inspect.isclass(wrapped):
            raise TypeError("@observe goes on a function or a method, not on a class")
        observed = Observed.of(
            wrapped, name, as_type, capture_input=capture_input, capture_output=capture_output
        )
        return _wrapper(wrapped, observed)

    return decorate if function is None else decorate(function)


def _wrapper(function: Callable[P, R], observed: Observed) -> Callable[P, R]:
    """Return a wrapper of the function's own sort, so that ``inspect`` says the same of both."""
    wrapper: object
    if inspect.isasyncgenfunction(function):
        wrapper = _async_generator(function, observed)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, observed)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, observed)
    else:
        wrapper = _function(function, observed)
    return cast(Callable[P, R], wrapper)


def _function(function: Callable[P, R], observed: Observed) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with Running(observed, args, kwargs) as running:
            result = function(*args, **kwargs)
            running.returned(result)
            return result

    return wrapper


def _coroutine(
    function: Callable[P, Coroutine[object, object, R]], observed: Observed
) -> Callable[P, Coroutine[object, object, R]]:
    @functools.wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with Running(observed, args, kwargs) as running:
            result = await function(*args, **kwargs)
            running.returned(result)
            return result

    return wrapper


def _generator(
    function: Callable[P, Generator[object, object, R]], observed: Observed
) -> Callable[P, Generator[object, object, R]]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Generator[object, object, R]:
        return (yield from Steps(function(*args, **kwargs), Running(observed, args, kwargs)))

    return wrapper


def _async_generator(
    function: Callable[P, AsyncGenerator[object, object]], observed: Observed
) -> Callable[P, AsyncGenerator[object, object]]:
    @functools.wraps(function)
    async def wrapper(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[object, object]:
        steps = AsyncSteps(function(*args, **kwargs), Running(observed, args, kwargs))
        sent: object = None
        try:
            item = await steps.send(None)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await steps.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - all of it is the generator's to see
                    item = await steps.throw(error)
                else:
                    item = await steps.send(sent)
        except StopAsyncIteration:
            return

    return wrapper

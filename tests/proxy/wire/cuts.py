"""Ways to cut a stream of bytes into pieces."""

from collections.abc import Iterable, Iterator
from itertools import pairwise


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    """Return the stream in pieces, cut at these places; places beyond the end wrap around."""
    bounds = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    return [stream[a:b] for a, b in pairwise(bounds)]


def one_cut(stream: bytes) -> Iterator[list[bytes]]:
    """Yield the stream in two pieces, cut at every place."""
    for place in range(len(stream) + 1):
        yield [stream[:place], stream[place:]]


def single_bytes(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]

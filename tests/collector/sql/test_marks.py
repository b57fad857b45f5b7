"""An error marked within a server's answer is raised, wherever the network cuts the bytes."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from tollkeeper_collector.sql.errors import SqlError
from tollkeeper_collector.sql.marks import ServerStream, marked

TAG = "0123456789abcdef"
MESSAGE = "Code: 395. DB::Exception: it\nthrew (FUNCTION_THROW_IF) (version 26.9.2.1)\n"


class Pieces:
    """A response that comes in given pieces and then ends or breaks."""

    def __init__(self, pieces: list[bytes], *, breaks: bool = False) -> None:
        self._pieces: Iterator[bytes] = iter([piece for piece in pieces if piece])
        self._breaks = breaks

    def read1(self, amt: int | None = None) -> bytes:
        piece = next(self._pieces, b"")
        if not piece and self._breaks:
            raise ProtocolError("broken")
        return piece

    def close(self) -> None:
        """Nothing is open."""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def read_all(stream: ServerStream) -> Iterator[bytes]:
    while piece := stream.read(100):
        yield piece


@given(data=st.binary(max_size=200), places=st.lists(st.integers(0, 500), max_size=6))
def test_passes_on_an_answer_without_an_error_unchanged(data: bytes, places: list[int]) -> None:
    assert b"".join(read_all(ServerStream(Pieces(cut(data, places)), TAG))) == data


@given(
    data=st.binary(max_size=60),
    places=st.lists(st.integers(0, 500), max_size=8),
    breaks=st.booleans(),
)
def test_raises_a_marked_error_after_all_that_came_before_it(
    data: bytes, places: list[int], breaks: bool
) -> None:
    pieces = cut(data + marked(MESSAGE, TAG), places)
    seen: list[bytes] = []
    with pytest.raises(SqlError) as error:
        seen.extend(read_all(ServerStream(Pieces(pieces, breaks=breaks), TAG)))
    assert (error.value.code, error.value.name) == (395, "FUNCTION_THROW_IF")
    assert b"".join(seen) == b"" or data.startswith(b"".join(seen))


def test_a_connection_that_breaks_without_a_word_is_an_error_too() -> None:
    with pytest.raises(SqlError, match="broke off"):
        list(read_all(ServerStream(Pieces([b"some"], breaks=True), TAG)))

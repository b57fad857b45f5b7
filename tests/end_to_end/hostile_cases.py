"""Requests nobody should send, as bytes, with what must become of each.

Framing cases follow RFC 9112 and the disagreements known between HTTP servers; bodies follow what
JSON parsers and providers stumble over.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

PATH: Final = "/v1/chat/completions"
MESSAGES: Final = [{"role": "user", "content": "hi"}]
FORWARDED: Final = frozenset({200})


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile request: the bytes to send, the statuses allowed, whether it must be hung up on.

    ``KEY`` in the bytes stands for a valid key. A status of 200 means it may be served after all,
    and then exactly as it was sent.
    """

    name: str
    pieces: tuple[bytes, ...]
    statuses: frozenset[int]
    closes: bool | None = None

    def with_key(self, key: str) -> tuple[bytes, ...]:
        return tuple(piece.replace(b"KEY", key.encode()) for piece in self.pieces)


def model_of(name: str) -> str:
    return "hostile-" + name.replace(" ", "-")


def request(
    name: str,
    *lines: str,
    body: bytes | None = None,
    target: str = PATH,
    method: str = "POST",
    host: str | None = "127.0.0.1",
    version: str = "HTTP/1.1",
    length: bool = True,
) -> bytes:
    """Return a request that is right but for what the arguments spoil."""
    content = good_body(name) if body is None else body
    head = [f"{method} {target} {version}"]
    if host is not None:
        head.append(f"Host: {host}")
    head += ["Authorization: Bearer KEY", "Content-Type: application/json", *lines]
    if length:
        head.append(f"Content-Length: {len(content)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + content


def good_body(name: str, **more: Any) -> bytes:
    return json.dumps({"model": f"lab/{model_of(name)}", "messages": MESSAGES, **more}).encode()


def chunked(name: str, payload: bytes, *, te: str = "Transfer-Encoding: chunked") -> bytes:
    return request(name, te, body=payload, length=False)


def framing() -> Iterator[Case]:
    """Yield the cases in which two readers may disagree where a request ends."""
    bad = frozenset({400})
    yield Case(
        "length and chunked", (request("x", "Transfer-Encoding: chunked"),), bad, closes=True
    )
    yield _lengths("two lengths", "Content-Length: 5", "Content-Length: 6")
    yield _lengths("the same length twice", "Content-Length: 5", "Content-Length: 5")
    yield _lengths("a list of lengths", "Content-Length: 5, 5")
    for length in ("+1_0", "0x1", "-1", "", "1Z", "1 1"):
        yield _lengths(f"length {length!r}", f"Content-Length: {length}")
    yield Case(
        "length of 2 to the 64",
        (request("x", f"Content-Length: {2**64 + 1}", length=False),),
        frozenset({400, 413}),
        closes=True,
    )
    for coding in ("xchunked", ",chunked", "chunked, identity", "gzip, chunked", "identity"):
        yield _coding(f"coding {coding}", f"Transfer-Encoding: {coding}")
    yield _coding("coding twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")
    yield _coding("space before the colon", "Transfer-Encoding : chunked")
    yield _coding("hard space in the coding", "Transfer-Encoding: \xa0chunked")
    yield _coding("folded coding", "Transfer-Encoding:\r\n chunked")
    yield Case(
        "chunked in HTTP/1.0",
        (
            request(
                "x",
                "Transfer-Encoding: chunked",
                body=b"2\r\n{}\r\n0\r\n\r\n",
                length=False,
                version="HTTP/1.0",
            ),
        ),
        bad,
        closes=True,
    )
    for size in (b"0_1", b"0x1", b"+1", b" 1", b"", b"1" * 17, b"-1", b"1;\n"):
        payload = size + b"\r\nA\r\n0\r\n\r\n"
        yield Case(f"chunk size {size.decode()!r}", (chunked("x", payload),), bad, closes=True)
    for name, payload in (
        ("bare line feed after a chunk size", b"2\n{}\r\n0\r\n\r\n"),
        ("bare line feed after the last chunk", b"2\r\n{}\r\n0\n\n"),
        ("a chunk longer than it says", b"2\r\n{}ZXX\r\n0\r\n\r\n"),
        ("line feed in a chunk extension", b"2;a\nb\r\n{}\r\n0\r\n\r\n"),
    ):
        yield Case(name, (chunked("x", payload),), bad, closes=True)


def heads() -> Iterator[Case]:
    """Yield malformed request lines and headers."""
    bad = frozenset({400})
    for name, line in (
        ("NUL in a value", "X-Bad: a\0b"),
        ("bare carriage return in a value", "X-Bad: a\rb"),
        ("no colon", "X-Bad"),
        ("an empty name", ": value"),
        ("a parenthesis in a name", "X(Bad: 1"),
        ("a space in a name", "X Bad: 1"),
        ("a name that is not ASCII", "X-Bäd: 1"),
        ("a folded value", "X-Bad: a\r\n b"),
    ):
        yield Case(name, (request("x", line),), bad, closes=True)
    yield Case("bare line feeds", (request("x").replace(b"\r\n", b"\n"),), bad, closes=True)
    for host in ("a/?x=", "a/#", "localhost:4000/#@evil", "user@host", "a b", ""):
        yield Case(f"Host {host!r}", (request("x", host=host),), bad, closes=True)
    yield Case("two Hosts", (request("x", "Host: other"),), bad, closes=True)
    yield Case("no Host", (request("x", host=None),), bad, closes=True)
    for target in ("http://elsewhere.invalid" + PATH, "@elsewhere.invalid", PATH + "#fragment"):
        # An absolute target must be understood (RFC 9112, 3.2.2); then it is not one of our routes.
        yield Case(
            f"target {target}",
            (request("x", target=target),),
            frozenset({400, 404, 421}),
            closes=None,
        )
    for target in ("/v1/%63hat/completions", "//v1//chat/completions", "/v1/..;/chat/completions"):
        yield Case(
            f"target {target}", (request("x", target=target),), frozenset({404}), closes=None
        )
    yield Case('method G="', (request("x", method='G="'),), bad, closes=True)
    for version in ("HTTP/1.32", "HTTP/4294967295.255", "HTTP/2.0"):
        yield Case(
            f"version {version}",
            (request("x", version=version),),
            frozenset({400, 505}),
            closes=True,
        )
    yield Case(
        "an HTTP/2 preface",
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
        frozenset({400, 505}),
        closes=True,
    )
    too_large = frozenset({400, 414, 431})
    yield Case(
        "a line of 100 KB", (request("x", target="/" + "a" * 100_000),), too_large, closes=True
    )
    yield Case(
        "a header of 200 KB", (request("x", "X-Big: " + "a" * 200_000),), too_large, closes=True
    )
    many = (f"X-Many-{number}: 1" for number in range(1_000))
    yield Case("a thousand headers", (request("x", *many),), too_large | FORWARDED)


def bodies() -> Iterator[Case]:
    """Yield bodies that are no chat request, or only nearly one."""
    bad = frozenset({400})
    for name, body in (
        ("no body", b""),
        ("cut JSON", b'{"model": "lab/x", "messages": ['),
        ("text", b"hello"),
        ("two documents", b"{}{}"),
        ("a list", b"[]"),
        ("a number", b"7"),
        ("null", b"null"),
        ("invalid UTF-8", b'{"model": "lab/x", "messages": [{"role": "user", "content": "\xff"}]}'),
        (
            "a lone surrogate",
            b'{"model": "lab/x", "messages": [{"role": "user", "content": "\\ud800"}]}',
        ),
        ("UTF-16", '{"model": "lab/x"}'.encode("utf-16")),
        (
            "a control character",
            b'{"model": "lab/x", "messages": [{"role": "user", "content": "a\x01b"}]}',
        ),
        ("NaN", b'{"model": "lab/x", "messages": [], "temperature": NaN}'),
        (
            "nested 100,000 deep",
            b'{"model": "lab/x", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ),
        ("no model", b'{"messages": [{"role": "user", "content": "hi"}]}'),
        ("no messages", b'{"model": "lab/x"}'),
        ("model is a number", b'{"model": 7, "messages": []}'),
        ("model is empty", b'{"model": "", "messages": []}'),
        ("messages is text", b'{"model": "lab/x", "messages": "hi"}'),
        ("a message is text", b'{"model": "lab/x", "messages": ["hi"]}'),
        ("stream is text", b'{"model": "lab/x", "messages": [], "stream": "yes"}'),
        ("max_tokens is text", b'{"model": "lab/x", "messages": [], "max_tokens": "many"}'),
        ("max_tokens is negative", b'{"model": "lab/x", "messages": [], "max_tokens": -1}'),
        ("n is a thousand texts", b'{"model": "lab/x", "messages": [], "n": "1000"}'),
    ):
        yield Case(name, (request(name, body=body),), bad)
    twice = b'{"model": "lab/a", "model": "lab/b", "messages": []}'
    yield Case("the same name twice", (request("x", body=twice),), frozenset({200, 400}))
    yield Case(
        "an unknown model",
        (request("x", body=b'{"model": "nobody/x", "messages": []}'),),
        frozenset({404}),
    )
    yield Case(
        "a body over the limit",
        (request("x", body=b" " * 1_048_577),),
        frozenset({413}),
        closes=True,
    )
    yield Case(
        "a body of 100 MB, announced",
        (request("x", "Content-Length: 104857600", length=False) + b"{",),
        frozenset({413}),
        closes=True,
    )
    yield Case(
        "a body of 100 MB in chunks",
        (chunked("x", b""), *(b"10000\r\n" + b" " * 65_536 + b"\r\n" for _ in range(1_600))),
        frozenset({413}),
        closes=True,
    )
    for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip", "nonsense"):
        yield Case(
            f"body coded {coding}",
            (request("x", f"Content-Encoding: {coding}"),),
            frozenset({415, 400}),
        )


def slow() -> Iterator[Case]:
    """Yield requests that stop half way; the stack under test waits two seconds for each part."""
    yield Case(
        "half a head",
        (b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nX-Slow: ",),
        frozenset({408}),
        closes=True,
    )
    yield Case("half a body", (request("x")[:-10],), frozenset({408}), closes=True)
    yield Case("half a chunk", (chunked("x", b"ff\r\n{"),), frozenset({408}), closes=True)
    yield Case(
        "continue asked for and then silence",
        (request("x", "Expect: 100-continue")[: -len(good_body("x"))],),
        frozenset({408}),
        closes=True,
    )


def credentials() -> Iterator[Case]:
    """Yield requests without the right to be served."""
    no = frozenset({401})
    yield Case("no key", (request("x").replace(b"Authorization: Bearer KEY\r\n", b""),), no)
    for name, value in (
        ("a key nobody made", b"Bearer tk-" + b"0" * 43),
        ("half a key", b"Bearer tk-"),
        ("no scheme", b"KEY0"),
        ("another scheme", b"Basic dXNlcjpwYXNz"),
        ("SQL in a key", b"Bearer tk-' OR '1'='1"),
        ("a key of 7 KB", b"Bearer tk-" + b"a" * 7_000),
        ("a key that is not ASCII", "Bearer tk-ключ".encode()),
    ):
        yield Case(name, (request("x").replace(b"Bearer KEY", value),), no | {400})


def _lengths(name: str, *lines: str) -> Case:
    return Case(name, (request("x", *lines, length=False),), frozenset({400}), closes=True)


def _coding(name: str, line: str) -> Case:
    payload = b"2\r\n{}\r\n0\r\n\r\n"
    return Case(name, (chunked("x", payload, te=line),), frozenset({400, 501}), closes=True)


ALL: Final = (*framing(), *heads(), *bodies(), *slow(), *credentials())

"""Streams: events per second of each candidate, and what it adds to the first byte."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Final

from tests.benchmarks import wrk
from tests.benchmarks.candidates import Candidate
from tests.benchmarks.processes import cpu_s
from tests.benchmarks.servers import STREAM_EVENTS, request_body
from tests.benchmarks.table import rendered, spread
from tests.equipment.raw_http import Piece, RawConnection, request_bytes

ROUNDS: Final = 3
SECONDS: Final = 3
CONNECTIONS: Final = 16
FIRST_BYTES: Final = 150  # requests per candidate and round


def measure(candidates: Sequence[Candidate], folder: Path) -> list[str]:
    """Return one table."""
    rates: dict[str, list[float]] = defaultdict(list)
    cpu_us: dict[str, list[float]] = defaultdict(list)
    errors: dict[str, int] = defaultdict(int)
    first_s: dict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS):
        for candidate in candidates:
            run, spent_us = _load(candidate, folder)
            rates[candidate.name].append(run.requests_per_s)
            cpu_us[candidate.name].append(spent_us)
            errors[candidate.name] += run.errors
            first_s[candidate.name] += _first_bytes(candidate)
    direct_s = median(first_s["direct"])
    rows = [
        [
            candidate.name,
            spread(rates[candidate.name]),
            f"{median(rates[candidate.name]) * STREAM_EVENTS:,.0f}",
            f"{median(rates[candidate.name]) / median(rates['nginx']):.3f}",
            f"{median(cpu_us[candidate.name]):,.0f}" if candidate.pid else "-",
            f"{median(first_s[candidate.name]) * 1e6:,.0f}",
            f"{(median(first_s[candidate.name]) - direct_s) * 1e6:+,.0f}",
            f"{quantiles(first_s[candidate.name], n=100)[98] * 1e6:,.0f}",
            str(errors[candidate.name]),
        ]
        for candidate in candidates
    ]
    columns = ["", "streams/s", "events/s", "to nginx", "CPU us/stream", "first byte p50 us"]
    columns += ["added", "p99 us", "errors"]
    title = f"streams of {STREAM_EVENTS} events, {CONNECTIONS} connections; first byte at 1"
    return [rendered(title, columns, rows)]


def _load(candidate: Candidate, folder: Path) -> tuple[wrk.Run, float]:
    body = folder / "stream.json"
    body.write_bytes(request_body(candidate.sse_model, streamed=True))
    before = cpu_s(candidate.pid) if candidate.pid else 0.0
    run = wrk.run(
        f"http://127.0.0.1:{candidate.port}{candidate.sse_path}",
        body,
        connections=CONNECTIONS,
        seconds=SECONDS,
        headers=candidate.headers,
    )
    spent = cpu_s(candidate.pid) - before if candidate.pid else 0.0
    return run, spent / max(run.requests, 1) * 1e6


def _first_bytes(candidate: Candidate) -> list[float]:
    """Return the seconds from the end of a request to the first byte of its answer's body."""
    headers = (("Content-Type", "application/json"), *candidate.headers.items())
    body = request_body(candidate.sse_model, streamed=True)
    request = request_bytes(candidate.sse_path, body, headers=headers)
    taken: list[float] = []
    with RawConnection(candidate.port) as connection:
        for _ in range(FIRST_BYTES):
            started = time.monotonic()
            connection.send(request)
            response = connection.read_response()
            taken.append(_first_body_byte_s(response.pieces) - started)
    return taken


def _first_body_byte_s(pieces: Sequence[Piece]) -> float:
    seen = b""
    for piece in pieces:
        seen += piece.data
        if b"data:" in seen:
            return piece.at_s
    return pieces[-1].at_s

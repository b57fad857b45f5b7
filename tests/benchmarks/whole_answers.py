"""Whole answers: requests per second, latency and CPU of each candidate, in interleaved rounds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmarks import wrk
from tests.benchmarks.candidates import Candidate
from tests.benchmarks.processes import cpu_s, memory
from tests.benchmarks.servers import request_body
from tests.benchmarks.table import rendered, spread

ROUNDS: Final = 3
SECONDS: Final = 3
WARM_UP_S: Final = 2
CONNECTIONS: Final = (32, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of wrk against one candidate, with the CPU it cost there."""

    run: wrk.Run
    cpu_us: float


def measure(candidates: Sequence[Candidate], folder: Path) -> list[str]:
    """Return a table per number of connections."""
    for candidate in candidates:
        _sample(candidate, folder, connections=32, seconds=WARM_UP_S)
    return [_table(candidates, folder, connections) for connections in CONNECTIONS]


def _table(candidates: Sequence[Candidate], folder: Path, connections: int) -> str:
    samples: dict[str, list[Sample]] = defaultdict(list)
    for _ in range(ROUNDS):
        for candidate in candidates:
            taken = _sample(candidate, folder, connections=connections, seconds=SECONDS)
            samples[candidate.name].append(taken)
    direct_us = median(sample.run.p50_us for sample in samples["direct"])
    rows = [
        _row(candidate, samples[candidate.name], samples, direct_us) for candidate in candidates
    ]
    columns = ["", "req/s", "p50 us", "p99 us", "added p50", "to nginx", "to direct", "CPU us/req"]
    columns += ["RSS MB", "PSS MB", "errors"]
    return rendered(f"whole answers, {connections} connections", columns, rows)


def _row(
    candidate: Candidate,
    own: Sequence[Sample],
    samples: dict[str, list[Sample]],
    direct_us: float,
) -> list[str]:
    rate = [sample.run.requests_per_s for sample in own]
    p50 = median(sample.run.p50_us for sample in own)
    held = memory(candidate.pid) if candidate.pid else None
    return [
        candidate.name,
        spread(rate),
        f"{p50:,.0f}",
        f"{median(sample.run.p99_us for sample in own):,.0f}",
        f"{p50 - direct_us:+,.0f}",
        _ratio(rate, samples["nginx"]),
        _ratio(rate, samples["direct"]),
        f"{median(sample.cpu_us for sample in own):,.1f}" if candidate.pid else "-",
        f"{held.rss / 1e6:,.0f}" if held else "-",
        f"{held.pss / 1e6:,.0f}" if held else "-",
        str(sum(sample.run.errors for sample in own)),
    ]


def _ratio(rate: Sequence[float], reference: Sequence[Sample]) -> str:
    """Return the median of the ratios round by round: both sides of one saw the same weather."""
    pairs = zip(rate, reference, strict=True)
    return f"{median(own / other.run.requests_per_s for own, other in pairs):.3f}"


def _sample(candidate: Candidate, folder: Path, *, connections: int, seconds: int) -> Sample:
    body = folder / "request.json"
    body.write_bytes(request_body(candidate.json_model, streamed=False))
    before = cpu_s(candidate.pid) if candidate.pid else 0.0
    run = wrk.run(
        f"http://127.0.0.1:{candidate.port}{candidate.json_path}",
        body,
        connections=connections,
        seconds=seconds,
        headers=candidate.headers,
    )
    spent = cpu_s(candidate.pid) - before if candidate.pid else 0.0
    return Sample(run, spent / max(run.requests, 1) * 1e6)

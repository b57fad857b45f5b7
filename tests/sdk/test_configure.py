"""``configure()`` in a process of its own, against a collector that answers, refuses or is away."""

import os
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from tests.sdk.remembering import Remembering

from tollkeeper.configure import Environment

NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens there
WORK = """
import tollkeeper
from tollkeeper import observe

@observe
def work(x):
    return x

"""


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as an application would be: own process, clean environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "TOLLKEEPER_"))}
    kept.pop("OPENAI_BASE_URL", None)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", WORK + script],
        env={**kept, "OTEL_BSP_SCHEDULE_DELAY": "3600000", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def ran(script: str, **variables: str) -> str:
    done = run(script, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_spans_arrive_when_the_process_ends(server: Remembering) -> None:
    ran("tollkeeper.configure(); work(1)", OTEL_EXPORTER_OTLP_ENDPOINT=server.url)
    assert [span.name for span in server.received_spans] == ["work"]


def test_the_standard_variables_and_our_key_are_honoured(server: Remembering) -> None:
    ran(
        "tollkeeper.configure(); work(1)",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{server.url}/v1/traces",
        OTEL_EXPORTER_OTLP_HEADERS="x-extra=1",
        OTEL_SERVICE_NAME="shop",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        TOLLKEEPER_API_KEY="tk-secret",
    )
    (heard,) = server.heard
    assert heard.headers["authorization"] == "Bearer tk-secret"
    assert heard.headers["x-extra"] == "1"
    resource = ExportTraceServiceRequest.FromString(heard.body).resource_spans[0].resource
    attributes = {pair.key: pair.value.string_value for pair in resource.attributes}
    assert attributes["service.name"] == "shop"
    assert attributes["deployment.environment.name"] == "test"


def test_arguments_win_over_variables(server: Remembering) -> None:
    ran(
        f"tollkeeper.configure(endpoint={server.url!r}, service_name='desk', api_key='tk-arg')\n"
        "work(1)",
        OTEL_EXPORTER_OTLP_ENDPOINT=NOBODY,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer other",
        OTEL_SERVICE_NAME="shop",
    )
    (heard,) = server.heard
    assert heard.headers["authorization"] == "Bearer tk-arg"
    assert b"desk" in heard.body


def test_credentials_meant_for_another_collector_are_not_replaced(server: Remembering) -> None:
    ran(
        "tollkeeper.configure(); work(1)",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer other",
        TOLLKEEPER_API_KEY="tk-secret",
    )
    assert server.heard[0].headers["authorization"] == "Bearer other"


def test_a_disabled_sdk_makes_no_span_and_no_thread(server: Remembering) -> None:
    out = ran(
        "import threading\n"
        "tollkeeper.configure(); work(1)\n"
        "print(threading.active_count(), tollkeeper.current_trace_id(), tollkeeper.flush())",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_SDK_DISABLED="true",
    )
    assert out.split() == ["1", "None", "True"]
    assert server.heard == []


def test_without_configure_everything_works_and_goes_nowhere() -> None:
    out = ran("print(work(1), tollkeeper.flush(), tollkeeper.delivered().ended)")
    assert out.split() == ["1", "True", "0"]


def test_a_sampler_from_the_environment_is_honoured(server: Remembering) -> None:
    ran(
        "tollkeeper.configure(); work(1)",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_TRACES_SAMPLER="always_off",
    )
    assert server.received_spans == []


def test_a_provider_that_is_already_there_is_kept(server: Remembering) -> None:
    out = ran(
        f"""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
theirs = InMemorySpanExporter()
mine = TracerProvider()
mine.add_span_processor(SimpleSpanProcessor(theirs))
trace.set_tracer_provider(mine)
tollkeeper.configure(endpoint={server.url!r})
work(1)
print(trace.get_tracer_provider() is mine, len(theirs.get_finished_spans()))
"""
    )
    assert out.split() == ["True", "1"]
    assert len(server.received_spans) == 1


def test_session_and_user_reach_spans_of_other_instrumentations(server: Remembering) -> None:
    ran(
        f"""
from opentelemetry import trace
tollkeeper.configure(endpoint={server.url!r})
with tollkeeper.session("s-1"):
    with trace.get_tracer("theirs").start_as_current_span("foreign"):
        pass
"""
    )
    (span,) = server.received_spans
    assert {a.key: a.value.string_value for a in span.attributes} == {"session.id": "s-1"}


def test_a_provider_of_an_unknown_sort_is_left_alone_and_said() -> None:
    done = run(
        """
from opentelemetry import trace
trace.set_tracer_provider(trace.NoOpTracerProvider())
tollkeeper.configure()
print(work(1))
"""
    )
    assert done.stdout.strip() == "1"
    assert "tracing is off" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_call_changes_nothing_and_says_so(server: Remembering) -> None:
    done = run(
        f"tollkeeper.configure(endpoint={server.url!r})\n"
        f"tollkeeper.configure(endpoint={NOBODY!r})\nwork(1)"
    )
    assert "called again" in done.stderr
    assert len(server.received_spans) == 1


def test_it_can_be_configured_again_after_shutdown(server: Remembering) -> None:
    ran(
        f"tollkeeper.configure(endpoint={server.url!r})\nwork(1)\ntollkeeper.shutdown()\nwork(2)\n"
        f"tollkeeper.configure(endpoint={server.url!r})\nwork(3)"
    )
    assert len(server.received_spans) == 2


def test_what_is_wrong_in_the_environment_is_logged_and_survived(server: Remembering) -> None:
    done = run(
        "tollkeeper.configure(proxy_url='nonsense'); work(1)",
        OTEL_EXPORTER_OTLP_ENDPOINT=server.url,
        OTEL_BSP_MAX_QUEUE_SIZE="many",
    )
    assert "OTEL_BSP_MAX_QUEUE_SIZE is not a positive number" in done.stderr
    assert "not an http or https URL" in done.stderr
    assert len(server.received_spans) == 1


def test_a_collector_that_is_away_costs_the_application_nothing() -> None:
    done = run(
        f"""
tollkeeper.configure(endpoint={NOBODY!r}, exit_flush_s=0.2)
for n in range(5000):
    work(n)
report = tollkeeper.delivered()
print(report.ended, report.ended == report.delivered + report.lost + report.waiting)
""",
        OTEL_BSP_MAX_QUEUE_SIZE="100",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="10",
    )
    assert done.returncode == 0
    assert done.stdout.split() == ["5000", "True"]
    assert "of 5000 spans did not arrive" in done.stderr


def test_a_collector_that_hangs_does_not_hold_the_exit(server: Remembering) -> None:
    server.hold.clear()
    done = run(f"tollkeeper.configure(endpoint={server.url!r}, exit_flush_s=0.2)\nwork(1)")
    assert done.returncode == 0
    assert "1 of 1 spans did not arrive" in done.stderr


def test_spans_the_collector_refuses_are_counted(server: Remembering) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    server.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    out = ran(
        f"tollkeeper.configure(endpoint={server.url!r})\nwork(1); work(2); tollkeeper.flush()\n"
        "report = tollkeeper.delivered(); print(report.delivered, report.refused)"
    )
    assert out.split() == ["1", "1"]


@pytest.mark.parametrize("status", [400, 401, 413])
def test_a_batch_the_collector_refuses_is_counted(server: Remembering, status: int) -> None:
    server.status = status
    out = ran(
        f"tollkeeper.configure(endpoint={server.url!r})\nwork(1); work(2); tollkeeper.flush()\n"
        "report = tollkeeper.delivered(); print(report.delivered, report.refused)"
    )
    assert out.split() == ["0", "2"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_prefork_workers_send_their_own_spans(server: Remembering) -> None:
    ran(
        f"""
import os
tollkeeper.configure(endpoint={server.url!r})
work("parent"); tollkeeper.flush()
children = []
for n in range(3):
    child = os.fork()
    if child == 0:
        work(n); tollkeeper.flush(); os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
work("parent again")
""",
        PYTHONWARNINGS="ignore::DeprecationWarning",
    )
    assert len(server.received_spans) == 5
    assert len({span.span_id for span in server.received_spans}) == 5


def test_content_follows_the_standard_variable(server: Remembering) -> None:
    script = f"tollkeeper.configure(endpoint={server.url!r}); work('hello')"
    ran(script, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="span_only")
    ran(script, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="no_content")
    first, second = server.received_spans
    assert "output.value" in {pair.key for pair in first.attributes}
    assert "output.value" not in {pair.key for pair in second.attributes}


def test_calls_through_the_proxy_are_linked_after_configure(server: Remembering) -> None:
    ran(
        f"""
import httpx
tollkeeper.configure(endpoint={server.url!r})

@observe
def call():
    httpx.post({server.url!r} + "/v1/x")

call()
tollkeeper.shutdown()
call()
""",
        TOLLKEEPER_BASE_URL=f"{server.url}/v1",
    )
    (span,) = server.received_spans
    first, second = [heard for heard in server.heard if heard.path == "/v1/x"]
    assert first.headers["traceparent"].split("-")[2] == span.span_id.hex()
    assert "traceparent" not in second.headers


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TOLLKEEPER_BASE_URL": "https://gate", "OPENAI_BASE_URL": "http://x"}, "https://gate"),
        ({"OPENAI_BASE_URL": "http://localhost:4000/v1"}, "http://localhost:4000/v1"),
        ({"OPENAI_BASE_URL": "https://gate", "OPENAI_API_KEY": "tk-1"}, "https://gate"),
        ({"OPENAI_BASE_URL": "https://api.openai.com", "OPENAI_API_KEY": "sk-1"}, ""),
        ({"OPENAI_BASE_URL": "https://elsewhere"}, ""),
        ({}, ""),
    ],
)
def test_a_providers_url_is_not_taken_for_the_proxy(
    variables: dict[str, str], expected: str
) -> None:
    assert Environment.read(variables).proxy_url == expected


def test_importing_is_light_and_does_nothing() -> None:
    out = ran(
        "import sys, threading\n"
        "heavy = [m for m in ('requests', 'opentelemetry.sdk.trace', 'httpx', 'pydantic',"
        " 'aiohttp') if m in sys.modules]\n"
        "print(heavy, threading.active_count())"
    )
    assert out.strip() == "[] 1"

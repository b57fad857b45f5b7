import io
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from tollkeeper.logs import FIELD_CHARACTERS, OBEYED, Entry, Log, line, open_log


class StuckStream(io.StringIO):
    """A reader that does not read until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.free.wait()
        return super().write(text)


class BrokenStream(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


def written(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(each) for each in stream.getvalue().splitlines()]


def record(**fields: object) -> dict[str, object]:
    loaded = json.loads(line("proxy", Entry(0.0, "info", "tested", fields)))
    assert isinstance(loaded, dict)
    return loaded


def test_an_event_is_one_line_of_json() -> None:
    stream = io.StringIO()
    with Log("proxy", stream, now=lambda: 1_763_640_000.1234) as log:
        log.info("started", port=4000, tls=False, note="ok")
        log.error("failed", reason=ValueError("why"))
    assert written(stream) == [
        {
            "ts": "2025-11-20T12:00:00.123Z",
            "level": "info",
            "component": "proxy",
            "event": "started",
            "port": 4000,
            "tls": False,
            "note": "ok",
        },
        {
            "ts": "2025-11-20T12:00:00.123Z",
            "level": "error",
            "component": "proxy",
            "event": "failed",
            "reason": "why",
        },
    ]


def test_nobody_waits_for_a_reader_that_does_not_read() -> None:
    stream = StuckStream()
    log = Log("proxy", stream, queue_size=2)
    log.info("event", number=0)
    stream.reached.wait()
    for number in range(1, 11):
        log.info("event", number=number)
    stream.free.set()
    log.close()
    lines = written(stream)
    assert [each["number"] for each in lines if each["event"] == "event"] == [0, 1, 2]
    said = [each["count"] for each in lines if each["event"] == "log_events_dropped"]
    assert said == [8]


def test_closing_does_not_wait_for_ever() -> None:
    stream = StuckStream()
    log = Log("proxy", stream, queue_size=1)
    log.info("one")
    stream.reached.wait()
    log.info("two")
    log.close(timeout_s=0.01)
    stream.free.set()


def test_a_broken_stream_raises_nowhere() -> None:
    with Log("proxy", BrokenStream()) as log:
        log.info("lost")


def test_events_of_many_threads_do_not_mix() -> None:
    stream = io.StringIO()
    log = Log("proxy", stream)
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(log.info, "event", number=number)
    log.close()
    assert {each["number"] for each in written(stream)} == set(range(200))


def test_an_event_after_closing_is_dropped_in_silence() -> None:
    stream = io.StringIO()
    log = Log("proxy", stream)
    log.close()
    log.info("late")
    log.close()
    assert stream.getvalue() == ""


@given(st.text(), st.text())
def test_no_text_breaks_out_of_its_line_or_speaks_to_a_terminal(event: str, value: str) -> None:
    text = line("proxy", Entry(0.0, "info", event, {"value": value}))
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    assert not OBEYED.search(text)
    assert all(character >= " " for character in text[:-1])
    text.encode("utf-8")


def test_a_long_field_is_cut_and_says_how_much() -> None:
    value = record(value="x" * (FIELD_CHARACTERS + 5))["value"]
    assert value == "x" * FIELD_CHARACTERS + "…[5 characters cut]"


def test_a_credential_is_masked_wherever_it_stands_even_across_the_cut() -> None:
    key = "sk-proj-abcdefghijklmnopqrstuvwxyz"
    for padding in (0, FIELD_CHARACTERS - 20, FIELD_CHARACTERS - 6, 2 * FIELD_CHARACTERS - 12):
        value = str(record(value="-" * (padding - 1) + " " + key)["value"])
        assert "sk-proj" not in value


def test_fields_cannot_pose_as_the_logs_own() -> None:
    found = record(level="fatal", component="dashboard", ts="never")
    assert (found["level"], found["component"]) == ("info", "proxy")
    assert found["field_level"] == "fatal"


def test_numbers_that_json_does_not_have_and_broken_values_are_words() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    found = record(a=float("nan"), b=float("inf"), c=Unprintable(), d=["x"], e=None)
    assert found["a"] == "nan"
    assert found["b"] == "inf"
    assert found["c"] == "unprintable: RuntimeError"
    assert found["d"] == "['x']"
    assert found["e"] is None


def test_the_log_of_a_process_is_on_stderr_alone() -> None:
    program = (
        "from tollkeeper.logs import open_log; log=open_log('x'); log.info('hello'); log.close()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b""
    assert json.loads(done.stderr)["event"] == "hello"


def test_open_log_names_its_component() -> None:
    log = open_log("collector")
    log.close()
    assert log._component == "collector"

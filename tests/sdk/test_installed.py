"""What configure() put in place, and the sum that always closes."""

from opentelemetry.trace import NonRecordingSpan

from tollkeeper.installed import Delivered, Installed


def test_what_is_lost_is_what_was_dropped_or_refused() -> None:
    report = Delivered(ended=10, delivered=4, dropped=3, refused=2, waiting=1)
    assert report.lost == 5
    assert report.ended == report.delivered + report.lost + report.waiting


def test_without_a_provider_spans_record_nothing() -> None:
    installed = Installed()
    span = installed.tracer().start_span("s", start_time=installed.now())
    assert isinstance(span, NonRecordingSpan)
    assert not span.is_recording()


def test_a_clock_is_used_when_there_is_one() -> None:
    assert Installed().now() is None
    assert Installed(clock=lambda: 7).now() == 7

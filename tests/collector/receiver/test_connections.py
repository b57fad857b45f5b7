import json

from tests.collector.receiver_bench import ReceiverBench
from tests.equipment.raw_http import RawConnection, request_bytes


def test_a_head_that_does_not_come_is_not_waited_for(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        connection.send(b"POST /v1/traces HTTP/1.1\r\nHos")
        answer = connection.read_response()
        assert answer.status == 408
        assert json.loads(answer.body)["code"] == 4
        assert connection.is_closed_by_peer()


def test_a_connection_that_says_nothing_is_closed(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        assert connection.read_response().status == 408


def test_an_idle_connection_between_requests_is_left_open(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        connection.send(request_bytes("/livez", method="GET"))
        assert connection.read_response(method="GET").status == 200
        connection.set_timeout(3 * bench.timeout_s)
        assert not connection.is_closed_by_peer()
        connection.send(request_bytes("/livez", method="GET"))
        assert connection.read_response(method="GET").status == 200


def test_the_second_head_of_a_connection_is_bounded_too(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        connection.send(request_bytes("/livez", method="GET"))
        connection.read_response(method="GET")
        connection.send(b"GET /liv")
        assert connection.read_response().status == 408


def test_what_is_not_http_gets_a_status_message(bench: ReceiverBench) -> None:
    for rubbish in (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET /livez HTTP/9.9\r\n\r\n"):
        with RawConnection(bench.port) as connection:
            connection.send(rubbish)
            answer = connection.read_response()
            assert answer.status in (400, 505)
            assert json.loads(answer.body)["code"] == 3


def test_heads_are_bounded_in_size(bench: ReceiverBench) -> None:
    with RawConnection(bench.port) as connection:
        connection.send(b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
        assert connection.read_response().status in (400, 431)

"""The travelling value knows its names."""

from tests.proxy.exchanges import exchange

from tollkeeper_proxy.exchange import Caller, Decision, Exchange, Target, Trace


def test_a_target_is_named_as_callers_name_it() -> None:
    assert Target("lab", "meta/llama").name == "lab/meta/llama"


def test_decisions_are_kept_in_order() -> None:
    opened = exchange()
    opened.decide("pii", "masked", "2")
    opened.decide("budget", "reserved")
    assert opened.decisions == [Decision("pii", "masked", "2"), Decision("budget", "reserved")]


def test_nobody_belongs_to_no_tenant() -> None:
    stranger = Exchange("r", "/", Trace("0" * 32, "0" * 16), Caller(), 0, 0.0)
    assert stranger.tenant_id == ""
    assert exchange().tenant_id == "t1"

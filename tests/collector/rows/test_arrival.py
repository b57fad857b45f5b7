from tests.collector.records import MEMBER, SYSTEM, arrival

from tollkeeper_collector.otlp.signals import Scope
from tollkeeper_collector.rows.arrival import DAY_NS, scope_name, stamped

TENANT = "tollkeeper.tenant.id"


def test_a_members_claim_of_a_tenant_is_overwritten() -> None:
    assert stamped({TENANT: "victim", "a": "b"}, MEMBER) == {TENANT: "t1", "a": "b"}
    assert stamped({}, MEMBER) == {TENANT: "t1"}


def test_our_own_components_name_the_tenant() -> None:
    assert stamped({TENANT: "t9"}, SYSTEM) == {TENANT: "t9"}
    assert stamped({}, SYSTEM) == {TENANT: "default"}


def test_the_tenant_is_stamped_also_beyond_the_most_attributes() -> None:
    crowd = {f"a{n}": "" for n in range(300)}
    assert stamped(crowd, MEMBER)[TENANT] == "t1"


def test_nobody_else_speaks_in_the_proxys_name() -> None:
    claimed = Scope("tollkeeper.proxy", "", {}, "")
    assert scope_name(claimed, SYSTEM) == "tollkeeper.proxy"
    assert scope_name(claimed, MEMBER) == "tollkeeper.proxy (claimed)"
    assert scope_name(Scope("lib", "", {}, ""), MEMBER) == "lib"


def test_the_window_follows_the_rules() -> None:
    asked = arrival(past_ns=DAY_NS, future_ns=5)
    assert asked.earliest_ns == asked.at_ns - DAY_NS
    assert asked.latest_ns == asked.at_ns + 5

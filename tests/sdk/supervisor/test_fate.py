from hypothesis import given
from hypothesis import strategies as st

from tollkeeper.supervisor.fate import HEALTHY_AFTER_S, LONGEST_DELAY_S, Fate


def died(times: int, fate: Fate) -> list[float]:
    delays = []
    for _ in range(times):
        fate = fate.died(0.0)
        delays.append(fate.delay_s)
    return delays


def test_each_death_in_a_row_doubles_the_wait_up_to_a_limit() -> None:
    assert died(9, Fate()) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_a_child_that_was_never_ready_is_hopeless_after_three_deaths() -> None:
    fate = Fate().died(1.0).died(2.0)
    assert not fate.is_hopeless
    assert fate.died(3.0).is_hopeless


def test_a_child_that_was_ready_once_is_never_hopeless() -> None:
    fate = Fate().ready(0.0)
    for second in range(100):
        fate = fate.died(float(second))
    assert not fate.is_hopeless


def test_a_minute_of_health_forgets_earlier_deaths() -> None:
    fate = Fate().died(0.0).died(0.0).died(0.0).ready(10.0)
    assert fate.died(10.0 + HEALTHY_AFTER_S).delay_s == 0.5
    assert fate.died(10.0 + HEALTHY_AFTER_S - 0.001).delay_s == 4.0


def test_time_that_passed_before_it_was_ready_is_no_health() -> None:
    assert Fate().died(0.0).died(1_000.0).deaths == 2


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e6)), max_size=60))
def test_the_wait_is_always_between_its_bounds(events: list[tuple[bool, float]]) -> None:
    fate = Fate()
    for is_death, at_s in events:
        fate = fate.died(at_s) if is_death else fate.ready(at_s)
        if fate.deaths:
            assert 0.5 <= fate.delay_s <= LONGEST_DELAY_S

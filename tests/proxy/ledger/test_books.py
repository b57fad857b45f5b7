"""The ledger's rules, under every order of reserve, settle, expiry, repetition and lateness."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tollkeeper_proxy.ledger.books import Books
from tollkeeper_proxy.ledger.entries import (
    Account,
    Ask,
    Balance,
    Denied,
    Granted,
    LedgerLine,
    Settlement,
)

ACCOUNT = Account("key:k1", "2026-08")
LINE = LedgerLine("r1", "k1", "t1", "demo", "echo", "lost")
LIMIT = 1000


def ask(
    name: str = "a", amount: int = 100, minimum: int = 1, *, limit: int = LIMIT, lease_s: float = 60
) -> Ask:
    return Ask(name, ACCOUNT, LINE, limit, amount, minimum, lease_s)


def books(spent: int = 0, held: int = 0) -> Books:
    return Books({ACCOUNT: Balance(spent, held)}, {})


def test_holds_what_is_asked_and_says_what_remains() -> None:
    opened = books(spent=300)
    assert opened.reserve(ask(amount=200), 0.0) == Granted(200, 500)
    assert opened.balance(ACCOUNT) == Balance(300, 200)


def test_grants_what_fits_when_not_all_does() -> None:
    assert books(spent=950).reserve(ask(amount=200, minimum=50), 0.0) == Granted(50, 0)


def test_denies_what_is_less_than_the_minimum() -> None:
    opened = books(spent=900, held=51)
    assert opened.reserve(ask(amount=200, minimum=50), 0.0) == Denied(900, 51)
    assert opened.balance(ACCOUNT) == Balance(900, 51)


def test_asking_twice_under_one_id_holds_once() -> None:
    opened = books()
    opened.reserve(ask(amount=100), 0.0)
    assert opened.reserve(ask(amount=100), 0.0) == Granted(100, 900)
    assert opened.balance(ACCOUNT) == Balance(0, 100)


def test_settling_charges_what_it_cost_and_frees_the_rest() -> None:
    opened = books()
    opened.reserve(ask(amount=100), 0.0)
    opened.settle(Settlement("a", 30, LINE))
    assert opened.balance(ACCOUNT) == Balance(30, 0)
    assert [(p.reserved_nanousd, p.charged_nanousd) for p in opened.postings] == [(100, 30)]


def test_a_second_settlement_charges_nothing() -> None:
    opened = books()
    opened.reserve(ask(), 0.0)
    opened.settle(Settlement("a", 30))
    opened.settle(Settlement("a", 30))
    assert opened.balance(ACCOUNT) == Balance(30, 0)


def test_a_settlement_nobody_reserved_for_charges_nothing_and_says_so() -> None:
    opened = books()
    opened.settle(Settlement("stranger", 30, LINE))
    assert opened.balance(ACCOUNT) == Balance(0, 0)
    assert [(p.charged_nanousd, p.remark) for p in opened.postings] == [(0, "unheld")]


def test_a_settlement_beyond_its_reservation_is_charged_and_marked_as_overrun() -> None:
    opened = books()
    opened.reserve(ask(amount=100), 0.0)
    opened.settle(Settlement("a", 130, LINE))
    assert opened.balance(ACCOUNT) == Balance(130, 0)
    assert opened.postings[0].remark == "overrun"


def test_an_expired_hold_is_freed_and_leaves_a_line_for_the_lost_request() -> None:
    opened = books()
    opened.reserve(ask(lease_s=60), 0.0)
    opened.expire("a", 59.9)
    assert opened.balance(ACCOUNT).held_nanousd == 100
    opened.expire("a", 60.0)
    assert opened.balance(ACCOUNT) == Balance(0, 0)
    assert [p.line.outcome for p in opened.postings] == ["lost"]


def test_a_settlement_after_expiry_is_charged_late_and_once() -> None:
    opened = books()
    opened.reserve(ask(lease_s=60), 0.0)
    opened.expire("a", 61.0)
    opened.settle(Settlement("a", 40, LINE))
    opened.settle(Settlement("a", 40, LINE))
    assert opened.balance(ACCOUNT) == Balance(40, 0)
    assert [p.remark for p in opened.postings][1] == "late"


def test_a_lowered_budget_lets_open_requests_finish_and_denies_new_ones() -> None:
    opened = books()
    opened.reserve(ask("old", 600), 0.0)
    assert isinstance(opened.reserve(ask("new", 10, limit=500), 0.0), Denied)
    opened.settle(Settlement("old", 600))
    assert opened.balance(ACCOUNT) == Balance(600, 0)


def test_a_request_of_which_nothing_is_known_costs_what_was_held() -> None:
    opened = books()
    opened.reserve(ask(amount=100), 0.0)
    opened.settle(Settlement("a", None, LINE))
    assert opened.balance(ACCOUNT) == Balance(100, 0)


class AnyOrder(RuleBasedStateMachine):
    """Reserve, settle, kill, expire, repeat and come late, against a model that only adds up."""

    def __init__(self) -> None:
        super().__init__()
        self.books = Books({}, {})
        self.now_s = 0.0
        self.open: dict[str, tuple[int, float]] = {}
        self.expired: set[str] = set()
        self.done: set[str] = set()
        self.charged = 0
        self.overrun = 0

    @rule(amount=st.integers(0, 400), share=st.floats(0, 1), lease_s=st.floats(1, 50))
    def reserve(self, amount: int, share: float, lease_s: float) -> None:
        name = f"r{len(self.open) + len(self.expired) + len(self.done)}"
        verdict = self.books.reserve(
            ask(name, amount, int(amount * share), lease_s=lease_s), self.now_s
        )
        free = LIMIT - self.charged - sum(held for held, _ in self.open.values())
        if isinstance(verdict, Granted):
            assert verdict.granted_nanousd == min(amount, free)
            self.open[name] = (verdict.granted_nanousd, self.now_s + lease_s)
        else:
            assert free < max(int(amount * share), 0) or free < 0
            self.done.add(name)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=st.floats(0, 1.2))
    def settle(self, data: st.DataObject, share: float) -> None:
        name = data.draw(st.sampled_from(sorted(self.open)))
        held, _ = self.open.pop(name)
        charge = int(held * share)
        self.books.settle(Settlement(name, charge, LINE))
        self.charged += charge
        self.overrun += max(0, charge - held)
        self.done.add(name)

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def settle_again(self, data: st.DataObject) -> None:
        self.books.settle(Settlement(data.draw(st.sampled_from(sorted(self.done))), 77))

    @precondition(lambda self: self.expired)
    @rule(data=st.data())
    def settle_late(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.expired)))
        self.books.settle(Settlement(name, 50, LINE))
        self.expired.remove(name)
        self.done.add(name)
        self.charged += 50
        self.overrun += 50  # its room may have been given to others

    @rule(step_s=st.floats(0, 30))
    def time_passes_and_the_reaper_comes(self, step_s: float) -> None:
        self.now_s += step_s
        for name, (_, lease_end_s) in list(self.open.items()):
            self.books.expire(name, self.now_s)
            if lease_end_s <= self.now_s:
                del self.open[name]
                self.expired.add(name)

    @invariant()
    def the_books_agree_with_the_sum_of_what_happened(self) -> None:
        balance = self.books.balance(ACCOUNT)
        assert balance.spent_nanousd == self.charged
        assert balance.held_nanousd == sum(held for held, _ in self.open.values())

    @invariant()
    def nothing_but_a_recorded_overrun_passes_the_limit(self) -> None:
        balance = self.books.balance(ACCOUNT)
        assert balance.spent_nanousd + balance.held_nanousd <= LIMIT + self.overrun

    @invariant()
    def each_closed_request_has_exactly_one_line_of_its_charge(self) -> None:
        charged = sum(posting.charged_nanousd for posting in self.books.postings)
        assert charged == self.charged


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)

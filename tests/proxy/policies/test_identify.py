"""Who may pass, against the real key store."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.proxy.exchanges import exchange

from tollkeeper.control import KeyStore
from tollkeeper.control.schema import migrate
from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, mint
from tollkeeper_proxy.exchange import Caller, Exchange, Refusal
from tollkeeper_proxy.policies import identify
from tollkeeper_proxy.policies.identify import IdentifyPolicy
from tollkeeper_proxy.settings import IdentitySettings


class CountingLookup:
    """The key store, with a count of what it was asked and a switch to take it away."""

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()
        self.away = False

    def find(self, key_digest: str) -> Identity | None:
        self.asked[key_digest] += 1
        if self.away:
            raise ControlUnreachable("gone")
        return self._store.find(key_digest)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def wall() -> list[datetime]:
    return [datetime(2026, 8, 22, tzinfo=UTC)]


@pytest.fixture
def store(tmp_path: Path, wall: list[datetime]) -> Iterator[KeyStore]:
    url = f"sqlite:///{tmp_path}/control.db"
    migrate(url)
    opened = KeyStore(url, now=lambda: wall[0])
    yield opened
    opened.close()


@pytest.fixture
def lookup(store: KeyStore) -> CountingLookup:
    return CountingLookup(store)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policy(lookup: CountingLookup, clock: Clock) -> IdentifyPolicy:
    return IdentifyPolicy(IdentitySettings(cache_s=5.0), lookup, clock=clock)


def calling(credential: str) -> Exchange:
    opened = exchange(caller=Caller(credential=credential))
    opened.identity = None
    return opened


async def verdict(policy: IdentifyPolicy, credential: str) -> Refusal | Identity | None:
    opened = calling(credential)
    return await policy.on_request(opened) or opened.identity


async def refused(policy: IdentifyPolicy, credential: str) -> Refusal:
    opened = calling(credential)
    refusal = await policy.on_request(opened)
    assert isinstance(refusal, Refusal)
    assert opened.identity is None
    return refusal


async def test_a_known_key_is_who_it_was_made_for(policy: IdentifyPolicy, store: KeyStore) -> None:
    key, record = store.create("search", tenant_id="acme", budget_nanousd=5)
    found = await verdict(policy, key)
    assert isinstance(found, Identity)
    assert (found.key_id, found.tenant_id, found.budget_nanousd) == (record.key_id, "acme", 5)


async def test_no_key_is_told_how_to_make_one(policy: IdentifyPolicy) -> None:
    refusal = await refused(policy, "")
    assert (refusal.status, refusal.code) == (401, "missing_api_key")
    assert "tollkeeper keys create" in refusal.message


async def test_an_unknown_key_is_refused_and_not_repeated_back(policy: IdentifyPolicy) -> None:
    key = mint()
    refusal = await refused(policy, key)
    assert (refusal.status, refusal.code, refusal.retryable) == (401, "invalid_api_key", False)
    assert key[:9] in refusal.message
    assert key[9:14] not in refusal.message


async def test_a_revoked_key_is_refused_everywhere_once_it_is_no_longer_believed(
    policy: IdentifyPolicy, store: KeyStore, clock: Clock
) -> None:
    key, record = store.create("search")
    assert isinstance(await verdict(policy, key), Identity)
    store.revoke(record.key_id)
    clock.now_s += 5.0
    assert (await refused(policy, key)).code == "invalid_api_key"


async def test_an_expired_key_is_refused(
    policy: IdentifyPolicy, store: KeyStore, wall: list[datetime]
) -> None:
    key, _ = store.create("old", expires_at=wall[0] + timedelta(days=1))
    wall[0] += timedelta(days=1)
    assert (await refused(policy, key)).code == "invalid_api_key"


async def test_two_keys_with_the_same_beginning_are_two_callers(
    policy: IdentifyPolicy, store: KeyStore
) -> None:
    key, _ = store.create("search")
    assert isinstance(await verdict(policy, key), Identity)
    assert (await refused(policy, key[:-1] + ("A" if key[-1] != "A" else "B"))).status == 401
    assert (await refused(policy, key + "A")).status == 401


async def test_a_known_key_is_looked_up_once_while_it_is_believed(
    policy: IdentifyPolicy, store: KeyStore, lookup: CountingLookup, clock: Clock
) -> None:
    key, _ = store.create("search")
    for _ in range(10):
        await verdict(policy, key)
    clock.now_s += 4.9
    await verdict(policy, key)
    assert lookup.asked.total() == 1
    clock.now_s += 0.1
    await verdict(policy, key)
    assert lookup.asked.total() == 2


async def test_many_callers_of_one_key_wait_for_one_look_up(
    policy: IdentifyPolicy, store: KeyStore, lookup: CountingLookup
) -> None:
    key, _ = store.create("search")
    found = await asyncio.gather(*(verdict(policy, key) for _ in range(50)))
    assert all(isinstance(each, Identity) for each in found)
    assert lookup.asked.total() == 1


async def test_one_caller_who_leaves_does_not_fail_the_others(
    policy: IdentifyPolicy, store: KeyStore
) -> None:
    key, _ = store.create("search")
    first, second = (asyncio.create_task(verdict(policy, key)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert isinstance(await second, Identity)


async def test_a_stranger_is_not_looked_up_again_at_once(
    policy: IdentifyPolicy, store: KeyStore, lookup: CountingLookup, clock: Clock
) -> None:
    key = mint()
    for _ in range(10):
        await refused(policy, key)
    assert lookup.asked.total() == 1
    clock.now_s += identify.STRANGER_S
    await refused(policy, key)
    assert lookup.asked.total() == 2


async def test_strangers_do_not_push_out_those_we_know(
    policy: IdentifyPolicy,
    store: KeyStore,
    lookup: CountingLookup,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, record = store.create("search")
    await verdict(policy, key)
    for _ in range(identify.REMEMBERED_STRANGERS // 20 + 60):
        await refused(policy, mint())
    asked = lookup.asked.total()
    found = await verdict(policy, key)
    assert isinstance(found, Identity)
    assert found.key_id == record.key_id
    assert lookup.asked.total() == asked


def test_memory_of_keys_is_bounded() -> None:
    memory = identify._Memory(3)
    for number in range(10):
        memory.put(str(number), identify._Remembered(None, 10.0))
    known = [number for number in range(10) if memory.get(str(number), 0.0)]
    assert known == [7, 8, 9]


async def test_a_store_that_is_away_admits_only_those_still_believed(
    policy: IdentifyPolicy, store: KeyStore, lookup: CountingLookup, clock: Clock
) -> None:
    key, _ = store.create("search")
    await verdict(policy, key)
    lookup.away = True
    assert isinstance(await verdict(policy, key), Identity)
    clock.now_s += 5.0
    refusal = await refused(policy, key)
    assert (refusal.status, refusal.code, refusal.retryable) == (503, "identity_unavailable", True)
    assert (await refused(policy, mint())).status == 503


async def test_a_failed_look_up_nobody_waits_for_is_not_left_unheard(
    policy: IdentifyPolicy, store: KeyStore, lookup: CountingLookup
) -> None:
    key, _ = store.create("search")
    lookup.away = True
    task = asyncio.create_task(verdict(policy, key))
    await asyncio.sleep(0)
    (asking,) = policy._asking.values()
    task.cancel()
    await asyncio.wait([task, asking])
    lookup.away = False
    assert isinstance(await verdict(policy, key), Identity)


async def test_a_providers_own_key_is_refused_unless_that_is_allowed(
    policy: IdentifyPolicy,
) -> None:
    refusal = await refused(policy, "sk-somebodys-own-key")
    assert refusal.code == "invalid_api_key"
    assert "sk-" not in refusal.message


async def test_a_providers_own_key_passes_where_allowed_under_the_name_of_its_digest(
    lookup: CountingLookup,
) -> None:
    policy = IdentifyPolicy(IdentitySettings(pass_through=True), lookup)
    opened = calling("sk-somebodys-own-key")
    assert await policy.on_request(opened) is None
    assert opened.identity is not None
    assert opened.identity.tenant_id == "pass-through"
    assert opened.identity.key_id.startswith("pass-through:")
    assert "somebody" not in repr(opened.identity)
    assert [decision.verdict for decision in opened.decisions] == ["pass-through"]
    assert lookup.asked.total() == 0


async def test_a_forged_key_of_ours_never_passes_as_a_providers(lookup: CountingLookup) -> None:
    policy = IdentifyPolicy(IdentitySettings(pass_through=True), lookup)
    assert (await refused(policy, mint())).code == "invalid_api_key"


@pytest.mark.parametrize("credential", ["tk-" + "x" * 100_000, "tk-\udcff\udcfe", "tk-", " "])
async def test_hostile_credentials_are_plainly_refused(
    policy: IdentifyPolicy, credential: str
) -> None:
    assert (await refused(policy, credential)).status == 401

import pytest

from tollkeeper.errors import ControlUnreachable
from tollkeeper.keys import Identity, Role, digest
from tollkeeper_collector.errors import Forbidden, RetryLater, Unauthenticated
from tollkeeper_collector.identity import MAX_REMEMBERED, Doorkeeper, credential_of

KEY = "tk-" + "a" * 43
SYSTEM_KEY = "system-secret"


class Keys:
    """Keys by digest, in memory; counts how often it is asked."""

    def __init__(self, **roles: Role) -> None:
        self.known = {digest(key): Identity(key, key, "t1", role) for key, role in roles.items()}
        self.asked = 0
        self.is_away = False

    def find(self, key_digest: str) -> Identity | None:
        self.asked += 1
        if self.is_away:
            raise ControlUnreachable("away")
        return self.known.get(key_digest)


def doorkeeper(
    keys: Keys, now_s: list[float] | None = None, system_key: str = SYSTEM_KEY
) -> Doorkeeper:
    clock = now_s or [0.0]
    return Doorkeeper(keys, system_key, believe_s=5.0, clock=lambda: clock[0])


@pytest.mark.parametrize(
    ("headers", "credential"),
    [
        ({"authorization": "Bearer tk-1"}, "tk-1"),
        ({"authorization": "bearer  tk-1 "}, "tk-1"),
        ({"authorization": "Basic dXNlcjp0ay0x"}, ""),
        ({"authorization": "tk-1"}, ""),
        ({"x-api-key": "tk-2"}, "tk-2"),
        ({"api-key": "tk-3"}, "tk-3"),
        ({"authorization": "Bearer tk-1", "x-api-key": "tk-2"}, "tk-1"),
        ({}, ""),
    ],
)
def test_finds_the_credential_where_senders_put_it(
    headers: dict[str, str], credential: str
) -> None:
    assert credential_of(headers) == credential


@pytest.mark.parametrize("role", ["member", "admin"])
async def test_lets_writers_write(role: Role) -> None:
    keys = Keys(**{KEY: role})
    identity = await doorkeeper(keys).writer({"x-api-key": KEY})
    assert (identity.tenant_id, identity.role) == ("t1", role)


async def test_a_viewer_may_not_write() -> None:
    with pytest.raises(Forbidden):
        await doorkeeper(Keys(**{KEY: "viewer"})).writer({"x-api-key": KEY})


@pytest.mark.parametrize(
    "credential", ["", KEY[:-1], KEY + "a", "tk-", "' OR 1=1 --", "\ud800", SYSTEM_KEY[:-1]]
)
async def test_nobody_gets_in_by_anything_but_the_whole_key(credential: str) -> None:
    with pytest.raises(Unauthenticated):
        await doorkeeper(Keys(**{KEY: "member"})).writer({"x-api-key": credential})


async def test_the_systems_key_is_no_row_and_needs_no_store() -> None:
    keys = Keys()
    keys.is_away = True
    identity = await doorkeeper(keys).writer({"authorization": f"Bearer {SYSTEM_KEY}"})
    assert identity.role == "system"


async def test_without_a_systems_key_an_empty_one_opens_nothing() -> None:
    with pytest.raises(Unauthenticated):
        await doorkeeper(Keys(), system_key="").writer({"authorization": "Bearer "})


async def test_a_found_key_is_believed_for_a_few_seconds_only() -> None:
    keys, clock = Keys(**{KEY: "member"}), [1.0]
    door = doorkeeper(keys, clock)
    await door.identify(KEY)
    keys.known.clear()  # revoked
    await door.identify(KEY)
    assert keys.asked == 1
    clock[0] += 5.1
    with pytest.raises(Unauthenticated):
        await door.identify(KEY)


async def test_a_store_that_is_away_means_later_and_is_not_remembered() -> None:
    keys = Keys(**{KEY: "member"})
    door = doorkeeper(keys)
    keys.is_away = True
    with pytest.raises(RetryLater):
        await door.identify(KEY)
    keys.is_away = False
    assert (await door.identify(KEY)).key_id == KEY


async def test_wrong_keys_do_not_fill_the_memory() -> None:
    door = doorkeeper(Keys())
    for number in range(MAX_REMEMBERED + 50):
        with pytest.raises(Unauthenticated):
            await door.identify(str(number))
    assert len(door._known) == MAX_REMEMBERED

"""Sessions end by time, by sign-out, by a new password, and by too many others."""

from concurrent.futures import ThreadPoolExecutor

from tests.dashboard.door.test_attempts import Clock

from tollkeeper_dashboard.door.sessions import MAX_SESSIONS, Sessions


def test_a_token_opens_its_session_until_it_expires() -> None:
    clock = Clock()
    sessions = Sessions(clock, lifetime_s=60)
    token = sessions.open("p")
    assert sessions.find(token, "p") is not None
    clock.now += 60
    assert sessions.find(token, "p") is None


def test_no_other_token_opens_it() -> None:
    sessions = Sessions(Clock(), 60)
    token = sessions.open("p")
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "\ud800"):
        assert sessions.find(wrong, "p") is None


def test_a_new_password_ends_the_sessions_of_the_old() -> None:
    sessions = Sessions(Clock(), 60)
    token = sessions.open("old")
    assert sessions.find(token, "new") is None
    assert sessions.find(token, "old") is None


def test_signing_out_ends_it() -> None:
    sessions = Sessions(Clock(), 60)
    token, other = sessions.open("p"), sessions.open("p")
    sessions.close(token)
    sessions.close("unknown")
    assert sessions.find(token, "p") is None
    assert sessions.find(other, "p") is not None


def test_the_token_itself_is_not_kept() -> None:
    sessions = Sessions(Clock(), 60)
    token = sessions.open("p")
    assert token not in repr(sessions._open)


def test_the_oldest_gives_way_when_there_are_too_many() -> None:
    sessions = Sessions(Clock(), 60)
    with ThreadPoolExecutor(4) as threads:
        tokens = list(threads.map(lambda _: sessions.open("p"), range(MAX_SESSIONS + 10)))
    assert sum(sessions.find(token, "p") is not None for token in tokens) == MAX_SESSIONS

"""The door over HTTP: what is behind it is reached with a session and in no other way."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.dashboard.door.test_attempts import Clock

from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.doorway import (
    LOOPBACK_NAMES,
    DoorSettings,
    Doorway,
    Message,
    Receive,
    Scope,
    Send,
)
from tollkeeper_dashboard.door.entrance import Entrance
from tollkeeper_dashboard.door.password import Password, PasswordFile
from tollkeeper_dashboard.door.sessions import Sessions

RIGHT = "correct horse battery"
PAGE = {"accept": "text/html,*/*"}
HERE = "http://127.0.0.1:8501"


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    """What is to be protected: says that it was reached."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the book"})


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Doorway:
    path = tmp_path / "dashboard.password"
    path.write_text(Password.of(RIGHT, n=2**10).text())
    entrance = Entrance(PasswordFile(path), Attempts(clock), Sessions(clock, 3_600))
    return Doorway(inside, entrance, DoorSettings("session", 3_600, LOOPBACK_NAMES))


@pytest.fixture
async def browser(door: Doorway) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(door), base_url=HERE, headers=PAGE
    ) as client:
        yield client


async def sign_in(
    browser: httpx.AsyncClient, password: str = RIGHT, to: str = "/"
) -> httpx.Response:
    return await browser.post("/login", data={"password": password, "next": to})


EVERYTHING = [
    "/", "/overview", "/traces?trace=1", "/_stcore/health", "/_stcore/host-config",
    "/_stcore/metrics", "/_stcore/upload_file/a/b", "/media/x.png", "/static/index.js",
    "/component/x/index.html", "/_stcore/agent/openapi.json", "/login/../", "//login", "/Login",
    "/livez/..", "/favicon.png",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERYTHING)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
async def test_nothing_is_reached_without_a_session(
    browser: httpx.AsyncClient, path: str, method: str
) -> None:
    answer = await browser.request(method, httpx.URL(HERE + path))
    assert answer.status_code in (303, 401)
    assert b"the book" not in answer.content


async def test_a_page_is_answered_with_the_way_to_sign_in_and_back(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/traces?trace=ab&x=1")
    assert answer.headers["location"] == "/login?next=%2Ftraces%3Ftrace%3Dab%26x%3D1"
    form = await browser.get(answer.headers["location"])
    assert 'value="/traces?trace=ab&amp;x=1"' in form.text
    entered = await sign_in(browser, to="/traces?trace=ab&x=1")
    assert entered.headers["location"] == "/traces?trace=ab&x=1"
    assert (await browser.get("/traces")).text == "the book"


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    browser: httpx.AsyncClient, door: Doorway
) -> None:
    cookie = (await sign_in(browser)).headers["set-cookie"]
    for part in ("session=", "HttpOnly", "SameSite=lax", "Max-Age=3600", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie
    door.settings = DoorSettings("session", 3_600, secure=True)
    assert "Secure" in (await sign_in(browser)).headers["set-cookie"]


async def test_a_wrong_password_is_refused_and_opens_nothing(browser: httpx.AsyncClient) -> None:
    answer = await sign_in(browser, "wrong")
    assert answer.status_code == 401
    assert "That is not the password." in answer.text
    assert "set-cookie" not in answer.headers
    assert (await browser.get("/")).status_code == 303


async def test_after_many_wrong_ones_the_right_one_has_to_wait(
    browser: httpx.AsyncClient, clock: Clock
) -> None:
    for _ in range(5):
        await sign_in(browser, "wrong")
    locked = await sign_in(browser)
    assert locked.status_code == 429
    assert locked.headers["retry-after"] == "2"
    assert "Try again in 2 s." in locked.text
    clock.now += 2
    assert (await sign_in(browser)).status_code == 303


async def test_an_address_the_client_names_itself_does_not_start_afresh(
    browser: httpx.AsyncClient,
) -> None:
    for number in range(6):
        answer = await browser.post(
            "/login",
            data={"password": "wrong"},
            headers={"x-forwarded-for": f"10.0.0.{number}", "x-forwarded-user": "admin"},
        )
    assert answer.status_code == 429


async def test_signing_out_ends_the_session(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    token = browser.cookies["session"]
    assert (await browser.post("/logout")).headers["location"] == "/login"
    browser.cookies.set("session", token)
    assert (await browser.get("/")).status_code == 303


async def test_a_session_ends_by_itself(browser: httpx.AsyncClient, clock: Clock) -> None:
    await sign_in(browser)
    assert (await browser.get("/")).status_code == 200
    clock.now += 3_601
    assert (await browser.get("/")).status_code == 303


async def test_without_a_password_the_page_says_how_to_make_one(
    browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "dashboard.password").unlink()
    answer = await browser.get("/login")
    assert answer.status_code == 503
    assert "--new-password" in answer.text
    assert (await sign_in(browser)).status_code == 503


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_other_sites_cannot_sign_anybody_in_or_out(
    browser: httpx.AsyncClient, headers: dict[str, str], path: str
) -> None:
    answer = await browser.post(path, data={"password": RIGHT}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)",
        "\\\\evil", "/a\nb", "/" + "a" * 3_000, "",
    ],
)  # fmt: skip
async def test_signing_in_leads_nowhere_else(browser: httpx.AsyncClient, to: str) -> None:
    assert (await sign_in(browser, to=to)).headers["location"] == "/"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8501", "127.0.0.1.evil", ""])
async def test_a_name_that_is_not_ours_is_refused(browser: httpx.AsyncClient, host: str) -> None:
    await sign_in(browser)
    for path in ("/", "/login"):
        assert (await browser.get(path, headers={"host": host})).status_code == 421


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"x" * 10_000, "application/x-www-form-urlencoded"),
        (b"password=%ff", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b'{"password": "x"}', "application/json"),
        (b"&".join(b"a=1" for _ in range(50)), "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_form_of_ours_is_refused(
    browser: httpx.AsyncClient, body: bytes, kind: str
) -> None:
    answer = await browser.post("/login", content=body, headers={"content-type": kind})
    assert answer.status_code in (400, 401)
    assert "set-cookie" not in answer.headers


async def test_the_browser_is_kept_to_this_origin(browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    for path in ("/", "/login"):
        headers = (await browser.get(path)).headers
        policy = headers["content-security-policy"]
        assert "img-src 'self' data: blob:;" in policy
        assert "connect-src 'self' ws://127.0.0.1:8501" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"


async def test_alive_is_said_to_anybody_and_nothing_else_is(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/livez", headers={"host": "probe"})
    assert (answer.status_code, answer.text) == (200, "ok")


async def websocket(door: Doorway, **headers: str) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "websocket", "path": "/_stcore/stream", "headers": raw, "query_string": b""}
    await door(scope, receive, send)
    return sent


async def test_a_websocket_needs_the_session_too(door: Doorway, browser: httpx.AsyncClient) -> None:
    await sign_in(browser)
    cookie = f"session={browser.cookies['session']}"
    host = "127.0.0.1:8501"
    assert (await websocket(door, host=host, cookie=cookie))[0]["type"] == "websocket.accept"
    refused = [
        await websocket(door, host=host),
        await websocket(door, host=host, cookie="session=guess"),
        await websocket(door, host=host, cookie=cookie, origin="https://evil.example"),
        await websocket(door, host="evil.example", cookie=cookie),
    ]
    assert [sent[0]["type"] for sent in refused] == ["websocket.close"] * 4

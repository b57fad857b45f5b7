"""What this process serves, where the page's script finds it.

Streamlit runs the script by its path, again for every click: whatever the process was started with
can reach it only through a module. Set once at the start, read by every run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tollkeeper_dashboard.client import Asks
from tollkeeper_dashboard.door.entrance import Entrance
from tollkeeper_dashboard.door.sessions import Session


@dataclass(frozen=True, slots=True)
class Served:
    """The store to ask and the door that was passed; ``proxy_port`` is for the first steps."""

    store: Asks
    entrance: Entrance
    cookie: str
    proxy_port: int = 4000

    def visitor(self, cookies: Mapping[str, object]) -> Session | None:
        """Return who asks for this run, None when the session is over meanwhile."""
        return self.entrance.visitor(self.token(cookies))

    def token(self, cookies: Mapping[str, object]) -> str:
        """Return what the browser holds of a session; "" when it holds none."""
        found = cookies.get(self.cookie)
        return found if isinstance(found, str) else ""


@dataclass(slots=True)
class Serving:
    """The place where it is kept."""

    what: Served | None = None
    now_s: Callable[[], float] | None = None  # unix time for tests; None: the clock


SERVING: Final = Serving()

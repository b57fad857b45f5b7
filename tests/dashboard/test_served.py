"""The visitor of a run is told by the cookie of this dashboard and no other."""

from pathlib import Path

from tollkeeper_dashboard.client import SqlClient
from tollkeeper_dashboard.door.attempts import Attempts
from tollkeeper_dashboard.door.entrance import Entrance, Welcome
from tollkeeper_dashboard.door.password import Password, PasswordFile
from tollkeeper_dashboard.door.sessions import Sessions
from tollkeeper_dashboard.served import Served


def test_the_cookie_of_this_port_counts(tmp_path: Path) -> None:
    file = tmp_path / "dashboard.password"
    file.write_text(Password.of("correct horse", n=2**10).text())
    door = Entrance(PasswordFile(file), Attempts(float), Sessions(lambda: 0.0, 60))
    entered = door.enter("correct horse", "a")
    assert isinstance(entered, Welcome)
    served = Served(SqlClient("127.0.0.1", 1, ""), door, "tollkeeper-8501")
    assert served.visitor({"tollkeeper-8501": entered.token}) is not None
    assert served.visitor({"tollkeeper-8502": entered.token}) is None
    assert served.visitor({}) is None

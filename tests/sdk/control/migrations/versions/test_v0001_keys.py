from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import IntegrityError

from tollkeeper.control.engine import open_engine, parse
from tollkeeper.control.schema import migrate
from tollkeeper.control.tables import KEYS

ROW = {
    "id": "1",
    "name": "ci",
    "digest": "d",
    "shown_prefix": "tk-",
    "tenant_id": "default",
    "role": "member",
    "budget_limit_nanousd": None,
    "budget_period": "month",
    "created_at": datetime(2026, 11, 20, tzinfo=UTC),
}


@pytest.mark.parametrize(
    "wrong",
    [{"role": "system"}, {"budget_period": "week"}, {"budget_limit_nanousd": -1}, {"name": None}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_store_itself_refuses_rows_that_make_no_sense(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    migrate(url)
    engine = open_engine(parse(url))
    with engine.begin() as store:
        store.execute(insert(KEYS).values(**ROW))
    with pytest.raises(IntegrityError), engine.begin() as store:
        store.execute(insert(KEYS).values(**{**ROW, "id": "2", "digest": "e", **wrong}))
    with pytest.raises(IntegrityError, match="digest"), engine.begin() as store:
        store.execute(insert(KEYS).values(**{**ROW, "id": "3"}))
    with engine.connect() as store:
        assert store.execute(text("SELECT count(*) FROM keys")).scalar() == 1
    engine.dispose()

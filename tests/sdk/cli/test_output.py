import pytest
from rich.table import Table

from tollkeeper.cli.output import show_table


def test_a_piped_table_is_not_wrapped_and_takes_text_literally(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = Table("name", box=None)
    table.add_row("[red]" + "x" * 150 + ":smile:")
    show_table(table)
    assert "[red]" + "x" * 150 + ":smile:" in capsys.readouterr().out

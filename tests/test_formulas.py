"""Cells that a spreadsheet could run are escaped, and nothing else is."""

import pytest

from emohub.data import escape_formula


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        '=HYPERLINK("http://example.org","click")',
        "+cmd|' /C calc'!A0",
        "-2+3+cmd|' /C calc'!A0",
        "@SUM(1+1)*cmd|' /C calc'!A0",
        "\t=1+1",
        "\tindented",
        "\r=1+1",
        "\n=1+1",
        "  =1+1",
        "\u00a0=1+1",
        '"=1+1',
        "'=1+1",
        ' " =1+1',
        "\ufeff=1+1",
        "\u200b=1+1",
        "\u202e=1+1",
        "\u2066=1+1",
        "\x00=1+1",
        "\U000e0020=1+1",
        "\uff1d1+1",
        "\uff0b1+1",
        "\uff0d1+1",
        "\uff20SUM(A1)",
        "\ufe661+1",
        "-3.5+cmd",
        "-",
        "- a point of a list",
        "+49 30 1234567",
    ],
)
def test_what_could_run_is_text_and_can_be_had_back(cell: str) -> None:
    assert escape_formula(cell) == f"'{cell}"
    assert escape_formula(cell).removeprefix("'") == cell


@pytest.mark.parametrize(
    "cell",
    ["", " ", "a=b", "i feel fine", "1+1", "-3.5", "+4", "-1e-05", "-.5", "-1,234.5", "-12%", "'quoted'", "é", "😀"],
)
def test_everything_else_stays_as_it_is(cell: str) -> None:
    assert escape_formula(cell) == cell

"""How tables of results look: narrow enough for a terminal of 80 columns, with numbers that never break."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from emohub.record import Interval


def results_table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    """An empty table with columns of words (``names``) and then of right-aligned ``numbers``."""
    table = Table(
        title=f"\n{escape(title)}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    for name in names:
        table.add_column(escape(name), overflow="fold")
    for number in numbers:
        table.add_column(escape(number), justify="right", no_wrap=True)
    return table


def interval_range(interval: "Interval") -> str:
    """The two ends of an interval."""
    return f"{interval.low:.4f} to {interval.high:.4f}"

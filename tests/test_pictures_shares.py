"""Pictures of label shares: whatever the counts, a PNG, in the page's theme."""

import io
from datetime import date, timedelta

import pytest
from matplotlib.text import Text
from PIL import Image

from emohub.pictures import Theme, label_shares_picture, shares_by_group_picture, shares_over_time_picture
from emohub.pictures.drawing import PALETTES
from emohub.pictures.shares import _layers

LABELS = ("joy", "anger", "$x_ $^{")


@pytest.mark.parametrize("theme", PALETTES)
def test_pictures_are_drawn_in_the_themes_colours(theme: Theme) -> None:
    weeks = [(date(2025, 1, 6) + timedelta(7 * n), date(2025, 1, 13) + timedelta(7 * n)) for n in range(2)]
    pictures = [
        label_shares_picture(LABELS, [3, 1, 0], theme),
        shares_over_time_picture(LABELS, [[3, 1, 0], [0, 0, 2]], weeks, ["$a^", "b"], theme),
        shares_by_group_picture(LABELS, [[3, 1, 0], [0, 0, 2]], ["$a^", "b" * 200], theme),
    ]
    paper = tuple(bytes.fromhex("ffffff" if theme == "light" else PALETTES[theme].paper[1:]))
    for content in pictures:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        assert picture.getpixel((2, picture.height - 2)) == paper
        assert tuple(bytes.fromhex(PALETTES[theme].series[0][1:])) in {colour for _, colour in picture.getcolors(2**24)}
    assert pictures[0] == label_shares_picture(LABELS, [3, 1, 0], theme)


def test_the_ends_of_the_calendar_and_one_period_are_drawn() -> None:
    first, last = (date(1, 1, 1), date(2, 1, 1)), (date(9999, 1, 1), date.max)
    assert shares_over_time_picture(("a", "b"), [[1, 0], [0, 1]], [first, last], ["1", "9999"], "light")
    assert shares_over_time_picture(("a",), [[1]], [last], ["9999"], "light")


def test_every_label_is_in_the_legend_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    monkeypatch.setattr(Text, "set_text", lambda text, name: named.append(name))
    shares_by_group_picture(("_hidden", "$\\frac", "l" * 30), [[1, 1, 1]], ["a"], "light")
    assert {"_hidden", "$\\frac", "l" * 17 + "…"} <= set(named)


def test_labels_without_a_colour_of_their_own_are_counted_together() -> None:
    palette = PALETTES["light"]
    layers = _layers([f"l{n}" for n in range(9)], [list(range(1, 10)), [1] * 9], palette)
    assert layers.names == ("l0", "l1", "l2", "l3", "l4", "l5", "other labels")
    assert layers.colours == (*palette.series[:6], palette.grey)
    assert layers.counts.tolist() == [[1, 2, 3, 4, 5, 6, 24], [1] * 6 + [3]]
    assert layers.shares[1].tolist() == pytest.approx([1 / 9] * 6 + [3 / 9])
    assert _layers(["a", "b"], [[1, 0]], palette).names == ("a", "b")

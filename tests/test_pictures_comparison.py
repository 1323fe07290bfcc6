"""Pictures of comparisons: both themes, whatever the names, and the same bytes for the same answers."""

import io

import pytest
from PIL import Image

from emohub.pictures import Theme
from emohub.pictures.comparison import draw_comparison, draw_texts_comparison
from emohub.pictures.words import draw_words

TABLE = {"one": (0.9, 0.1, None), "two": (0.2, None, 0.8), "$\\frac$ <b>": (None, 1.0, 0.0)}
LABELS = ("joy", "anger", "$x^2$ " + "long " * 20)


def size(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        return image.size


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_of_one_text_grows_with_its_labels_and_repeats(theme: Theme) -> None:
    png = draw_comparison(LABELS, TABLE, theme)
    assert png == draw_comparison(LABELS, TABLE, theme)
    assert png != draw_comparison(LABELS, TABLE | {"one": (0.8, 0.2, None)}, theme)
    many = draw_comparison([str(at) for at in range(100)], {"one": [0.01] * 100, "two": [None] * 100}, theme)
    assert size(png)[1] < size(many)[1] < 3000


def test_a_model_is_in_the_legend_whatever_it_is_called() -> None:
    first, second = ({name: (0.9, 0.1)} for name in ("_hidden", "_other"))
    assert draw_comparison(LABELS[:2], first, "light") != draw_comparison(LABELS[:2], second, "light")


@pytest.mark.parametrize("label", ["$\\frac$", "_hidden", "long " * 30])
def test_a_text_is_drawn_whatever_its_words_and_the_label_are(label: str) -> None:
    pieces = [("$\\alpha$", 0.5), (" \n", 0.0), ("_x", -0.5), ("x" * 400, 0.1)]
    png = draw_words(pieces, (f"speaks for {label}", f"speaks against {label}"), "light")
    shortened = [*pieces[:3], ("x" * 43 + "…", 0.1)]
    assert png == draw_words(shortened, (f"speaks for {label}", f"speaks against {label}"), "light")


def test_a_picture_of_several_texts_shows_the_first_ones() -> None:
    texts = ["a text", "x" * 500, "emoji 🙂 and $\\alpha$"] * 10
    answers = {name: [("joy", 0.9), ("an answer of many words", 0.999), ("$x$", 0.001)] * 10 for name in TABLE}
    png = draw_texts_comparison(texts, answers, [True, False, False] * 10, "light")
    first = {name: predictions[:20] for name, predictions in answers.items()}
    assert png == draw_texts_comparison(texts[:20], first, [True, False, False] * 10, "light")
    assert png != draw_texts_comparison(texts[:20], first, [False] * 20, "light")

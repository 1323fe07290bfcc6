"""Every card in the project is, byte for byte, what its records or its recipe give."""

from pathlib import Path

import pytest

from emohub.card import check_card, results_rows, validate
from emohub.layout import CARD_FILE, EVAL_FILE, RUN_FILE
from emohub.recipe import list_recipes, load_recipe

CARDS = Path(__file__).parent.parent / "cards"
FOLDERS = sorted(path for path in CARDS.iterdir() if path.is_dir())
DOCUMENTED = [name for name in list_recipes() if load_recipe(name).documented is not None]
MEASURED = [folder for folder in FOLDERS if (folder / RUN_FILE).is_file()]


def test_there_is_a_card_for_every_documented_recipe() -> None:
    assert len(DOCUMENTED) >= 5
    assert set(DOCUMENTED) <= {folder.name for folder in FOLDERS}


def test_measured_cards_are_complete_and_are_the_results() -> None:
    assert all((folder / EVAL_FILE).is_file() for folder in MEASURED)
    assert [result.name for result in results_rows(CARDS).measured] == [folder.name for folder in MEASURED]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_card_is_current(folder: Path) -> None:
    check_card(folder)


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: folder.name)
def test_measured_card_is_fit_to_be_published(folder: Path) -> None:
    text = (folder / CARD_FILE).read_text(encoding="utf-8")
    assert [finding for finding in validate(text) if finding.severity == "error"] == []

"""Every card in the project is, byte for byte, what its records or its recipe give."""

import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from emohub.card import check_card, render_folder, results_rows, validate
from emohub.layout import CARD_FILE, EVAL_FILE, LEARNING_CURVES_FILE, RUN_FILE
from emohub.pictures import draw_learning_curves
from emohub.recipe import list_recipes, load_recipe
from emohub.record import RunRecord

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
    assert (folder / CARD_FILE).read_bytes() == render_folder(folder).encode()  # nobody wrote into it


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_pictures_of_a_card_lie_beside_it(folder: Path) -> None:
    text = (folder / CARD_FILE).read_text(encoding="utf-8")
    pictures = re.findall(r"^!\[[^]]+\]\(([^)]+)\)$", text, re.MULTILINE)
    assert len(pictures) == len(set(pictures)) >= (folder in MEASURED)
    assert {path.name for path in folder.glob("*.png")} == set(pictures)


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: folder.name)
def test_measured_card_is_fit_to_be_published(folder: Path) -> None:
    text = (folder / CARD_FILE).read_text(encoding="utf-8")
    assert [finding for finding in validate(text) if finding.severity == "error"] == []


@pytest.mark.parametrize("folder", MEASURED, ids=lambda folder: folder.name)
def test_measured_card_shows_the_curves_of_its_run(folder: Path, tmp_path: Path) -> None:
    again = tmp_path / LEARNING_CURVES_FILE
    draw_learning_curves(RunRecord.load(folder / RUN_FILE), again)
    # Pixels, because compression differs between builds of the same version, and edges by a shade between processors.
    np.testing.assert_allclose(imread(folder / LEARNING_CURVES_FILE), imread(again), atol=0.05)
    assert f"]({LEARNING_CURVES_FILE})\n" in (folder / CARD_FILE).read_text(encoding="utf-8")

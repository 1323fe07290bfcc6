"""What a card claims is read with its lines, and held against itself; what agrees is left in peace."""

import random
from pathlib import Path

import pytest
from factories import make_eval_record, make_run_record

from emohub.card import render, render_folder
from emohub.card.claims import CLAIM_RULES, check_claims, claims_of_card, claims_of_document
from emohub.card.claims.claims import figure
from emohub.card.claims.metrics import metric_of
from emohub.card.findings import Finding
from emohub.recipe import list_recipes, load_recipe

FOLDER = Path(__file__).parent / "documented_cards"
DOCUMENTED = {path.stem: path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.md"))}
CLEAN = {path.stem: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "clean").glob("*.md"))}
CARDS = sorted(path for path in (FOLDER.parent.parent / "cards").iterdir() if path.is_dir())


def findings_of(text: str) -> tuple[Finding, ...]:
    return check_claims(claims_of_card(text))


def rules_of(text: str) -> list[str]:
    return [finding.rule for finding in findings_of(text)]


def of_document(name: str) -> tuple[Finding, ...]:
    documented = load_recipe(name).documented
    assert documented is not None
    return check_claims(claims_of_document(documented))


# What the documented figures show when they are held against each other: a rule, and what its message must say.
EXPECTED: dict[str, list[tuple[str, list[str]]]] = {
    "bert-tiny-emotion": [
        (
            "train-rows-unstated",
            ["250 steps per epoch x 64 texts are 16,000 rows", "16,000 rows of the split train of emotion"],
        ),
        ("headline-not-best", ["last row, epoch 22", "accuracy it is epoch 16 (0.9155)", "F1 it is epoch 16 (0.9154)"]),
        ("headline-not-best", ["by loss it is epoch 18 (0.2261)"]),
        ("epochs-not-reached", ["200 epochs", "epoch 22", "3 evaluations in a row without a better accuracy"]),
        ("epochs-not-reached", ["patience of 3", "the schedule is not stated", "decayed by no more than 11%"]),
        ("average-unstated", ["F1 is averaged"]),
        ("evaluated-rows-unstated", ["all 11 different accuracies are multiples of 1/2,000"]),
        ("overfitting-unmentioned", ["0.2261 (epoch 18)", "0.2401 (epoch 22)"]),
        ("versions-missing", ["Transformers, PyTorch, Datasets and Tokenizers"]),
    ],
    "bert-emotion": [
        ("loss-direction", ["rose by 0.3591, from 0.8416 to 1.2007", "calls it a decrease", "overfitting"]),
        ("loss-direction", ["3,257 training rows of tweet-eval-emotion"]),
        ("average-unstated", ["precision, recall and F1", "macro or weighted", "no multiple of 1/374 or 1/1,421"]),
        ("dataset-config-unstated", ["tweet_eval", "emotion (anger, joy, optimism, sadness) is inferred"]),
    ],
    "bert-base-cased-emotion": [
        ("train-rows-unstated", ["2,000 steps per epoch x 8 texts are 16,000 rows", "split train of emotion"]),
        ("no-score", ["without accuracy or F1"]),
        ("lowercasing-cased-base", ["bert-base-cased is cased", "the texts of emotion are lower case already"]),
    ],
    "distilbert-emotion": [
        ("train-rows-unstated", ["250 steps per epoch x 64 texts are 16,000 rows", "split train of emotion"]),
        ("average-unstated", ["F1 is averaged"]),
    ],
    "sst2-distilbert-5e": [
        ("train-rows-unstated", ["431 to 434 steps per epoch x 16 texts", "6,920 rows", "with 433 steps per epoch"]),
        ("train-rows-unstated", ["2,165 steps in 5 epochs"]),
        ("evaluated-rows-unstated", ["multiples of 1/150", "0.8933 is 134 of 150", "interval is 0.834 to 0.933"]),
        ("dataset-unknown", ["undisclosed"]),
        ("overfitting-unmentioned", ["0.3634", "0.4125"]),
    ],
}


def test_every_documented_recipe_has_expectations_and_a_card() -> None:
    recipes = {name for name in list_recipes() if load_recipe(name).documented is not None}
    assert recipes == EXPECTED.keys() == DOCUMENTED.keys()
    assert len(recipes) == 5


@pytest.mark.parametrize("name", EXPECTED)
def test_what_the_documented_figures_show_is_found_in_the_recipe_and_in_a_card(name: str) -> None:
    card, document = findings_of(DOCUMENTED[name]), of_document(name)
    for findings in (card, document):
        for rule, said in EXPECTED[name]:
            messages = [finding.message for finding in findings if finding.rule == rule]
            assert any(all(part in message for part in said) for message in messages), (rule, said, messages)
    # The document says no more than the card; the card can lack more: licence, results of the model-index.
    assert {finding.rule for finding in document} == {rule for rule, _ in EXPECTED[name]}
    extra = {finding.rule for finding in card} - {finding.rule for finding in document}
    assert extra <= {"results-empty", "placeholder", "license-missing", "evaluated-rows-unstated"}
    assert all(finding.line is None for finding in document)
    assert all(finding.message.endswith(".") for finding in (*card, *document))


@pytest.mark.parametrize(
    ("name", "rule", "line"),
    [
        ("bert-tiny-emotion", "headline-not-best", "- Loss: 0.2401"),
        ("bert-tiny-emotion", "epochs-not-reached", "| 0.1407        | 22.0"),
        ("bert-tiny-emotion", "versions-missing", "- Transformers"),
        ("bert-emotion", "loss-direction", "decrease, from 0.8416"),
        ("bert-base-cased-emotion", "lowercasing-cased-base", "- Lowercasing"),
        ("distilbert-emotion", "placeholder", "More information needed"),
        ("distilbert-emotion", "results-empty", "  results: []"),
        ("sst2-distilbert-5e", "dataset-unknown", "undisclosed dataset"),
    ],
)
def test_a_finding_names_its_line(name: str, rule: str, line: str) -> None:
    for text in (DOCUMENTED[name], DOCUMENTED[name].replace("\n", "\r\n")):
        found = next(finding for finding in findings_of(text) if finding.rule == rule)
        assert found.line is not None
        assert line in text.split("\n")[found.line - 1]
        assert str(found).startswith(f"{found.severity}: line {found.line}: ")


@pytest.mark.parametrize("name", CLEAN)
def test_a_card_that_agrees_with_itself_has_no_findings(name: str) -> None:
    assert findings_of(CLEAN[name]) == ()
    assert len(CLEAN) >= 5


def test_our_own_cards_have_no_findings() -> None:
    run = make_run_record()
    assert findings_of(render(run, make_eval_record(run))) == ()
    assert len(CARDS) >= 8
    for folder in CARDS:
        assert findings_of(render_folder(folder)) == (), folder.name


LAST, MIDDLE, DEVICES, PROSE = "last-row-is-best", "best-row-in-the-middle", "several-devices", "prose-only"

# A clean card, what is changed in it, the rule that it then breaks, and what the message says.
SPOILT: list[tuple[str, str, str, str, str]] = [
    (
        LAST,
        "| 0.2479        | 2.0   | 500  | 0.2211          | 0.926    |",
        "| 0.2479        | 2.0   | 500  | 0.2211          | 0.925    |",
        "headline-in-no-row",
        "accuracy 0.926",
    ),
    (
        MIDDLE,
        "| Loss | 0.4410 |\n| Accuracy | 0.8096 |\n| F1 | 0.8154 |",
        "| Accuracy | 0.8028 |\n| F1 | 0.8102 |",
        "headline-not-best",
        "the last row, epoch 4.5872",
    ),
    (
        MIDDLE,
        "| Loss | 0.4410 |\n| Accuracy | 0.8096 |\n| F1 | 0.8154 |",
        "| Accuracy | 0.7901 |\n| F1 | 0.7955 |",
        "headline-not-best",
        "neither the best nor the last",
    ),
    (
        LAST,
        "      value: 0.926\n",
        "      value: 0.9265\n",
        "index-contradicts-headline",
        "0.926, the model-index 0.9265",
    ),
    (DEVICES, "value: 80.93", "value: 0.7093", "index-contradicts-headline", "the model-index 0.7093"),
    (LAST, "      split: validation", "      split: train", "evaluated-on-train", "the model learned from"),
    (
        PROSE,
        "in the test set it reaches an accuracy",
        "it is evaluated on the training set and has an accuracy",
        "evaluated-on-train",
        "learned from",
    ),
    (MIDDLE, "training loss fell from", "training loss rose from", "loss-direction", "training loss fell by 0.3136"),
    (
        MIDDLE,
        "accuracy improved from 75.11% to 80.96%",
        "accuracy improved from 80.96% to 75.11%",
        "loss-direction",
        "calls it an improvement",
    ),
    (MIDDLE, "; after it the model began to overfit", "", "overfitting-unmentioned", "0.4410 (epoch 2.7523) to 0.4980"),
    (LAST, "- Accuracy: 0.926\n", "- Accuracy: 1.926\n", "out-of-range", "from 0 to 1"),
    (LAST, "- Loss: 0.2211\n", "- Loss: -0.2211\n", "out-of-range", "from 0 upwards"),
    (LAST, "      value: 0.926\n", "      value: 926\n", "out-of-range", "accuracy is 926"),
    (LAST, "- Accuracy: 0.926\n", "- Accuracy: 92.6\n", "percentage-unmarked", "per cent"),
    (
        LAST,
        "- F1 (weighted): 0.9260\n",
        "- F1 (weighted): 0.9260\n- Weighted precision: 0.95\n- Weighted recall: 0.85\n",
        "f1-impossible",
        "leave 0.7",
    ),
    (
        LAST,
        "- F1 (weighted): 0.9260\n",
        "- F1 (weighted): 0.9260\n- Weighted recall: 0.91\n",
        "recall-contradicts-accuracy",
        "same number",
    ),
    (
        LAST,
        "0.9035   | 0.9009        |",
        "0.9035   | 0.9609        |",
        "f1-impossible",
        "accuracy 0.9035, which leaves",
    ),
    (
        LAST,
        "2,000 validation rows",
        "1,899 validation rows",
        "accuracy-not-possible",
        "0.926 is no multiple of 1/1,899",
    ),
    (PROSE, "1,066 sentences in the test set", "1,166 sentences in the test set", "accuracy-not-possible", "1/1,166"),
    (LAST, "The 16,000 training and 2,000 validation rows of", "All rows of", "train-rows-unstated", "16,000 rows of"),
    (LAST, "The 16,000 training and 2,000 validation rows of", "All rows of", "evaluated-rows-unstated", "how sure"),
    (
        LAST,
        "The 16,000 training and",
        "The 8,000 training and",
        "steps-contradict-rows",
        "8,000 training rows are stated",
    ),
    (DEVICES, "num_devices: 4", "num_devices: 2", "batch-size-contradicts", "4 x 1 x 2"),
    (
        LAST,
        "The 16,000 training and 2,000 validation rows of the dataset's configuration `split`.",
        "2,000 validation rows.\n- train_batch_size: 16\n- total_train_batch_size: 32",
        "steps-contradict-dataset",
        "16,000 of emotion",
    ),
    (LAST, "| 2.0   | 500  |", "| 2.0   | 700  |", "steps-contradict-epochs", "fits them all"),
    (
        LAST,
        "num_epochs: 2",
        "num_epochs: 9",
        "epochs-not-reached",
        "9 epochs were configured and the rows end at epoch 2,",
    ),
    (LAST, "num_epochs: 2", "num_epochs: 1", "epochs-exceeded", "reach epoch 2.0"),
    (PROSE, "datasets: [a-person/reviews]\n", "", "dataset-unknown", "names no dataset"),
    (
        PROSE,
        "datasets: [a-person/reviews]\n---\n",
        "---\nIt learned from an unknown dataset.\n",
        "dataset-unknown",
        "an unknown dataset",
    ),
    (DEVICES, "      config: emotion\n", "", "dataset-config-unstated", "cardiffnlp/tweet_eval"),
    (LAST, "The texts are lower-cased.", "[More Information Needed]", "placeholder", "'More Information Needed'"),
    (PROSE, "license: cc-by-4.0\n", "", "license-missing", "names no licence"),
    (PROSE, "base_model: google-bert/bert-base-cased\n", "", "base-model-missing", "names no base model"),
    (
        LAST,
        "fine-tuned version of [distilbert/distilbert-base-uncased]",
        "fine-tuned version of [google/electra-base-discriminator]",
        "base-model-contradicts",
        "the front matter distilbert/distilbert-base-uncased on line 3",
    ),
    (LAST, "- Pytorch 1.12.1+cu113\n", "", "versions-missing", "PyTorch"),
    (
        PROSE,
        "Texts are not lower-cased,",
        "Lower-casing is done first,",
        "lowercasing-cased-base",
        "bert-base-cased is cased",
    ),
    (PROSE, "a macro F1 score", "an F1 score", "average-unstated", "F1 is averaged"),
    (PROSE, "an accuracy of 0.8687 and a macro F1 score of 0.8686", "a loss of 0.3123", "no-score", "only figure"),
    (LAST, "  results:\n", "  results: []\n  old:\n", "results-empty", "none of the card's figures"),
]


@pytest.mark.parametrize(("name", "old", "new", "rule", "said"), SPOILT, ids=lambda value: value[:24])
def test_a_spoilt_card_is_caught(name: str, old: str, new: str, rule: str, said: str) -> None:
    assert CLEAN[name].count(old) == 1
    text = CLEAN[name].replace(old, new)
    found = [finding for finding in findings_of(text) if finding.rule == rule]
    assert found, rules_of(text)
    assert any(said in finding.message for finding in found), found
    assert found[0].severity == CLAIM_RULES[rule].severity
    assert found[0].line is None or 1 <= found[0].line <= text.count("\n") + 1


def test_every_rule_is_broken_by_a_spoilt_card_and_none_is_without_a_rule() -> None:
    assert {rule for *_, rule, _ in SPOILT} == CLAIM_RULES.keys()
    assert len(SPOILT) >= 35
    assert all(rule.asks.endswith(".") for rule in CLAIM_RULES.values())


@pytest.mark.parametrize(
    ("figures", "rules"),
    [
        ("- F1: 0.3489\n- Precision: 0.6923\n- Recall: 0.2332\n", []),  # 2pr/(p + r) is 0.34888: of one label
        ("- F1: 0.3589\n- Precision: 0.6923\n- Recall: 0.2332\n", ["f1-impossible", "average-unstated"]),
        ("- F1: 0.3089\n- Precision: 0.6923\n- Recall: 0.2332\n", ["average-unstated"]),
        ("- F1: 0.7000\n- Precision: 0.7000\n- Recall: 0.7000\n", ["average-unstated"]),
        ("- Macro F1: 0.7000\n- Weighted recall: 0.7000\n", []),
        ("- F1: 0.7000\n\nF1 is the macro average.\n", []),
    ],
)
def test_whether_scores_need_an_average(figures: str, rules: list[str]) -> None:
    found = rules_of(f"{CLEAN[PROSE].partition('# reviews')[0]}# reviews\n\nOn the test set (1,066 texts):\n{figures}")
    assert found == rules


def test_the_figures_hint_at_their_average() -> None:
    scores = "- Accuracy: 0.7356\n- Precision: 0.7211\n- Recall: 0.7356\n"
    text = f"{CLEAN[PROSE].partition('# reviews')[0]}# reviews\n\n{scores}"
    (found,) = (finding for finding in findings_of(text) if finding.rule == "average-unstated")
    assert "recall is the accuracy everywhere" in found.message


def test_a_table_that_breaks_off_is_not_held_against_the_headline() -> None:
    text = CLEAN[LAST].replace(
        "| No log        | 1.0   | 250  | 0.3127          | 0.9035   | 0.9009 ", "| 1.0 | 1.0 | 125 | 9"
    )
    assert claims_of_card(text).rows_left_out
    text = CLEAN[LAST].replace(
        "| 0.2479        | 2.0   | 500  | 0.2211          | 0.926    | 0.9260        |", "| ... | | | | | |"
    )
    claims = claims_of_card(text)
    assert claims.rows_left_out
    assert [row.step for row in claims.rows] == [250]
    assert rules_of(text) == []


def test_a_training_split_is_suggested_only_where_no_dataset_is_named() -> None:
    text = DOCUMENTED["sst2-distilbert-5e"].replace("an undisclosed dataset", "the a-person/other dataset")
    (found,) = (finding for finding in findings_of(text) if finding.rule == "train-rows-unstated")
    assert found.message.endswith("are 6,881 to 6,944 rows.")


AUTOTRAIN = """---
license: mit
tags: [autotrain, text-classification]
base_model: google-bert/bert-base-uncased
datasets: [ada/reviews]
---
# Model Trained Using AutoTrain

## Validation Metrics
loss: 0.3512

f1_macro: 0.8712

f1_micro: 0.8833

recall_weighted: 0.8833

accuracy: 0.8833

Measured on 300 validation texts.
"""


def test_figures_in_paragraphs_of_their_own_are_one_headline() -> None:
    assert [figure.name for figure in claims_of_card(AUTOTRAIN).headline] == [
        "loss",
        "macro F1",
        "micro F1",
        "weighted recall",
        "accuracy",
    ]
    assert rules_of(AUTOTRAIN) == []
    assert "recall-contradicts-accuracy" in rules_of(AUTOTRAIN.replace("weighted: 0.8833", "weighted: 0.9833"))


@pytest.mark.parametrize(
    "words",
    [
        "We ran 3 training epochs and 2 evaluation steps on 4 test machines.",
        "After 10 train steps the 5 validation figures were stable.",
        '\n## How to use it\n\nAnd for "only 9 training rows":',
    ],
)
def test_numbers_of_something_else_are_no_rows(words: str) -> None:
    assert claims_of_card(f"# A\n\n{words}\n").split_rows == {}


def test_a_text_to_classify_says_nothing_about_a_change() -> None:
    told = 'And for "the loss fell from 0.2 to 0.9":'
    assert len(claims_of_card(f"# A\n\n{told}\n").changes) == 1
    assert claims_of_card(f"# A\n\n## How to use it\n\n{told}\n").changes == ()


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("The 16,000 training and 2,000 validation rows.", {"train": "16,000", "validation": "2,000"}),
        ("It has 80 train, 10 validation and 10 test tweets.", {"train": "80", "validation": "10", "test": "10"}),
        ("On 7,600 test news articles and texts.", {}),
        ("1,600 training examples, and 200 labelled sentences for the test.", {"train": "1,600", "test": "200"}),
    ],
)
def test_rows_of_splits(words: str, rows: dict[str, str]) -> None:
    assert {split: stated.text for split, stated in claims_of_card(f"# A\n\n{words}\n").split_rows.items()} == rows


def test_steps_of_a_language_model_are_of_blocks_not_of_texts() -> None:
    card = CLEAN[LAST].replace("The 16,000 training", "The 90,000 training")
    assert "steps-contradict-rows" in rules_of(card)
    masked = card.replace("pipeline_tag: text-classification", "pipeline_tag: fill-mask")
    assert "steps-contradict-rows" not in rules_of(masked)


def test_steps_of_distillation_are_of_the_texts_that_teachers_answered() -> None:
    """Texts that were made for it are no rows of the training split, and 250 steps x 64 texts count them."""
    card = CLEAN[LAST].replace("The 16,000 training", "The 9,000 training")
    for who in ("what this model answers", "the mean of what these models answer"):
        taught = card + f"\nIt learned from {who} to 16,000 texts: those of the training split, and 7,000 more.\n"
        assert rules_of(card) == ["steps-contradict-rows"]
        assert findings_of(taught) == ()
        (finding,) = findings_of(taught.replace("16,000 texts", "12,000 texts"))
        assert finding.rule == "steps-contradict-rows"
        assert "12,000 texts that teachers answered are stated" in finding.message


def test_the_headline_is_held_against_results_of_its_own_split() -> None:
    result = """  - task:
      type: text-classification
    dataset:
      type: {0}
      name: {0}
      split: {1}
    metrics:
    - type: accuracy
      value: {2}
"""
    card = CLEAN[LAST].replace("  results:\n", "  results:\n" + result.format("ada/other", "train", 0.99))
    assert rules_of(card) == ["evaluated-on-train"]
    card = CLEAN[LAST].replace("  results:\n", "  results:\n" + result.format("ada/other", "test", 0.91))
    assert rules_of(card) == []  # one of the two results is the headline's
    assert rules_of(card.replace("value: 0.926\n", "value: 0.936\n")) == ["index-contradicts-headline"]


@pytest.mark.parametrize("base", ["mBERT", "our own earlier-checkpoint", "XLM-RoBERTa", "xlm-roberta-base-v2"])
def test_a_base_model_in_other_words_is_no_contradiction(base: str) -> None:
    text = CLEAN[PROSE].replace("google-bert/bert-base-cased", "FacebookAI/xlm-roberta-base")
    assert rules_of(text + f"\nIt is a fine-tuned version of {base}.\n") == []


@pytest.mark.parametrize(
    "sentence",
    [
        "The loss of quality from 8 bit to 4 bit is small: perplexity increases from 13.1 to 14.2.",
        "Loss in speed: it increases from 1.5 to 1.2 seconds.",
        "We saw the number of rows with a loss rise from 8 to 4.",
    ],
)
def test_sentences_that_are_about_something_else(sentence: str) -> None:
    assert claims_of_card(f"# A\n\n{sentence}\n").changes == ()


def test_our_own_card_with_another_headline_is_caught() -> None:
    run = make_run_record()
    evaluation = make_eval_record(run)
    text = render(run, evaluation)
    accuracy = f"its accuracy is {evaluation.metrics['accuracy'].value:.4f}"
    assert text.count(accuracy) == 1
    assert "index-contradicts-headline" in rules_of(text.replace(accuracy, "its accuracy is 0.9999"))


def test_code_comments_reported_parts_and_documented_pages_are_not_claims_of_the_card() -> None:
    claim = "- Accuracy: 7.5\n- Accuracy: 1.5\n\nThe loss decreased from 1.0 to 2.0.\n\nMore information needed\n"
    card = CLEAN[PROSE]
    assert len(rules_of(f"{card}\n{claim}")) >= 2
    hidden = [
        f"```text\n{claim}```\n",
        f"~~~~\n```\n{claim}~~~\n{claim}~~~~\n",
        f"<!--\n{claim}-->\n",
        f"<!-- emohub:begin reported -->\n{claim}<!-- emohub:end reported -->\n",
    ]
    for text in hidden:
        assert rules_of(f"{card}\n{text}") == []
    assert rules_of(f"<!-- emohub:documented-page -->\n\n{claim}") == []


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("F1", ("f1", None)),
        ("Fscore", ("f1", None)),
        ("F1 Score", ("f1", None)),
        ("Macro F1", ("f1", "macro")),
        ("f1_macro", ("f1", "macro")),
        ("F1 (weighted avg)", ("f1", "weighted")),
        ("Validation Accuracy", ("accuracy", None)),
        ("eval_loss", ("loss", None)),
        ("Log loss (nats)", ("loss", None)),
        ("Weighted recall", ("recall", "weighted")),
        ("Balanced accuracy", None),
        ("Matthews Correlation", None),
        ("Accuracy top-5", None),
        ("Training Loss", None),
    ],
)
def test_names_of_metrics(name: str, metric: tuple[str, str | None] | None) -> None:
    assert metric_of(name) == metric


@pytest.mark.parametrize(
    ("text", "value", "decimals"),
    [
        ("0.9065", 0.9065, 4),
        ("92.6%", 0.926, 3),
        ("92.65", 0.9265, 4),
        ("1", 1.0, 0),
        ("1.2", 1.2, 1),
        ("9e-1", 0.9, 1),
        ("0.8834693717260979", 0.8834693717260979, 10),
    ],
)
def test_printed_numbers(text: str, value: float, decimals: int) -> None:
    found = figure("accuracy", text)
    assert found is not None
    assert found.value == pytest.approx(value, abs=1e-15)
    assert (found.decimals, found.half) == (decimals, pytest.approx(0.5 * 10**-decimals))


@pytest.mark.parametrize("text", ["", "-", "No log", "0.9 ± 0.1", "high", "1.2.3", "12,34"])
def test_what_is_no_number(text: str) -> None:
    assert figure("accuracy", text) is None


def test_a_card_is_read_whole() -> None:
    claims = claims_of_card(CLEAN[LAST])
    assert [(f.name, f.shown) for f in claims.headline] == [
        ("loss", "0.2211"),
        ("accuracy", "0.926"),
        ("weighted F1", "0.9260"),
    ]
    assert [(row.step, row.epoch and row.epoch.value) for row in claims.rows] == [(250, 1.0), (500, 2.0)]
    assert claims.rows[0].training_loss is None
    assert {name: stated.text for name, stated in claims.split_rows.items()} == {
        "train": "16,000",
        "validation": "2,000",
    }
    assert claims.hyperparameters["learning_rate"].text == "2e-05"
    assert {name: stated.text for name, stated in claims.frameworks.items()} == {
        "transformers": "4.24.0",
        "pytorch": "1.12.1+cu113",
        "datasets": "2.7.0",
        "tokenizers": "0.13.2",
    }
    assert claims.corpora == ("emotion",)
    assert [stated.text for stated in claims.base_models] == ["distilbert/distilbert-base-uncased"] * 2
    assert (claims.classifier, claims.binary, claims.whole) == (True, False, True)
    lines = CLEAN[LAST].split("\n")
    assert claims.headline[1].line is not None
    assert lines[claims.headline[1].line - 1] == "- Accuracy: 0.926"
    assert [lines[(figure.line or 0) - 1].strip() for figure in claims.index[0].figures] == [
        "value: 0.926",
        "value: 0.92603",
    ]


@pytest.mark.parametrize(
    ("sentence", "said", "metric"),
    [
        ("The loss went down from 0.9 to 0.5.", "fell", "loss"),
        ("We saw the accuracy rise from 0.71 at first to 0.83 in the end.", "rose", "accuracy"),
        ("F1 improved steadily from 61.2% to 70.4%.", "improved", "f1"),
        ("A reduction of the validation loss from 1.1 to 0.7 was seen.", "fell", "loss"),
    ],
)
def test_sentences_about_a_change(sentence: str, said: str, metric: str) -> None:
    (change,) = claims_of_card(f"# a\n\n{sentence}\n").changes
    assert (change.said, change.first.metric) == (said, metric)
    assert rules_of(f"# a\n\n{sentence}\n") == []


def test_no_text_makes_it_fail() -> None:
    generator = random.Random(5)
    texts = [*DOCUMENTED.values(), *CLEAN.values()]
    pieces = [line for text in texts for line in text.split("\n")] + [
        "---",
        "```",
        "| a |",
        "<!--",
        "\ufeff",
        "&a [*a]",
        "\0",
    ]
    for _ in range(300):
        lines = generator.choice(texts).split("\n")
        for _ in range(generator.randint(1, 12)):
            at = generator.randrange(len(lines))
            lines[at] = generator.choice(
                [generator.choice(pieces), lines[at][: generator.randint(0, 9)], lines[at][::-1]]
            )
        for finding in findings_of("\n".join(lines)):
            assert finding.line is None or 1 <= finding.line <= len(lines)
    for text in (
        "",
        "---",
        "---\n---\n",
        "---\na: [\n---\n",
        "---\nmodel-index: 3\nlicense: {a: b}\n---\n",
        "\r\n" * 9,
    ):
        findings_of(text)


def test_long_lines_are_read_in_reasonable_time() -> None:
    """Patterns that try every way to match would take minutes on these."""
    for piece in ("accuracy ", "from 0.1 ", "on the train ", "1,000 ", "a: ", "f1 of (", "| ", "training loss from "):
        findings_of(f"# a\n\n{piece * 2000}\n")

"""The rules that claims are held to: each has a name, a severity and a reason."""

from dataclasses import dataclass

from emohub.card.findings import Finding, Severity


@dataclass(frozen=True)
class Rule:
    """One thing that is asked of a card's claims."""

    severity: Severity
    asks: str
    """What a card should do, in one sentence."""


CLAIM_RULES: dict[str, Rule] = {
    # results
    "headline-not-best": Rule("warning", "The headline repeats the best row of the results, not just the last one."),
    "headline-in-no-row": Rule("warning", "The headline stands in the table of results."),
    "index-contradicts-headline": Rule("error", "The model-index and the headline give the same figures."),
    "results-empty": Rule("warning", "A model-index holds results."),
    "no-score": Rule("warning", "A classifier's card reports accuracy or F1, not the loss alone."),
    "loss-direction": Rule("error", "What is said to fall falls, and what is said to improve improves."),
    "overfitting-unmentioned": Rule("warning", "A validation loss that rises to the end is spoken of."),
    "evaluated-on-train": Rule("error", "Figures come from rows that the model was not trained on."),
    # scores
    "out-of-range": Rule("error", "Accuracy, precision, recall and F1 lie between 0 and 1, a loss above 0."),
    "percentage-unmarked": Rule("warning", "A figure in per cent says so."),
    "f1-impossible": Rule("error", "F1 lies within the bounds that precision, recall and accuracy leave it."),
    "recall-contradicts-accuracy": Rule("error", "Weighted recall, and every micro average, is the accuracy."),
    "average-unstated": Rule("warning", "The average of precision, recall and F1 over the labels is named."),
    # rows
    "accuracy-not-possible": Rule("error", "Every accuracy is a number of right rows out of the stated rows."),
    "evaluated-rows-unstated": Rule("warning", "The number of evaluated rows is stated."),
    "train-rows-unstated": Rule("warning", "The number of training rows is stated."),
    "steps-contradict-rows": Rule("error", "Steps per epoch x batch size gives the stated training rows."),
    "steps-contradict-dataset": Rule("warning", "Steps per epoch x batch size gives the named dataset's rows."),
    "steps-contradict-epochs": Rule("error", "All rows agree on the steps per epoch."),
    "batch-size-contradicts": Rule("error", "The total batch size is the product of its factors."),
    "epochs-not-reached": Rule("warning", "The rows end with the configured epochs, or the card says why not."),
    "epochs-exceeded": Rule("error", "The rows end within the configured epochs."),
    # statements
    "dataset-unknown": Rule("warning", "The dataset is named."),
    "dataset-config-unstated": Rule("warning", "The configuration is named of a dataset that has several."),
    "placeholder": Rule("warning", "No placeholder is left."),
    "license-missing": Rule("warning", "The licence is stated."),
    "base-model-missing": Rule("warning", "The base model is named."),
    "base-model-contradicts": Rule("warning", "Text and front matter name one base model."),
    "versions-missing": Rule("warning", "The versions of the libraries are stated."),
    "lowercasing-cased-base": Rule("warning", "Texts are not lower-cased for a cased base model."),
}
"""Every rule by its name."""


def found(rule: str, key: str, message: str, line: int | None) -> Finding:
    """A finding by one of the rules, with its severity."""
    return Finding(CLAIM_RULES[rule].severity, key, message, rule, line)

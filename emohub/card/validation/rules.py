"""The rules that a card's form is held to: each has a name, two severities and a reason."""

from dataclasses import dataclass
from typing import NamedTuple

from emohub.card.findings import Finding, Severity


@dataclass(frozen=True)
class FormRule:
    """One thing that is asked of a card's form."""

    any_card: Severity | None
    """How grave it is in a card of whatever origin; None where such a card may do as it likes."""
    own_card: Severity
    """How grave it is in a card that emohub writes and publishes."""
    asks: str
    """What a card should do, in one sentence."""


def _error(asks: str) -> FormRule:
    return FormRule("error", "error", asks)


def _loose(asks: str) -> FormRule:
    return FormRule("warning", "error", asks)


def _own(asks: str, severity: Severity = "error") -> FormRule:
    return FormRule(None, severity, asks)


RULES: dict[str, FormRule] = {
    # the file
    "encoding": _error("The file is UTF-8."),
    "byte-order-mark": _error("The file begins with its first character, not with a byte order mark."),
    "front-matter-missing": _loose("The file begins with front matter between two lines of ---."),
    "front-matter-late": _loose("Nothing, not even an empty line, stands before the front matter."),
    "front-matter-unclosed": _error("A line of --- ends the front matter."),
    "front-matter-empty": _loose("The front matter says something."),
    "front-matter-no-mapping": _error("The front matter is a mapping of names to values."),
    # YAML
    "yaml-syntax": _error("The front matter is YAML."),
    "yaml-tab": _error("Indentation is made of spaces: YAML takes no tabs there."),
    "yaml-character": _error("There are no control characters."),
    "yaml-tag": _error("Values are plain: no Python or numpy objects, and no other tags."),
    "yaml-alias": _error("Values are written out: no anchors and aliases, which not every reader resolves."),
    "yaml-value": _error("What looks like a date is one."),
    "key-twice": _error("A mapping has each key once; YAML would quietly keep the last."),
    "key-not-text": _error("Keys are texts."),
    # keys
    "key-misspelt": _error("No key is nearly one that the Hub knows; it would pass it over."),
    "key-unknown": _loose("The Hub knows the key."),
    "key-missing": _error("A mapping has the keys that it cannot do without."),
    "key-required": _own("The keys are there by which the Hub would otherwise guess."),
    "key-absent": _own("The licence, the language and the results are stated.", "warning"),
    # kinds of values
    "value-empty": _error("A key has a value."),
    "text-expected": _error("Where a text belongs stands a text; what YAML takes for something else is quoted."),
    "word-as-boolean": _loose("Words such as no and off are in quotes: many readers make them booleans."),
    "date-unquoted": _error("A date is quoted where a text belongs."),
    "number-expected": _error("Where a number belongs stands a number."),
    "number-not-finite": _error("Numbers are finite: no NaN and no infinity."),
    "boolean-expected": _error("Where true or false belongs stands one of them."),
    "list-expected": _error("Where a list belongs stands a list."),
    "list-wanted": _loose("tags and metrics are lists; a single text is how older cards have it."),
    "mapping-expected": _error("Where a mapping belongs stands a mapping."),
    "list-empty": _own("A list has items."),
    "item-twice": _loose("A list has each item once."),
    # values
    "language-unknown": _error("A language is a code of ISO 639-1, 639-2 or 639-3, or code, or multilingual."),
    "license-unknown": _error("A licence is one of the Hub's list."),
    "license-other": _loose("The licence other has a license_name and a license_link."),
    "license-name-unused": _own("A license_name or license_link goes with the licence other."),
    "license-link": _loose("A license_link is an URL, LICENSE or LICENSE.md."),
    "task-unknown": _error("A pipeline_tag is a task of the Hub."),
    "task-former": _loose("A pipeline_tag is a task that the Hub still has."),
    "library-misspelt": _loose("A library that the Hub knows is spelt as the Hub spells it."),
    "model-id": _error("A model is named by its id on the Hub, OWNER/NAME, or NAME for the oldest."),
    "dataset-id": _error("A dataset is named by its id on the Hub, OWNER/NAME, or NAME for the oldest."),
    "dataset-id-short": _own("A dataset is named with its owner."),
    "relation-unknown": _error("A base_model_relation is adapter, finetune, merge or quantized."),
    "relation-without-base": _error("There is a base_model that the base_model_relation speaks of."),
    "widget-input": _error("An example of the widget has an input."),
    "widget-output": _error("The output of an example has one of the Hub's four shapes."),
    "gated-field": _loose("A field of an access form has a kind that the Hub knows."),
    "index-task": _loose("A result of the model-index names a task or subtask of the Hub."),
    "metric-text": _own("A metric's value is a number, not a text that holds one."),
    "metric-range": _own("Accuracy, precision, recall and F1 lie between 0 and 1."),
    "metric-average": _own("An average is macro, micro or weighted."),
    "own-form": _own("language and datasets are lists, license and base_model texts."),
    "own-value": _own("A value is one that these models can have."),
    # the body
    "title-missing": _loose("There is a title, a line that begins with a single #."),
    "placeholder-left": _own("No 'More information needed' is left."),
}
"""Every rule by its name."""


class Problem(NamedTuple):
    """A rule that is broken, before it is known how grave that is."""

    rule: str
    key: str
    message: str
    line: int | None


def finding(problem: Problem, *, own: bool) -> Finding | None:
    """The finding that a problem is in a card of emohub's own, or in any card; None where it is none."""
    rule = RULES[problem.rule]
    severity = rule.own_card if own else rule.any_card
    return None if severity is None else Finding(severity, problem.key, problem.message, problem.rule, problem.line)

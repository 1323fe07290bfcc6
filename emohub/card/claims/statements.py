"""What a card states beside its figures, in its own words and with the line."""

import re
from collections.abc import Iterable, Iterator

from emohub.card.claims.blocks import Block, plain
from emohub.card.claims.claims import Stated

Page = tuple[Block, ...]

HYPERPARAMETERS = {
    "per_device_train_batch_size": "train_batch_size",
    "batch_size": "train_batch_size",
    "per_device_eval_batch_size": "eval_batch_size",
    "num_train_epochs": "num_epochs",
    "epochs": "num_epochs",
    "number_of_epochs": "num_epochs",
    "processes": "num_devices",
    "max_steps": "training_steps",
    "scheduler": "lr_scheduler_type",
    "lr_scheduler": "lr_scheduler_type",
} | {
    name: name
    for name in (
        "learning_rate",
        "train_batch_size",
        "eval_batch_size",
        "gradient_accumulation_steps",
        "total_train_batch_size",
        "num_devices",
        "distributed_type",
        "num_epochs",
        "lr_scheduler_type",
        "seed",
        "optimizer",
        "training_steps",
        "early_stopping_patience",
    )
}
"""The name that a hyperparameter has in the claims, by the names that cards give it."""

_SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "dev": "validation",
    "development": "validation",
    "eval": "evaluation",
    "evaluation": "evaluation",
    "held-out": "evaluation",
    "test": "test",
}
_SPLIT = r"(?:train(?:ing)?|validation|valid|dev(?:elopment)?|eval(?:uation)?|held-out|test)"
_UNIT = r"(?:rows|examples|samples|texts|sentences|tweets|reviews|instances|documents|records|utterances)"
_COUNT = r"(?P<rows>\d{1,3}(?:,\d{3})+|\d+)"
_ROWS = (
    re.compile(
        rf"(?<![\d.,]){_COUNT}\s+(?:\w+\s+)?{_UNIT}\s+(?:for|of|in|as)\s+(?:the\s+)?(?P<split>{_SPLIT})\b", re.I
    ),
    # "16,000 training and 2,000 validation rows": the unit may stand behind the last split alone
    re.compile(
        rf"(?<![\d.,]){_COUNT}\s+(?P<split>{_SPLIT})"
        rf"(?=(?:(?:,|\s+and|,\s+and)\s+[\d,]+\s+{_SPLIT})*\s+(?:\w+\s+)?{_UNIT}\b)",
        re.I,
    ),
    re.compile(
        rf"\b(?P<split>{_SPLIT})[\s-]*(?:split|set|data|subset)?[^.;,\d\n]{{0,20}}(?<![\d.,]){_COUNT}\s+(?:\w+\s+)?{_UNIT}",
        re.I,
    ),
    re.compile(rf"\b(?P<split>{_SPLIT})[\s-]*(?:split|set|data)?\s*:\s*{_COUNT}(?:\s+{_UNIT})?\s*$", re.I | re.M),
)
_TAUGHT = re.compile(
    rf"\blearned\s+from\s+(?:the\s+mean\s+of\s+)?what\s+[^.;\d]{{1,40}}\banswers?\s+to\s+{_COUNT}\s+{_UNIT}\b",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"usage|how to|example")
_SPLIT_NAMED = re.compile(
    rf"\b(?P<split>{_SPLIT})[\s-]*(?:split|set|data|dataset|rows|texts|examples)\b", re.IGNORECASE
)
_ON_TRAIN = re.compile(
    r"(?:result|evaluat|measur|achiev|accura|\bf1\b|score)[^.]{0,80}\bon\s+(?:the\s+|its\s+)?train(?:ing)?[\s-]*(?:split|set|data)",
    re.IGNORECASE,
)
_UNKNOWN_DATASET = re.compile(
    r"\b(?:an?|the)\s+(?:unknown|undisclosed|none|unspecified|unnamed)\s+data\s?set|\bdata\s?set\s*:\s*(?:unknown|undisclosed|none|n/a)\b"
    r"|\bdata\s?set\s+(?:is|was|has been)\s+(?:unknown|undisclosed|not\s+(?:disclosed|named|specified))"
    r"|\bundisclosed\s+(?:\w+\s+)?data",
    re.IGNORECASE,
)
_ON_DATASET = re.compile(r"\bon\s+(?:the\s+)?(?P<name>[\w./-]+(?:\s\([\w./-]+\))?)\s+data\s?set\b", re.IGNORECASE)
_DATASET_IS = re.compile(r"^data\s?set\s*:\s*(?P<name>.+)$", re.IGNORECASE | re.MULTILINE)
_BASE = re.compile(r"\bfine-?tuned\s+(?:version\s+of|from)\s+(?:the\s+)?(?P<name>[\w./-]*\w)", re.IGNORECASE)
_BASE_IS = re.compile(r"\bbase\s+model\s*:\s*(?P<name>[\w./-]*\w)", re.IGNORECASE)
_IS_TUNED = re.compile(r"\bis\s+(?:a\s+)?(?P<name>[\w.-]+/[\w.-]*\w),?\s+(?:fine-?tuned|trained)", re.IGNORECASE)
_NO_BASE = re.compile(r"\btrained\s+(?P<name>from\s+scratch)\b", re.IGNORECASE)
_LICENSE = re.compile(r"\blicen[cs]ed?\s*(?::|under|is\b)", re.IGNORECASE)
_LIBRARY = re.compile(
    r"(?P<name>transformers|py\s?torch|torch|datasets|tokenizers)\b[\s:=v]*(?P<version>\d[\w.+-]*)?\s*", re.IGNORECASE
)
_LIBRARIES = {"torch": "pytorch", "py torch": "pytorch"}
_PLACEHOLDER = re.compile(r"more information needed", re.IGNORECASE)
_LOWERCASING = re.compile(r"\blower-?\s?casing\b", re.IGNORECASE)
_AS_A_STEP = re.compile(r"\blower-?\s?cas(?:e|ed|ing)\b", re.IGNORECASE)
_PREPROCESS = re.compile(r"pre-?process", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:no|not|without|never|n't|neither|nor)\b[^.;]{0,30}$", re.IGNORECASE)
_AVERAGE = re.compile(
    r"\b(?:macro|weighted|micro)[\s-]*(?:-|averag)\w*[^.;\n]{0,60}\b(?:f1|precision|recall)"
    r"|\b(?:f1|precision|recall)\b[^.;\n]{0,60}\b(?:macro|weighted|micro)\b",
    re.IGNORECASE,
)
_EARLY_STOP = re.compile(
    r"stopp?(?:ed|ing)\s+early|early[\s-]+stop|stopped\s+at\s+a\s+limit|interrupted\s+by\s+hand", re.IGNORECASE
)
_OVERFITTING = re.compile(r"over-?\s?fit|validation loss was lowest", re.IGNORECASE)
_NOT_SET = ("", "not set", "none", "not stated", "-", "–", "n/a")


def hyperparameters_of(page: Page) -> dict[str, Stated]:
    """Items such as ``learning_rate: 3e-05``, and rows of tables that begin with such a name; the first counts."""
    found: dict[str, Stated] = {}
    for line, name, value in _pairs(page):
        known = HYPERPARAMETERS.get(re.sub(r"[\s-]+", "_", name.strip().lower()))
        if known is not None and known not in found and value.strip().lower() not in _NOT_SET:
            found[known] = Stated(value.strip(), line)
    return found


def split_rows_of(page: Page) -> dict[str, Stated]:
    """Numbers of rows that sentences, or a table with a column for rows, give of a split."""
    found: dict[str, Stated] = {}
    for block in page:
        if block.kind == "table":
            columns = [plain(cell).lower() for cell in block.rows[0][1]]
            at = next(
                (i for i, column in enumerate(columns) if re.fullmatch(rf"{_UNIT}|size|# ?{_UNIT}", column)), None
            )
            for line, cells in block.rows[1:] if at is not None else ():
                split = _SPLITS.get(plain(cells[0]).lower()) if at is not None and len(cells) > at else None
                if split and at is not None and re.fullmatch(r"[\d,]+", plain(cells[at])):
                    found.setdefault(split, Stated(plain(cells[at]), line))
            continue
        if _HOW_TO.search(block.section):
            continue  # numbers in examples are nothing that the card states
        for pattern in _ROWS:
            for match in pattern.finditer(block.text):
                split = _SPLITS[match["split"].lower()]
                found.setdefault(split, Stated(match["rows"], block.line_at(match.start())))
    return found


def taught_texts_of(page: Page) -> Stated | None:
    """The number of texts that a model learned its teachers' answers to."""
    for block in page:
        if match := _TAUGHT.search(block.text):
            return Stated(match["rows"], block.line_at(match.start()))
    return None


def split_named(page: Page, at: int) -> Stated | None:
    """The split that the block at ``at``, or what leads to it, says that its figures are of."""
    first = at
    while first and page[first].kind == "item" and page[first - 1].kind != "heading":
        first -= 1
    for block in dict.fromkeys((page[at], page[first])):
        named = [(block.line_at(m.start()), _SPLITS[m["split"].lower()]) for m in _SPLIT_NAMED.finditer(block.text)]
        others = [found for found in named if found[1] != "train"]
        if others:
            return Stated(others[0][1], others[0][0])
        if named and (match := _ON_TRAIN.search(block.text)):
            return Stated("train", block.line_at(match.start()))
    return None


def datasets_of(page: Page) -> tuple[Stated, ...]:
    """Datasets that sentences name as what the model was trained on."""
    return tuple(_groups(page, (_ON_DATASET, _DATASET_IS)))


def base_models_of(page: Page) -> tuple[Stated, ...]:
    """Models that sentences name as what this one was fine-tuned from."""
    return tuple(_groups(page, (_BASE, _BASE_IS, _IS_TUNED, _NO_BASE)))


def unknown_dataset_of(page: Page) -> Stated | None:
    """Words that say that the dataset is not named."""
    return _first(page, _UNKNOWN_DATASET)


def license_of(page: Page) -> Stated | None:
    """A section on the licence, or a sentence that states one."""
    heading = next((b for b in page if b.kind == "heading" and re.search(r"\blicen[cs]e", b.text, re.IGNORECASE)), None)
    return Stated(heading.text, heading.line) if heading else _first(page, _LICENSE)


def frameworks_of(page: Page) -> dict[str, Stated]:
    """Versions by library, in items such as ``Transformers 4.35.2`` or in a table."""
    found: dict[str, Stated] = {}
    named = [(b.line, b.text) for b in page if b.kind == "item"]
    named += [(line, f"{plain(cells[0])} {plain(cells[1])}") for line, cells in _cells(page) if len(cells) > 1]
    for line, text in named:
        match = _LIBRARY.fullmatch(re.sub(r"\b(?:not stated|unknown|n/a)$|[–-]$", "", text.strip()))
        if match:
            name = match["name"].lower()
            found.setdefault(_LIBRARIES.get(name, name), Stated(match["version"] or "", line))
    return found


def placeholders_of(page: Page) -> tuple[Stated, ...]:
    """Every ``More information needed``."""
    found = ((b, match) for b in page for match in _PLACEHOLDER.finditer(b.text))
    return tuple(Stated(match[0], b.line_at(match.start())) for b, match in found)


def lowercasing_of(page: Page) -> Stated | None:
    """Where lower-casing is named as a step; that the texts of a dataset are lower-cased is none."""
    for block in page:
        if block.kind == "table":
            continue
        preprocessing = _PREPROCESS.search(block.section) or _PREPROCESS.search(block.text)
        for match in (_AS_A_STEP if preprocessing else _LOWERCASING).finditer(block.text):
            if not _NEGATED.search(block.text[: match.start()]):
                return Stated(match[0], block.line_at(match.start()))
    return None


def average_of(page: Page) -> Stated | None:
    """A sentence, or a column, that says which average the scores are."""
    return _first(page, _AVERAGE)


def early_stop_of(page: Page) -> Stated | None:
    """A statement that training ended early, or by a patience that is set."""
    patience = hyperparameters_of(page).get("early_stopping_patience")
    return patience or _first(page, _EARLY_STOP)


def overfitting_of(page: Page) -> Stated | None:
    """A statement about overfitting."""
    return _first(page, _OVERFITTING)


def _pairs(page: Page) -> Iterator[tuple[int, str, str]]:
    for block in page:
        if block.kind == "item":
            name, colon, value = block.text.partition(":")
            if colon:
                yield block.line, name, value
        elif block.kind == "table":
            header = [plain(cell).lower() for cell in block.rows[0][1]]
            at = header.index("value") if "value" in header else 1
            for line, cells in block.rows[1:]:
                if len(cells) > at:
                    yield line, plain(cells[0]), plain(cells[at])


def _cells(page: Page) -> Iterator[tuple[int, tuple[str, ...]]]:
    return (row for block in page if block.kind == "table" for row in block.rows[1:])


def _groups(page: Page, patterns: Iterable[re.Pattern[str]]) -> Iterator[Stated]:
    for pattern in patterns:
        for block in page:
            for match in pattern.finditer(block.text):
                yield Stated(match["name"].strip(), block.line_at(match.start()))


def _first(page: Page, pattern: re.Pattern[str]) -> Stated | None:
    for block in page:
        if match := pattern.search(block.text):
            return Stated(match[0], block.line_at(match.start()))
    return None

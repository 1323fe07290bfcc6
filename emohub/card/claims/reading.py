"""A card's text → its claims."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from emohub.card.claims.blocks import Block, blocks, plain
from emohub.card.claims.claims import Claims, Figure, Row, figure
from emohub.card.claims.corpora import corpora_of
from emohub.card.claims.head import Head, split_card
from emohub.card.claims.metrics import changes_in, figure_of, figures_in_prose
from emohub.card.claims.statements import (
    average_of,
    base_models_of,
    datasets_of,
    early_stop_of,
    frameworks_of,
    hyperparameters_of,
    license_of,
    lowercasing_of,
    overfitting_of,
    placeholders_of,
    split_named,
    split_rows_of,
    taught_texts_of,
    unknown_dataset_of,
)
from emohub.card.sections import DOCUMENTED_PAGE

_COLUMNS = {"training loss": "training_loss", "train loss": "training_loss", "epoch": "epoch", "step": "step"}
_NOT_RESULTS = re.compile(
    r"hyper-?parameter|settings|framework|versions|usage|how to|by label|per[- ]label|per[- ]class"
)
_JOINING = ("fill-mask", "text-generation")
_PAIR = re.compile(r"(?P<name>[^:=|]{2,60}?)\s*[:=]\s*(?P<value>[^:=|]+)", re.DOTALL)


def claims_of_card(text: str) -> Claims:
    """What an arbitrary model card claims, read without an opinion; text that cannot be read is passed over.

    Not read: code blocks, comments, the section ``reported`` of a card of emohub, and a page about a documented model,
    because the figures there are claims of others.
    """
    if text.lstrip("\ufeff").startswith(DOCUMENTED_PAGE):
        return Claims()
    head, body, first_line = split_card(text)
    page = blocks(body, first_line)
    at, headline = _headline(page)
    rows, left_out = _rows(page)
    if at is not None and page[at].kind != "paragraph":
        headline = _with_zeros(headline, [found for row, _ in rows for found in row.figures])
    everything = "\n".join(block.text for block in page)
    unknown = unknown_dataset_of(page)
    datasets = (*head.texts("datasets"), *head.dataset("type"), *(() if unknown else datasets_of(page)))
    config = next(iter(head.dataset("config")), None)
    corpora = corpora_of([dataset.text for dataset in datasets], config.text if config else None, everything)
    return Claims(
        whole=True,
        classifier=bool(corpora) or _is_classifier(head, page),
        joins_texts=any(task.text in _JOINING for task in (*head.texts("pipeline_tag"), *head.tasks())),
        binary=all(len(corpus.labels) == 2 for corpus in corpora)
        if corpora
        else re.search(r"\bbinary (?:text )?classif", everything, re.IGNORECASE) is not None,
        headline=headline,
        headline_split=None if at is None else split_named(page, at),
        rows=tuple(row for row, _ in rows),
        rows_left_out=left_out,
        exported=next((row for row, bold in rows if bold), None),
        other_metrics=tuple(_other_metrics(page, at)),
        changes=tuple(change for block in _prose(page) for change in changes_in(block)),
        figures=(*headline, *(found for row, _ in rows for found in row.figures)),
        index=head.index(),
        empty_index=head.empty_results(),
        hyperparameters=hyperparameters_of(page),
        split_rows=split_rows_of(page),
        taught_texts=taught_texts_of(page),
        datasets=datasets,
        config=config,
        corpora=tuple(corpus.name for corpus in corpora),
        dataset_unknown=None if head.texts("datasets") else unknown,
        base_models=(*head.texts("base_model"), *base_models_of(page)),
        listed_base_models=head.texts("base_model"),
        license=next(iter(head.texts("license")), None) or license_of(page),
        frameworks=frameworks_of(page),
        placeholders=placeholders_of(page),
        lowercasing=lowercasing_of(page),
        average=average_of(page),
        early_stop=early_stop_of(page),
        overfitting=overfitting_of(page),
    )


def _is_classifier(head: Head, page: tuple[Block, ...]) -> bool:
    task = head.texts("pipeline_tag")
    if task:
        return task[0].text == "text-classification"
    named = {stated.text for stated in (*head.tasks(), *head.texts("tags"))}
    return "text-classification" in named or any(
        re.search(r"problem type:.*classification", block.text, re.IGNORECASE) for block in page
    )


def _prose(page: tuple[Block, ...]) -> Iterator[Block]:
    """Paragraphs and items but for those about usage, where texts to classify may stand."""
    told = (block for block in page if block.kind in ("paragraph", "item"))
    return (block for block in told if not _NOT_RESULTS.search(block.section))


def _headline(page: tuple[Block, ...]) -> tuple[int | None, tuple[Figure, ...]]:
    """Where the first block with figures stands, and its figures; items in a row and a table of pairs count as one."""
    for at, block in enumerate(page):
        if _NOT_RESULTS.search(block.section) or _is_table_of_rows(block):
            continue
        found = list(_figures(block))
        if found and (block.kind == "item" or _pair(block) is not None):
            for following in page[at + 1 :]:
                goes_on = block.kind == "item" or _pair(following) is not None
                if following.kind != block.kind or following.section != block.section or not goes_on:
                    break
                found += _figures(following)
        if found:
            return at, tuple(_first_of_each(found))
    return None, ()


def _first_of_each(figures: list[Figure]) -> list[Figure]:
    return list({found.name: found for found in reversed(figures)}.values())[::-1]


def _figures(block: Block) -> Iterator[Figure]:
    if block.kind == "table":
        if len(block.rows[0][1]) == 2:
            for line, cells in block.rows[1:]:
                found = (
                    figure_of(plain(cells[0]), plain(cells[1]).partition(" (")[0], line) if len(cells) == 2 else None
                )
                if found is not None:
                    yield found
        return
    found = _pair(block)
    if found is not None:
        yield found
    elif block.kind != "heading":
        yield from figures_in_prose(block)


def _pair(block: Block) -> Figure | None:
    """The figure of a block that is nothing but a name and a number, such as ``f1_macro: 0.87``."""
    pair = _PAIR.fullmatch(block.text.strip())
    return figure_of(pair["name"], pair["value"], block.line) if pair else None


def _other_metrics(page: tuple[Block, ...], at: int | None) -> Iterator[str]:
    """Names of figures that are no metric of ours: items beside the headline, columns of the table of rows."""
    section = None if at is None else page[at].section
    for block in page:
        if block.kind == "item" and block.section == section and not _NOT_RESULTS.search(block.section):
            pair = _PAIR.fullmatch(block.text.strip())
            if (
                pair
                and figure("loss", pair["value"]) is not None
                and figure_of(pair["name"], pair["value"], None) is None
            ):
                yield pair["name"]
        elif _is_table_of_rows(block):
            for cell in block.rows[0][1]:
                name = plain(cell).lower()
                if name not in _COLUMNS and figure_of(name, "0.5", None) is None:
                    yield name


def _is_table_of_rows(block: Block) -> bool:
    """Whether it is a table of results over the training."""
    columns = [plain(cell).lower() for cell in block.rows[0][1]] if block.rows else []
    return "step" in columns and any("loss" in column for column in columns)


def _rows(page: tuple[Block, ...]) -> tuple[list[tuple[Row, bool]], bool]:
    """The rows of the first table of results over the training, each with whether it is in bold.

    Also, whether rows of it are left out: one that names no step (``...``), or that breaks off in a cell of many lines.
    """
    table = next((block for block in page if _is_table_of_rows(block)), None)
    if table is None:
        return [], False
    columns = [plain(cell).lower() for cell in table.rows[0][1]]
    rows = []
    for line, cells in table.rows[1:]:
        values = {column: plain(cell) for column, cell in zip(columns, cells, strict=False)}
        bold = [cell.startswith("**") and cell.endswith("**") for cell in cells if cell]
        rows.append((_row(values, line), bool(bold) and all(bold)))
    left_out = any(row.step is None for row, _ in rows) or any(len(cells) < len(columns) for _, cells in table.rows)
    everywhere = [found for row, _ in rows for found in row.figures]
    whole = [(replace(row, figures=_with_zeros(row.figures, everywhere)), bold) for row, bold in rows]
    return [pair for pair in whole if pair[0].step is not None], left_out


def _row(values: dict[str, str], line: int) -> Row:
    kept = {
        _COLUMNS[column]: figure("loss", shown, line=line) for column, shown in values.items() if column in _COLUMNS
    }
    step = kept.get("step")
    figures = (figure_of(column, shown, line) for column, shown in values.items() if column not in _COLUMNS)
    return Row(
        line,
        int(step.value) if step is not None and step.value.is_integer() else None,
        kept.get("epoch"),
        kept.get("training_loss"),
        tuple(found for found in figures if found is not None),
    )


def _with_zeros(figures: Iterable[Figure], others: Iterable[Figure]) -> tuple[Figure, ...]:
    """Figures with as many decimals as any of them or the others has.

    Trainers round all figures alike and leave zeros at the end out: 0.926 beside 0.9035 is 0.9260. Percentages are not
    written so.
    """
    figures = tuple(figures)
    decimals = max((found.decimals for found in (*figures, *others) if _is_plain(found)), default=0)
    return tuple(found.at_least(decimals) if _is_plain(found) else found for found in figures)


def _is_plain(found: Figure) -> bool:
    return found.shown.startswith("0.") and not found.shown.endswith("%")

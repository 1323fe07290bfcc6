"""Models: what was measured, what others report, and every model's card with its audit and its verification."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import gradio as gr

from emohub.card import Finding, Results, audit_card, readable_results
from emohub.errors import EmohubError, RecordError
from emohub.layout import CARD_FILE, CASCADE_FILE, VERIFY_FILE, find_cascade, find_model, find_records
from emohub.record import RunRecord, VerificationRecord, VerifiedClaim
from emohub.record.cascade import CascadeRecord
from emohub.ui import markup, strings
from emohub.ui.card_text import card_body, pictures_beside
from emohub.ui.choices import name_choices
from emohub.ui.tabs import leaderboard


@dataclass(frozen=True)
class _Check:
    """What one check says of a card."""

    title: str
    said: str
    detail: str
    body: str
    """HTML below it."""
    kind: Literal["good", "bad", "open"] = "good"
    """``open`` where nothing was checked."""


def build(models: Mapping[str, str | Path], cards_dir: Path) -> None:
    """Lay the tab out and wire it: the results of ``cards_dir``, and the cards of the served models and of it."""
    cards = find_cards(models, cards_dir)
    sources = {name: str(source) for name, source in models.items()}

    def show_card(name: str) -> tuple[str, str]:
        path = cards.get(name) if isinstance(name, str) else None
        try:
            if path is not None:
                return about(name, sources.get(name, name), path), text_of(path)
            cascade = find_cascade(sources[name]) if name in sources else None
            return "", strings.models.NO_CARD if cascade is None else about_cascade(name, cascade)
        except OSError as error:
            return "", strings.models.UNREADABLE_CARD.format(reason=error.strerror or type(error).__name__)

    gr.HTML(_results(cards_dir), apply_default_css=False, elem_id="results")
    names = list(cards)
    checks, text = show_card(names[0])
    gr.HTML(f'<h2 class="emo-heading">{strings.models.CARDS}</h2>', apply_default_css=False)
    choice = gr.Radio(name_choices(names), value=names[0], label=strings.MODEL, elem_id="card-choice")
    panel = gr.HTML(checks, apply_default_css=False, elem_id="card-checks")
    # No formulas: a card speaks of "$" as money.
    card = gr.Markdown(text, elem_id="card", elem_classes="emo-card", latex_delimiters=[])
    choice.input(show_card, choice, [panel, card], queue=False, api_visibility="private", show_progress="minimal")


def find_cards(models: Mapping[str, str | Path], cards_dir: Path) -> dict[str, Path | None]:
    """Where each card lies, the served models' first; None for a model without one."""
    cards = {name: _card_of(str(source)) for name, source in models.items()}
    for path in sorted(cards_dir.glob(f"*/{CARD_FILE}")):
        if cards.get(path.parent.name) is None:
            cards[path.parent.name] = path
    return cards


def text_of(card: Path) -> str:
    """The Markdown of a card with its pictures, safe to show whoever wrote it."""
    return card_body(card.read_text(encoding="utf-8", errors="replace"), pictures_beside(card))


def about(name: str, source: str, card: Path) -> str:
    """What was checked of a card: the audit's findings, and whether its figures were measured again."""
    content = card.read_bytes()
    save = markup.download(strings.models.SAVE_CARD, f"{card.parent.name}-{CARD_FILE}", content, "text/markdown")
    checks = (_audit(audit_card(content)), _verification(_verifiable(name, source), card.parent))
    said = strings.models.CHECKS_OF.format(name=name, audit=checks[0].said, verification=checks[1].said)
    boxes = "".join(_box(check) for check in checks)
    return (
        f'<p class="emo-hidden" role="status">{escape(said)}</p><div class="emo-checks">{boxes}</div>'
        f'<p class="emo-saves">{save}</p>'
    )


def about_cascade(name: str, folder: Path) -> str:
    """What a cascade is and what was measured of it, as Markdown; it has no card of its own."""
    try:
        record = CascadeRecord.load(folder / CASCADE_FILE)
    except RecordError as error:
        return str(error).replace(str(folder), name)
    together, small, large = (
        f"{metrics['accuracy'].value:.4f} ({metrics['accuracy'].low:.4f} to {metrics['accuracy'].high:.4f})"
        for metrics in (record.metrics, record.small.metrics, record.large.metrics)
    )
    return strings.models.CASCADE.format(
        name=name,
        small=record.small.model.id,
        large=record.large.model.id,
        threshold=f"{record.chosen.threshold:.4f}",
        corpus=record.corpus,
        split=record.split,
        rows=f"{record.data.rows:,}",
        share=markup.percent(record.chosen.share),
        accuracy=together,
        small_accuracy=small,
        large_accuracy=large,
    )


def _results(cards_dir: Path) -> str:
    try:
        results, damaged = readable_results(cards_dir)
    except EmohubError as error:
        return markup.notice(error)
    places = [cards_dir / name for name in damaged]
    pairs = zip(places, damaged.values(), strict=True)
    reasons = [str(error).replace(str(place), place.name) for place, error in pairs]
    notes = "".join(f'<p class="emo-note">{escape(reason)}</p>' for reason in reasons)
    return notes + leaderboard.render(results, _verifications(results, cards_dir))


def _verifications(results: Results, cards_dir: Path) -> dict[str, VerificationRecord]:
    """By model, those that can be read; what is wrong with another one is said beside its card."""
    found = {}
    for path in (cards_dir / result.name / VERIFY_FILE for result in results.measured):
        with suppress(RecordError):
            if path.is_file():
                found[path.parent.name] = VerificationRecord.load(path)
    return found


def _card_of(source: str) -> Path | None:
    """The card beside a model's records, else the one beside its weights; None for a model without one."""
    folders = (find_records(source), find_model(source))
    return next((path for folder in folders if folder and (path := folder / CARD_FILE).is_file()), None)


def _audit(findings: tuple[Finding, ...]) -> _Check:
    if not findings:
        return _Check(strings.models.AUDIT, strings.models.AUDIT_CLEAN, strings.models.AUDIT_CLEAN_DETAIL, "")
    errors = sum(finding.severity == "error" for finding in findings)
    said = strings.models.AUDIT_FOUND.format(errors=errors, warnings=len(findings) - errors)
    items = "".join(
        f"<li><strong>{escape(strings.models.SEVERITIES[finding.severity])}</strong> "
        f"{escape(_place(finding))}: {escape(finding.message)}</li>"
        for finding in findings
    )
    return _Check(strings.models.AUDIT, said, "", f'<ul class="emo-findings">{items}</ul>', "bad" if errors else "good")


def _place(finding: Finding) -> str:
    return finding.key if finding.line is None else strings.models.LINE.format(line=finding.line, key=finding.key)


def _verifiable(name: str, source: str) -> str:
    """What `emohub verify` takes: a Hub id, or the name of a model here, whose path is nobody's business."""
    return name if find_model(source) else source


def _verification(model: str, folder: Path) -> _Check:
    path = folder / VERIFY_FILE
    if not path.is_file():
        return _Check(
            strings.models.VERIFICATION,
            strings.models.NOT_VERIFIED,
            strings.models.HOW_TO_VERIFY.format(model=model),
            "",
            "open",
        )
    try:
        record = VerificationRecord.load(path)
        current = (folder / "run.json").is_file() and RunRecord.load(folder / "run.json").exported.fingerprint
    except RecordError as error:
        return _Check(strings.models.VERIFICATION, strings.models.NOT_VERIFIED, str(error), "", "bad")
    stale = bool(current) and current != record.model.fingerprint
    counts = [sum(claim.outcome == outcome for claim in record.claims) for outcome in strings.models.OUTCOMES]
    said = strings.models.VERIFIED_COUNTS.format(reproduced=counts[0], differs=counts[1], unchecked=counts[2])
    revision = strings.models.AT_REVISION.format(revision=record.model.revision[:12]) if record.model.revision else ""
    detail = strings.models.VERIFIED_WHEN.format(model=record.model.id, revision=revision, day=record.created[:10])
    notes = [*([strings.models.OTHER_WEIGHTS] if stale else []), *record.notes]
    if record.weights_named is False:
        notes.append(strings.models.WEIGHTS_NOT_NAMED)
    return _Check(
        strings.models.VERIFICATION,
        said,
        " ".join((detail, *notes)),
        f"<details><summary>{strings.models.EACH_FIGURE}</summary>{_claims(record.claims)}</details>",
        "good" if record.holds and not stale else "bad",
    )


def _place_of(claim: VerifiedClaim) -> str:
    return f"{claim.dataset}, {claim.split}" if claim.split else claim.dataset


def _claims(claims: tuple[VerifiedClaim, ...]) -> str:
    return markup.table(
        strings.models.CLAIM_COLUMNS,
        [
            (
                f'{escape(claim.metric)}<span class="emo-sub">{escape(_place_of(claim))}</span>',
                f'{escape(strings.models.OUTCOMES[claim.outcome])}<span class="emo-sub">{escape(claim.reason)}</span>',
                escape(f"{claim.claimed:.4f}" if isinstance(claim.claimed, float) else claim.claimed),
                markup.dash(strings.models.NOT_MEASURED) if claim.measured is None else markup.interval(claim.measured),
            )
            for claim in claims
        ],
    )


def _box(check: _Check) -> str:
    detail = f'<p class="emo-detail">{escape(check.detail)}</p>' if check.detail else ""
    return (
        f'<section class="emo-check emo-{check.kind}"><h3>{escape(check.title)}</h3>'
        f'<p class="emo-check-said">{escape(check.said)}</p>{detail}{check.body}</section>'
    )

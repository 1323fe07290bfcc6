"""Feedback as it arrives: nothing is kept but what a person agreed to, of an answer that the model really gave."""

import re

from emohub.errors import UsageError
from emohub.feedback import Feedback, FeedbackRow
from emohub.inference import Prediction
from emohub.ui import strings
from emohub.ui.service.checks import checked_name, checked_text
from emohub.ui.service.limits import MAX_FEEDBACK_CHARS
from emohub.ui.service.service import Service

_ROW_ID = re.compile(r"[0-9a-f]{32}")


def ask(service: Service, text: object, model: object) -> Prediction:
    """What the model answers to a text that feedback may be given on.

    Raises:
        UsageError: the text is empty or too long to be kept, or there is no such model.
        ModelError: the model cannot be loaded.
        BusyError: too many requests wait already.
    """
    checked = checked_text(text)
    if len(checked) > MAX_FEEDBACK_CHARS:
        raise UsageError(
            f"the text has {len(checked):,} characters, feedback takes {MAX_FEEDBACK_CHARS:,}", "shorten it"
        )
    return service.classify(checked, model)


def submit(
    service: Service, feedback: Feedback, text: object, model: object, label: object, consent: object
) -> FeedbackRow:
    """Keep what a person says of an answer; the model is asked again, whatever the browser says that it answered.

    Raises:
        UsageError: there is no consent, the label is none of the model's, the same was sent before, or as :func:`ask`.
        ModelError, BusyError: as :func:`ask`.
        RecordError: the row cannot be written.
    """
    if consent is not True:
        raise UsageError(strings.feedback.NO_CONSENT, strings.feedback.TICK)
    if not isinstance(label, str) or not label:
        raise UsageError(strings.feedback.NO_LABEL, strings.feedback.CHOOSE_LABEL)
    prediction = ask(service, text, model)
    if label not in prediction.labels:
        raise UsageError("this model knows no such label", strings.feedback.CHOOSE_LABEL)
    name = checked_name(model)
    row = FeedbackRow.now(
        text=checked_text(text),
        model=name,
        fingerprint=service.store.get(name).fingerprint,
        predicted=prediction.label,
        label=label,
    )
    feedback.add(row)
    return row


def withdraw(feedback: Feedback, row_id: object) -> None:
    """Delete the row of that id, which only the person knows who sent it.

    Raises:
        UsageError: it is no id, or there is no such row.
        RecordError: the file cannot be written.
    """
    given = row_id.strip() if isinstance(row_id, str) else ""
    if not _ROW_ID.fullmatch(given):
        raise UsageError("this is no id of a row", "give the 32 letters and digits that were shown with it")
    feedback.withdraw(given)

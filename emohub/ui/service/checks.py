"""Arguments from outside, checked: what arrives over HTTP is untrusted, also what the page would never send."""

from emohub.errors import UsageError
from emohub.ui import strings


def checked_text(value: object) -> str:
    """A text; nothing at all counts as an empty one.

    Raises:
        UsageError: it is no string.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError("the text is not a string", "send one string")
    return value


def checked_name(value: object) -> str:
    """The name of one model.

    Raises:
        UsageError: it is no string.
    """
    if not isinstance(value, str):
        raise UsageError(strings.NO_MODEL_CHOSEN, "choose one")
    return value


def checked_names(value: object) -> list[str]:
    """The names of models, each once, so that there are never more than the models that exist.

    Raises:
        UsageError: it is no list of strings, or an empty one.
    """
    if not isinstance(value, list) or not value:
        raise UsageError(strings.NO_MODEL_CHOSEN, strings.CHOOSE_MODEL)
    return list(dict.fromkeys(checked_name(name) for name in value))

"""What of a text speaks against showing it to everybody, just because it stands in a dataset."""

import re
import unicodedata

from emohub.data.damage import damage

MAX_SHOWN_CHARS = 200
"""Characters of the longest text that is shown."""

# Stems of the commonest obscenities and of slurs against groups of people, as English datasets spell them.
_OFFENSIVE = (
    r"(?:mother)?fuck|fck|cunt|whore|slut|bitch|nigg|faggot|fags?\b|retard|trann(?:y|ies)|kike|paki\b|chink|dyke"
)

_PATTERNS = {
    "email": re.compile(r"[^\s@]+\s?(?:@|[(\[]at[)\]])\s?[^\s@]+\.\w{2,}", re.IGNORECASE),
    "handle": re.compile(r"(?<!\w)@\s?\w"),
    "url": re.compile(
        r"\bhttps?\b|\bwww\b|\bhref\b|://|\b[\w-]+\.(?:app|biz|co|com|de|edu|eu|fr|gl|gov|info|io|ly|me|net|org|tv|uk|us)\b",
        re.IGNORECASE,
    ),
    "phone": re.compile(r"\d(?:[\s().+/-]*\d){6,}"),
    "offensive": re.compile(rf"(?<![^\W_])(?:{_OFFENSIVE})", re.IGNORECASE),
}


def reasons_to_hide(text: str) -> set[str]:
    """What speaks against showing a text. More is taken for such than is, because leaving a text out costs little.

    - ``email``: an e-mail address, also with ``(at)``
    - ``handle``: a name on a social network, such as ``@ada``; placeholders like ``@user`` too
    - ``url``: a web address, or what is left of one (``href``, ``http``)
    - ``phone``: seven digits or more, whatever separates them, which also catches account and card numbers
    - ``offensive``: one of a few English obscenities and slurs; that is a courtesy, and no moderation

    Names of people and places cannot be told from other words and are not looked for.
    """
    plain = unicodedata.normalize("NFKC", text)  # full-width characters and the like
    return {reason for reason, pattern in _PATTERNS.items() if pattern.search(plain)}


def is_fit_to_show(text: str) -> bool:
    """Whether a text of a dataset is short and undamaged, and nothing else speaks against showing it."""
    return len(text) <= MAX_SHOWN_CHARS and not damage(text) and not reasons_to_hide(text)

"""Two cards of one model, the one here and the one on the Hub: both may hold what people wrote, and nothing is lost."""

import re
from pathlib import Path

from emohub.card import merge, prose, read_card
from emohub.errors import CardError, PublishError
from emohub.layout import CARD_FILE
from emohub.publish.files import Prose
from emohub.recipe.declaration import sha256_text
from emohub.record import write_atomically

CHOOSE = "choose with --card local or --card remote which one stays"
_HEAD = re.compile(r"---[ \t]*\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
"""The front matter with its dashes."""


def prose_digest(card: str) -> str:
    """SHA-256 of what people wrote into a card.

    Raises:
        CardError: the markers of the card are not whole.
    """
    return sha256_text(prose(card))


def join_cards(local: str, remote: str, *, published: str | None, keep: Prose | None) -> str:
    """The card to publish: the rendered parts of ``local`` with what people wrote here or on the Hub.

    Where only one side has text, or only one has changed since the last publication (``published`` is the digest of its
    prose), that side's is taken. Keys and tags that were added to the front matter on the Hub stay.

    Raises:
        PublishError: both sides have text of their own, or that of the Hub cannot be told from what was rendered, and
            ``keep`` does not say which one stays.
    """
    if remote == local or keep == "local":
        return local
    try:
        joined = merge(remote, local, unmarked="keep" if keep == "remote" else "refuse")
        theirs = prose(remote)
    except CardError as error:
        raise PublishError(
            f"the card on the Hub cannot be merged: {error.cause}", f"mend it there, or {CHOOSE}"
        ) from None
    if keep == "remote" or _remote_wins(prose(local), theirs, published):
        return joined
    return _with_head(local, joined)


def bring_home(folder: Path, published: str) -> bool:
    """Put what people wrote on the Hub into the folder's own card, and say whether there was anything.

    So both sides are the same again, and the next publication can tell on which one something has changed.
    """
    path = folder / CARD_FILE
    here = read_card(path)
    if prose(here) == prose(published):
        return False
    card = merge(published, here, unmarked="keep")
    write_atomically(path, lambda temporary: temporary.write_bytes(card.encode()))
    return True


def _remote_wins(ours: str, theirs: str, published: str | None) -> bool:
    """Whether the text of the Hub is taken; if not, it is that of the card here."""
    if ours == theirs:
        return True
    if published is None:
        ours_is_new, theirs_is_new = bool(ours.strip()), bool(theirs.strip())
    else:
        ours_is_new, theirs_is_new = sha256_text(ours) != published, sha256_text(theirs) != published
    if ours_is_new and theirs_is_new:
        raise PublishError(
            f"what people wrote into the card differs between {CARD_FILE} here and the card on the Hub", CHOOSE
        )
    return theirs_is_new


def _with_head(card: str, other: str) -> str:
    """``card`` with the front matter of the other."""
    head, body = _HEAD.match(other), _HEAD.match(card)
    return card if head is None or body is None else head[0] + card[body.end() :]

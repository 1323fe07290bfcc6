"""A model card as the page shows it: its Markdown without front matter, and without anything that loads or runs."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path

from emohub.ui.choices import without_words

_FRONT_MATTER = re.compile(r"\A---\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_IMAGE_BESIDE = re.compile(r"!\[([^\[\]]*)\]\((?![a-z][a-z0-9+.-]*:|//)([^()\s]*)\)", re.IGNORECASE)
"""An image that lies beside the card, such as its learning curves."""
_UNSEEN_LINE = re.compile(r"^(?:<!-- .*? -->|</?details>)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
"""A line that shows nothing where a card is rendered as HTML: a marker of a part, or what folds the lines below it."""
_SUMMARY_LINE = re.compile(r"^<summary>(.*)</summary>[ \t]*\r?$", re.MULTILINE)
_TAG_OPENER = re.compile(r"<(?=[A-Za-z/!?])")
_WORD_JOINER = "\N{WORD JOINER}"
_PLACE = re.compile("\ue000(\\d+)\ue001")
"""Where a picture goes; these characters are for private use, and a card's own are taken out."""

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_PICTURE_BYTES = 2 * 2**20


def card_body(card: str, pictures: Mapping[str, bytes] | None = None) -> str:
    """The text of a card below its front matter; images become links or their text, and HTML becomes text.

    ``pictures`` are PNG files by the name that the card shows them by; each is shown once, from the page itself. The
    markers of the parts are left out, and what is folded is open under its summary.

    A card may come from anywhere. Gradio strips scripts from Markdown but lets images and styles load from other hosts,
    so nothing that could fetch is left. This holds in code blocks too: where one ends is for the renderer to say, and
    a rule with exceptions could be talked into one.
    """
    left = dict(pictures or {})
    placed: list[str] = []

    def place(image: re.Match[str]) -> str:
        words, png = image[1], left.pop(image[2], None)
        if png is None:
            return words
        alternative = _TAG_OPENER.sub(f"<{_WORD_JOINER}", words)
        placed.append(f"![{alternative}](data:image/png;base64,{base64.b64encode(png).decode()})")
        return f"\ue000{len(placed) - 1}\ue001"

    body = without_words(_FRONT_MATTER.sub("", card, count=1)).replace("\ue000", "").replace("\ue001", "")
    body = _IMAGE_BESIDE.sub(place, body).replace("![", "[")
    body = _SUMMARY_LINE.sub(r"**\1**", _UNSEEN_LINE.sub("", body))
    # Last, so that nothing that was left out can join what stood around it into a tag.
    body = _TAG_OPENER.sub(f"<{_WORD_JOINER}", body).strip()
    return _PLACE.sub(lambda match: placed[int(match[1])], body)


def pictures_beside(card: Path) -> dict[str, bytes]:
    """The PNG files in a card's folder by name; what is no PNG, too large or a link is not shown."""
    found = {}
    for path in sorted(card.parent.glob("*.png")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_PICTURE_BYTES:
            continue
        content = path.read_bytes()
        if content.startswith(_PNG):
            found[path.name] = content
    return found

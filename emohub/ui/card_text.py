"""A model card as the page shows it: its Markdown without front matter, and without anything that loads or runs."""

import re

_FRONT_MATTER = re.compile(r"\A---\r?\n.*?^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_IMAGE_BESIDE = re.compile(r"!\[([^\]]*)\]\((?![a-z][a-z0-9+.-]*:|//)[^)]*\)", re.IGNORECASE)
"""An image that lies beside the card, such as its learning curves: the page does not serve it, nor a link to it."""
_UNSEEN_LINE = re.compile(r"^(?:<!-- .*? -->|</?details>)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
"""A line that shows nothing where a card is rendered as HTML: a marker of a part, or what folds the lines below it."""
_SUMMARY_LINE = re.compile(r"^<summary>(.*)</summary>[ \t]*\r?$", re.MULTILINE)
_TAG_OPENER = re.compile(r"<(?=[A-Za-z/!?])")
_WORD_JOINER = "\N{WORD JOINER}"


def card_body(card: str) -> str:
    """The text of a card below its front matter; images become links or their text, and HTML becomes text.

    The markers of the parts are left out, and what is folded is open under its summary.

    A card may come from anywhere. Gradio strips scripts from Markdown but lets images and styles load from other hosts,
    so nothing that could fetch is left. This holds in code blocks too: where one ends is for the renderer to say, and
    a rule with exceptions could be talked into one.
    """
    body = _IMAGE_BESIDE.sub(r"\1", _FRONT_MATTER.sub("", card, count=1)).replace("![", "[")
    body = _SUMMARY_LINE.sub(r"**\1**", _UNSEEN_LINE.sub("", body))
    # Last, so that nothing that was left out can join what stood around it into a tag.
    return _TAG_OPENER.sub(f"<{_WORD_JOINER}", body).strip()

"""The audit of any card: whether the Hub can read it, and whether what it claims agrees with itself."""

from emohub.card.claims import check_claims, claims_of_card
from emohub.card.findings import Finding
from emohub.card.validation import in_order, validate_any_card


def audit_card(text: str | bytes) -> tuple[Finding, ...]:
    """Everything that is to be said against a model card of whatever origin, by line.

    It needs no network. Bytes are read as UTF-8; what is not is an error by itself.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as error:
            line = 1 + error.object.count(b"\n", 0, error.start)
            message = f"the byte 0x{error.object[error.start]:02X} is not UTF-8; save the file in that encoding"
            return (Finding("error", "file", message, "encoding", line),)
    form = validate_any_card(text)
    return in_order((*form, *check_claims(claims_of_card(text))))

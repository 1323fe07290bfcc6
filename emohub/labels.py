"""Label names: how the labels of models and corpora meet, by name and never by position."""

from collections.abc import Sequence

from emohub.errors import ModelError

NONE_OF_THEM = frozenset({"neutral", "none", "other", "no emotion", "not applicable", "unclear"})
"""Names of labels, as :func:`label_key` gives them, for a text to which no other label applies."""


def label_key(name: str) -> str:
    """What two spellings of one label have in common: case and surrounding space do not count."""
    return name.strip().casefold()


def label_columns(labels: Sequence[str], wanted: Sequence[str], model: str) -> list[int]:
    """For each name in ``wanted``, its position in ``labels``, so that ``probabilities[:, columns]`` is in that order.

    ``model`` names the owner of ``labels`` in errors.

    Raises:
        ModelError: the two are not the same set of names, or ``labels`` holds one name twice.
    """
    positions = {label_key(name): position for position, name in enumerate(labels)}
    keys = [label_key(name) for name in wanted]
    missing = [name for name, key in zip(wanted, keys, strict=True) if key not in positions]
    extra = [name for name in labels if label_key(name) not in keys]
    if missing or extra:
        differences = [
            f"{verb} {', '.join(names)}" for verb, names in (("lacks", missing), ("also has", extra)) if names
        ]
        raise ModelError(
            f"the labels of {model} are not the corpus' labels: it {' and '.join(differences)}",
            "choose a corpus with the labels that the model was trained for, or name them in the model's id2label",
        )
    if len(positions) != len(labels):
        raise ModelError(f"{model} has two labels of one name", "give each of them its own name in id2label")
    return [positions[key] for key in keys]

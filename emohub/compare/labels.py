"""Label sets of several classifiers, matched by name."""

from collections.abc import Iterable, Mapping, Sequence

from emohub.errors import UsageError
from emohub.inference import Classifier
from emohub.labels import label_key


def align_labels(label_sets: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The union of label sets by name, spelled and ordered as first met; case does not count."""
    spelling: dict[str, str] = {}
    for labels in label_sets:
        for name in labels:
            spelling.setdefault(label_key(name), name)
    return tuple(spelling.values())


def require_classifiers(classifiers: Mapping[str, Classifier]) -> None:
    """Raise UsageError when there is no classifier."""
    if not classifiers:
        raise UsageError("there is no model to compare", "name at least one")

"""Labels meet by name, whatever their order and case."""

import numpy as np
import pytest

from emohub.errors import ModelError
from emohub.labels import label_columns


def test_columns_bring_probabilities_into_the_wanted_order() -> None:
    columns = label_columns(("Joy", "anger ", "SADNESS"), ("sadness", "joy", "anger"), "m")

    assert columns == [2, 0, 1]
    assert np.array([[0.5, 0.3, 0.2]])[:, columns].tolist() == [[0.2, 0.5, 0.3]]


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        (("joy", "anger"), "it lacks sadness"),
        (("joy", "anger", "sadness", "love"), "it also has love"),
        (("LABEL_0", "LABEL_1", "LABEL_2"), "it lacks sadness, joy, anger and also has LABEL_0, LABEL_1, LABEL_2"),
        (("joy", "Joy", "anger", "sadness"), "two labels of one name"),
    ],
)
def test_another_set_of_labels_is_refused(labels: tuple[str, ...], cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        label_columns(labels, ("sadness", "joy", "anger"), "some/model")

"""``[distillation]``: a model that learns from what other models answer, and the texts that they are asked."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from emohub.recipe.corpus import TextCorpus
from emohub.recipe.declaration import Declaration, NotNegativeFloat, Positive, PositiveFloat, Share, Text


class Student(Declaration):
    """The shape of the model that learns. It starts from the base model's weights: no size may exceed the base model's.

    A size that is left out is the base model's.
    """

    num_hidden_layers: Positive | None = None
    """Layers, taken evenly from the base model's."""
    hidden_size: Positive | None = None
    """Width of a token's state. A smaller one takes the principal components of the base model's embeddings, in which
    every other weight is written down too."""
    num_attention_heads: Positive | None = None
    """Attention heads of each layer; they divide the width among them."""
    intermediate_size: Positive | None = None
    """Width between the two products of a layer; the neurons with the largest weights are taken."""
    vocab_size: Annotated[int, Field(ge=64)] | None = None
    """Tokens to keep of a WordPiece vocabulary: special tokens, single characters, and those most frequent in the
    training texts. A word that has lost its token is read in smaller pieces."""


class Augmentation(Declaration):
    """Texts without a label, made of the training texts, for the teachers to answer.

    A word is what stands between spaces. Each way is tried on each text with its own probability, in the order of the
    keys, and drawn anew for each text; a text that comes out as one that there is already is drawn again, and left out
    after some attempts.
    """

    copies: Positive
    """Texts to make of each training text."""
    splice: Share = 0.0
    """Probability that a text goes on as another one does: the first words of one, the last words of the other."""
    ngram: Share = 0.0
    """Probability that one to five words in a row are all that is kept (n-gram sampling, Tang et al. 2019)."""
    word_dropout: Share = 0.0
    """Probability of each word to be left out; one word stays."""
    word_swap: Share = 0.0
    """Probability of each word to change places with the next one."""
    casing: Share = 0.0
    """Probability that a text is written in capitals, in small letters, or with a capital at each word's beginning."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not any((self.splice, self.ngram, self.word_dropout, self.word_swap, self.casing)):
            raise ValueError("every way of changing a text has the probability 0")
        return self


class Distillation(Declaration):
    """Training on the answers of teachers, in place of classification: each step learns from their probabilities, from
    the labels, and from the teachers' inner states, as much as each is weighed (Hinton et al. 2015).

    ``class_weights`` and ``r_drop`` of ``[training]`` are no part of it; ``label_smoothing`` concerns the labels alone.
    """

    teachers: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Folders, runs, names or Hub ids of classifiers with the corpus' labels, in any order and with any vocabulary; the
    mean of their probabilities is learned from."""
    temperature: PositiveFloat = 1.0
    """Divides the logarithms of teachers' and student's probabilities before they are held against each other: above 1
    more is learned from unlikely labels."""
    soft_weight: NotNegativeFloat = 1.0
    """Weight of the divergence of the student's probabilities from the teachers', times the square of the temperature,
    which keeps the size of its gradients."""
    label_weight: NotNegativeFloat = 0.0
    """Weight of the cross-entropy of the labels; augmented texts have none."""
    hidden_weight: NotNegativeFloat = 0.0
    """Weight of the mean squared error between the teachers' states of a text's first token after the last layer, side
    by side, and a linear map of the student's, which is learned too and then thrown away."""
    student: Student | None = None
    """Shape of the student; None trains the base model as it is."""
    augmentation: Augmentation | None = None
    """More texts to learn from, made of the training texts; None makes none."""
    unlabelled: tuple[TextCorpus, ...] = ()
    """More texts to learn from, of corpora of plain texts: each a table, the name of a built-in one, or the path of a
    declaration. Those that stand in the training or the validation split are left out."""

    @model_validator(mode="after")
    def _learns_from_teachers(self) -> Self:
        if not self.soft_weight and not self.hidden_weight:
            raise ValueError("with soft_weight and hidden_weight at 0 the teachers teach nothing")
        return self

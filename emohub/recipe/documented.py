"""What a model's own document reports: other people's figures, carried over as they stand."""

from typing import Literal, Self

from pydantic import model_validator

from emohub.recipe.declaration import Declaration, NotNegativeFloat, Positive, PositiveFloat, Share, Text


class DocumentedMetrics(Declaration):
    """Reported figures; None where the document gives none. Averages carry that their kind is not stated."""

    loss: NotNegativeFloat | None = None
    """Validation loss."""
    accuracy: Share | None = None
    """Share of the rows that are right."""
    precision_unstated_average: Share | None = None
    """Precision, over the labels in some way."""
    recall_unstated_average: Share | None = None
    """Recall, likewise."""
    f1_unstated_average: Share | None = None
    """F1, likewise."""


class DocumentedRow(DocumentedMetrics):
    """One row of a reported results table."""

    training_loss: NotNegativeFloat | None = None
    """Training loss since the row before."""
    epoch: PositiveFloat | None = None
    """Passes over the training split so far."""
    step: Positive
    """Optimizer steps so far."""


class DocumentedHyperparameters(Declaration):
    """Reported hyperparameters; None where the document gives none."""

    learning_rate: PositiveFloat | None = None
    """Peak learning rate."""
    train_batch_size: Positive | None = None
    """Texts in a batch of training."""
    eval_batch_size: Positive | None = None
    """Texts in a batch of evaluation."""
    seed: int | None = None
    """Seed of the training."""
    optimizer: Text | None = None
    """Optimizer, in the document's own words."""
    lr_scheduler_type: Text | None = None
    """Schedule of the learning rate, in the document's own words."""
    num_epochs: Positive | None = None
    """Epochs that were configured."""


class DocumentedNote(Declaration):
    """Something to know about the reported figures."""

    text: Text
    """The note."""
    inferred: bool
    """True when this is arithmetic, a conclusion or a choice of ours, and not a statement of the document."""


class Documented(Declaration):
    """Everything that one model's document reports."""

    name: Text
    """Name that the document gives the model."""
    base_model: Text
    """Base model in the document's own words."""
    dataset: Text
    """Dataset in the document's own words."""
    train_rows: Positive | None = None
    """Rows of the training split, inferred from the other figures as a note says; None when they don't tell."""
    evaluated_rows: Positive | None = None
    """Rows that the reported metrics were computed on, inferred likewise; None when the figures don't tell."""
    parameters: Positive | None = None
    """Number of parameters, as reported."""
    weights_format: Text | None = None
    """File format of the weights, as reported."""
    headline: DocumentedMetrics
    """The figures that the document names first."""
    headline_row: Literal["last", "best", "none"]
    """Which row of the results table the headline repeats; ``none`` when there is no table to compare with."""
    loss_first: NotNegativeFloat | None = None
    """First validation loss that the text names, where there is no table."""
    loss_claim: Literal["decrease", "increase"] | None = None
    """What the text says of the loss' direction, whatever the figures show."""
    hyperparameters: DocumentedHyperparameters
    """Hyperparameters, as reported."""
    frameworks: dict[str, str]
    """Version by library, as reported; empty when the library is named without one (TOML has no null)."""
    results: tuple[DocumentedRow, ...] = ()
    """The reported results table."""
    results_elided: Text | None = None
    """Which rows of the table the document leaves out."""
    uses: tuple[Text, ...]
    """What the model is meant for, as reported."""
    limits: tuple[Text, ...]
    """Where it is said to fail."""
    preprocessing: tuple[Text, ...]
    """What is said to be done to the texts."""
    troubleshooting: tuple[Text, ...]
    """What is said to go wrong in training."""
    notes: tuple[DocumentedNote, ...]
    """What to know about the figures."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.headline_row == "none") != (not self.results):
            raise ValueError('headline_row is "none" exactly where there are no results')
        if (self.loss_first is None) != (self.loss_claim is None):
            raise ValueError("loss_first and loss_claim go together")
        return self

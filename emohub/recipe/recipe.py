"""A recipe: everything that decides what a training run does."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from emohub.errors import UsageError
from emohub.recipe.corpus import Corpus, TextCorpus, TextSource, load_corpus, load_text_corpus
from emohub.recipe.declaration import (
    Declaration,
    NotNegativeFloat,
    Positive,
    PositiveFloat,
    Probability,
    Sha256,
    Text,
    built_in,
    canonical_json,
    find_declaration,
    one_of,
    read_toml,
    sha256_text,
)
from emohub.recipe.distillation import Distillation
from emohub.recipe.documented import Documented

MetricName = Literal[
    "accuracy", "macro_precision", "macro_recall", "macro_f1", "weighted_precision", "weighted_recall", "weighted_f1"
]

Stage = Literal["masked_lm", "classification", "distillation"]
"""A part of a recipe that trains and leaves a checkpoint of its own."""
_DESCRIBED = {"title", "license", "terms", "citation", "flaws", "base_folder", "language"}
"""Keys of a corpus that describe it and change nothing that is trained."""
_LATER_KEYS = {
    *("dropout", "label_smoothing", "class_weights", "r_drop", "layer_decay"),
    *("gradient_checkpointing", "torch_compile", "packing"),
}
"""Keys of ``[training]`` that the first release did not have."""
_LABEL_KEYS = ("label_smoothing", "class_weights", "r_drop")
"""Keys of ``[training]`` that belong to learning from labels."""


class Training(Declaration):
    """Hyperparameters, under the names that transformers gives them."""

    learning_rate: PositiveFloat
    """Peak learning rate."""
    per_device_train_batch_size: Positive
    """Texts in one forward pass of one process."""
    per_device_eval_batch_size: Positive = 64
    """Most texts in one forward pass of an evaluation on validation; it changes no figure."""
    num_train_epochs: Positive
    """Passes over the training split."""
    gradient_accumulation_steps: Positive = 1
    """Forward passes per optimizer step."""
    seed: int
    """Seed of the head's initial weights, the data order and dropout."""
    lr_scheduler_type: Literal["linear", "constant"] = "linear"
    """``linear`` decays to zero at the last step, ``constant`` stays at the peak; both after the warm-up."""
    warmup_steps: NotNegativeFloat = 0
    """Steps over which the rate rises from zero; below 1 it is a share of all steps."""
    weight_decay: NotNegativeFloat = 0.0
    """Decoupled weight decay (AdamW), on weight matrices only."""
    adam_beta1: Probability = 0.9
    """Decay of the mean of the gradients (AdamW)."""
    adam_beta2: Probability = 0.999
    """Decay of the mean of their squares (AdamW)."""
    adam_epsilon: PositiveFloat = 1e-8
    """Added to the divisor of a step (AdamW)."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients with a larger L2 norm are scaled down to it."""
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    """``no`` computes in fp32; ``bf16`` runs forward and backward in bfloat16 with fp32 weights; ``fp16`` does so in
    half precision with a scaled loss, and needs a GPU."""
    attention_dropout: Probability | None = None
    """Dropout on attention weights; None keeps what the base model's configuration says."""
    dropout: Probability | None = None
    """Dropout on hidden states and before the head; None keeps what the base model's configuration says."""
    label_smoothing: Probability = 0.0
    """Share of each target that is spread evenly over all labels."""
    class_weights: Literal["balanced"] | Annotated[tuple[PositiveFloat, ...], Field(min_length=2)] | None = None
    """Weight of each label's loss, in the order of the labels; ``balanced`` takes rows / (labels x rows of the label),
    as scikit-learn does; None weighs every row alike."""
    r_drop: NotNegativeFloat = 0.0
    """Each text goes through the model twice, under two draws of dropout, and the mean divergence of the two answers,
    either from the other, is added to the mean of their losses with this weight, half of the alpha of Liang et al.
    2021. 0 lets it go through once."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Learning rate of each layer over that of the layer above it: the head has the full rate, the embeddings the
    lowest (as in Clark et al. 2020, appendix B)."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, more time."""
    packing: bool = True
    """Train without padding where the model's family allows it: the same mathematics in less time. Masked-LM blocks are
    of one length and have none."""
    torch_compile: bool = False
    """Compile the model with ``torch.compile`` before training: slow to start, faster on long runs."""
    checkpoint_steps: Positive | None = None
    """Optimizer steps between two checkpoints that a killed run goes on from; None writes none by steps. It changes
    nothing that is trained."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.warmup_steps >= 1 and self.warmup_steps != int(self.warmup_steps):
            raise ValueError(f"warmup_steps {self.warmup_steps} is neither a share below 1 nor a whole number of steps")
        return self


class EvaluationSchedule(Declaration):
    """When validation is measured, and how long it may fail to improve."""

    eval_strategy: Literal["epoch", "steps"] = "epoch"
    """Measure after every epoch, or every ``eval_steps`` steps; after the last step in any case."""
    eval_steps: Positive | None = None
    """Optimizer steps between two evaluations, with ``eval_strategy = "steps"``."""
    early_stopping_patience: Positive | None = None
    """Stop after so many evaluations in a row without a better figure; None never stops early."""

    @model_validator(mode="after")
    def _has_its_steps(self) -> Self:
        if (self.eval_strategy == "steps") != (self.eval_steps is not None):
            raise ValueError('eval_steps and eval_strategy = "steps" go together')
        return self


class Evaluation(EvaluationSchedule):
    """When validation is measured, what is measured, and what decides."""

    metrics: tuple[MetricName, ...] = ("accuracy", "macro_f1")
    """Columns of the results table after the losses; none shows the losses alone."""
    metric_for_best_model: MetricName | Literal["loss"] = "macro_f1"
    """Which validation figure picks the exported checkpoint; the earlier row wins a tie."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.metrics)) != len(self.metrics):
            raise ValueError("metrics names the same metric twice")
        return self


class Export(Declaration):
    """How the best checkpoint is written."""

    dtype: Literal["float32", "float16"] = "float32"
    """Precision of the exported weights; what ``float16`` costs is measured on validation and recorded."""
    calibrate: bool = False
    """Divide the last layer by the temperature that gives the lowest log loss on validation (Guo et al. 2017): no label
    changes, and probabilities say better how often answers are right."""


class Adaptation(Declaration):
    """A first stage: masked-language-model training on plain texts, from which classification then starts.

    The checkpoint with the lowest validation loss is kept.
    """

    corpus: TextCorpus
    """The plain texts: the table, the name of a built-in corpus, or the path of a declaration."""
    max_length: Annotated[int, Field(ge=8, le=8192)] = 128
    """Tokens of one block, special ones included; the texts are joined and cut into blocks of this length."""
    mlm_probability: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the tokens that the model must restore (Devlin et al. 2019, section 3.1)."""
    training: Training
    """Hyperparameters of this stage; ``label_smoothing``, ``class_weights`` and ``r_drop`` are none of them."""
    evaluation: EvaluationSchedule = EvaluationSchedule()
    """When its validation loss and perplexity are measured."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key in _LABEL_KEYS:
            if getattr(self.training, key) != Training.model_fields[key].default:
                raise ValueError(f"{key} belongs to classification, not to masked-language-model training")
        return self


class Search(Declaration):
    """Values of one setting that ``emohub tune`` tries: either ``choices``, or everything from ``low`` to ``high``."""

    choices: tuple[bool | int | float | str, ...] = ()
    """The values to try."""
    low: float | None = None
    """Lowest value to try."""
    high: float | None = None
    """Highest value to try."""
    log: bool = False
    """Draw evenly on a logarithmic scale."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise ValueError("give either choices, or low and high")
        if not self.choices:
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError("low and high must both be there, and low below high")
            if self.log and self.low <= 0:
                raise ValueError("a logarithmic scale needs a low above 0")
        elif self.log:
            raise ValueError("choices have no scale: leave log out")
        return self


class Recipe(Declaration):
    """A declaration of one training run, or of two: adaptation to plain texts, then classification or distillation."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    """Short name; run folders begin with it."""
    summary: Text
    """One sentence for lists and cards."""
    base_model: Text
    """Hub id or folder of the pretrained model."""
    base_model_revision: Text | None = None
    """Commit or tag of the base model; None takes the newest, and what it resolved to is recorded."""
    base_model_sha256: Sha256 | None = None
    """SHA-256 of the base model's ``model.safetensors``. Weights that differ are refused under this ``base_model``,
    and a local copy with the same weights counts as it."""
    license: Text | None = None
    """Licence identifier that the trained model is published under; None when its author has chosen none."""
    max_length: Annotated[int, Field(ge=2, le=8192)] = 128
    """Tokens, special ones included, after which a text is cut."""
    corpus: Corpus
    """The labelled texts: the table, the name of a built-in corpus, or the path of a declaration."""
    adaptation: Adaptation | None = None
    """Masked-language-model training before classification; None starts classification from the base model itself."""
    distillation: Distillation | None = None
    """Teachers to learn from, instead of the labels alone; None trains on the labels."""
    training: Training
    """Hyperparameters."""
    evaluation: Evaluation = Evaluation()
    """When validation is measured, what is measured, and what decides."""
    export: Export = Export()
    """How the best checkpoint is written."""
    search: dict[Text, Search] = Field(default_factory=dict)
    """What ``emohub tune`` varies, by the name of the setting."""
    documented: Documented | None = None
    """What the model's own document reports, for a documented model."""

    @model_validator(mode="after")
    def _weighs_every_label(self) -> Self:
        weights = self.training.class_weights
        if isinstance(weights, tuple) and len(weights) != len(self.corpus.labels):
            raise ValueError(f"class_weights has {len(weights)} values for {len(self.corpus.labels)} labels")
        for key in ("class_weights", "r_drop"):
            if self.distillation is not None and getattr(self.training, key) != Training.model_fields[key].default:
                raise ValueError(f"{key} belongs to classification, not to distillation")
        return self

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages in the order that they run."""
        last: Stage = "distillation" if self.distillation else "classification"
        return ("masked_lm", last) if self.adaptation else (last,)

    @property
    def unlabelled(self) -> tuple[TextCorpus, ...]:
        """Corpora of plain texts that its last stage learns from beside its own."""
        return self.distillation.unlabelled if self.distillation else ()

    @property
    def digest(self) -> str:
        """SHA-256 over all that changes what is trained; descriptions and documented figures don't count.

        Keys that joined after the first release count from the moment that they differ from their default, so that a
        recipe without them keeps its digest.
        """
        values = self.model_dump(
            mode="json",
            exclude={
                "name": True,
                "summary": True,
                "license": True,
                "documented": True,
                "search": True,
                "corpus": _DESCRIBED,
                "adaptation": {"corpus": _DESCRIBED, "training": {"checkpoint_steps"}},
                "distillation": {"unlabelled": {"__all__": _DESCRIBED}},
                "training": {"checkpoint_steps"},
            },
        )
        for stage in ("adaptation", "distillation"):
            if values[stage] is None:
                del values[stage]
        if self.distillation is not None and not self.distillation.unlabelled:
            del values["distillation"]["unlabelled"]
        if not self.export.calibrate:
            del values["export"]["calibrate"]
        for training in (values, values.get("adaptation", {})):
            for key in _LATER_KEYS & training.get("training", {}).keys():
                if training["training"][key] == Training.model_fields[key].default:
                    del training["training"][key]
        return sha256_text(canonical_json(values))

    @property
    def adaptation_digest(self) -> str:
        """SHA-256 over all that changes what the masked-language-model stage trains.

        Raises:
            UsageError: the recipe has no such stage.
        """
        if self.adaptation is None:
            raise UsageError(f"the recipe {self.name} has no masked_lm stage", "add [adaptation] to it")
        idle = {"checkpoint_steps", "packing", "r_drop"}  # change nothing in this stage
        idle |= {"layer_decay"} if self.adaptation.training.layer_decay == 1 else set()  # joined later
        adaptation = self.adaptation.model_dump(mode="json", exclude={"corpus": _DESCRIBED, "training": idle})
        keys = ("base_model", "base_model_revision", "base_model_sha256")
        return sha256_text(canonical_json({**{key: getattr(self, key) for key in keys}, "adaptation": adaptation}))

    def with_overrides(self, overrides: dict[str, Any]) -> "Recipe":
        """A copy with dotted keys replaced, such as ``{"training.learning_rate": 1e-4}``.

        A key without a dot is looked up in ``training``, ``evaluation`` and ``export`` when the recipe has no such key.

        Raises:
            UsageError: no such key.
            RecipeError: the value is of the wrong type or contradicts another.
        """
        values = self.model_dump(mode="json")
        for key, value in overrides.items():
            *path, leaf = self._full_key(key)
            table = values
            for part in path:
                table = table[part]
            table[leaf] = value
        return Recipe.from_values(values, f"recipe {self.name} with the given settings")

    def setting(self, key: str) -> Any:
        """The value that :meth:`with_overrides` would replace under ``key``.

        Raises:
            UsageError: no such key.
        """
        value: Any = self
        for part in self._full_key(key):
            value = getattr(value, part)
        return value

    def _full_key(self, key: str) -> list[str]:
        sections: dict[str, type[Declaration]] = {"training": Training, "evaluation": Evaluation, "export": Export}
        plain = {"base_model", "base_model_revision", "license", "max_length", "name", "summary"}
        if key in plain:
            return [key]
        section, _, leaf = key.rpartition(".")
        for name, cls in sections.items():
            if section in ("", name) and leaf in cls.model_fields:
                return [name, leaf]
        if self.adaptation is not None:
            for path, declared in (
                (["adaptation"], Adaptation),
                (["adaptation", "training"], Training),
                (["adaptation", "evaluation"], EvaluationSchedule),
            ):
                if section == ".".join(path) and leaf in declared.model_fields:
                    return [*path, leaf]
        if self.distillation is not None:
            for path, part in (
                (["distillation"], self.distillation),
                (["distillation", "student"], self.distillation.student),
                (["distillation", "augmentation"], self.distillation.augmentation),
            ):
                if part is not None and section == ".".join(path) and leaf in type(part).model_fields:
                    return [*path, leaf]
        known = sorted(plain | {field for cls in sections.values() for field in cls.model_fields})
        raise UsageError(f"a recipe has no setting {key!r}", one_of(known, key))


def list_recipes() -> tuple[str, ...]:
    """Names of the built-in recipes, in alphabetical order."""
    return tuple(built_in("recipes"))


def load_recipe(name: str) -> Recipe:
    """A built-in recipe by name, or the one in a TOML file.

    In the file ``corpus`` is the name of a built-in corpus, the path of a corpus declaration (relative to the recipe),
    or a table with the declaration itself; so are the ``corpus`` of ``[adaptation]`` and each of ``unlabelled`` in
    ``[distillation]``, corpora of plain texts.

    Raises:
        UsageError: there is neither a built-in recipe nor a file of that name.
        RecipeError: the file is not a valid recipe.
    """
    path = find_declaration(name, "recipe", "recipes")
    values = read_toml(path)
    if "corpus" in values:
        values["corpus"] = _resolved(values["corpus"], path, load_corpus)
    adaptation, distillation = values.get("adaptation"), values.get("distillation")
    if isinstance(adaptation, dict) and "corpus" in adaptation:
        adaptation["corpus"] = _resolved(adaptation["corpus"], path, load_text_corpus)
    if isinstance(distillation, dict) and isinstance(distillation.get("unlabelled"), list):
        distillation["unlabelled"] = [_resolved(each, path, load_text_corpus) for each in distillation["unlabelled"]]
    return Recipe.from_values(values, str(path))


def _resolved(corpus: Any, path: Path, load: Callable[..., TextSource]) -> Any:
    """A corpus that the recipe at ``path`` names or declares, as the whole declaration."""
    if isinstance(corpus, str):
        return load(corpus, relative_to=path.parent).model_dump(mode="json")
    return {**corpus, "base_folder": str(path.resolve().parent)} if isinstance(corpus, dict) else corpus

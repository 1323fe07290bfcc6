"""Models in memory: loaded in float32 from safetensors alone, made ready for training, and saved."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from emohub.errors import ModelError
from emohub.inference.checkpoint import Checkpoint, find_checkpoint
from emohub.layout import WEIGHTS_FILE
from emohub.record import ModelIdentity
from emohub.tokenizing import LOADING, TrainingTokenizer, load_tokenizer

_POOLER = ".pooler."
"""A base model that was trained without a next-sentence task has no pooler; fine-tuning makes one, as for the head."""
_ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""What the families call the dropout on attention weights."""
_DROPOUTS = ("hidden_dropout_prob", "dropout", "classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout")
"""What the families call the dropout on hidden states and before the head."""


@dataclass(frozen=True)
class BaseModel:
    """A pretrained model with the head that its training needs, and where it came from."""

    model: PreTrainedModel
    checkpoint: Checkpoint

    @property
    def identity(self) -> ModelIdentity:
        """What a record states about the pretrained model."""
        return self.checkpoint.identity

    def tokenizer(self, max_length: int) -> PreTrainedTokenizerBase:
        """The model's tokenizer, which will be saved with ``max_length`` as its limit.

        Raises:
            ModelError: there is none, it is damaged, or the model has fewer positions than ``max_length``.
        """
        tokenizer = load_tokenizer(self.checkpoint.folder, max_length=max_length)
        positions = position_limit(self.model)
        if positions is not None and max_length > positions:
            raise ModelError(
                f"{self.checkpoint.id} reads {positions} tokens and max_length is {max_length}",
                f"set max_length to {positions} or less",
            )
        return tokenizer


def load_classifier(checkpoint: Checkpoint) -> PreTrainedModel:
    """A fine-tuned classifier, every weight of it from the file, in float32.

    Raises:
        ModelError: the files are damaged, or hold something else than a classifier with one label per text.
    """
    model, loaded = load_model(AutoModelForSequenceClassification, checkpoint, load_config(checkpoint))
    if loaded["missing_keys"]:
        raise ModelError(
            f"{checkpoint.id} is not a trained text classifier (its file lacks {sorted(loaded['missing_keys'])[0]})",
            "give a fine-tuned sequence-classification model, or train one from it with `emohub train --base-model`",
        )
    return model


def load_for_training(
    base_model: str | Path,
    labels: Sequence[str],
    *,
    revision: str | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
) -> BaseModel:
    """A pretrained model with a head for ``labels``, in float32 and in training mode.

    What the file lacks of the head is drawn from torch's global random generator: seed it before. A head that fits the
    number of labels is kept. ``dropout`` (on hidden states and before the head) and ``attention_dropout`` replace the
    configuration's; None keeps it.

    Raises:
        UsageError: a revision was given for a local folder.
        ModelError: the model cannot be found, reached or read, or its encoder's weights are not in the file.
    """
    checkpoint = find_checkpoint(base_model, revision=revision)
    config = load_config(checkpoint)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    config.problem_type = "single_label_classification"
    set_dropouts(config, checkpoint, dropout, attention_dropout)
    return load_with_new_head(AutoModelForSequenceClassification, checkpoint, config)


def set_dropouts(config: Any, checkpoint: Checkpoint, dropout: float | None, attention_dropout: float | None) -> None:
    """Replace both kinds of dropout in a configuration, whatever its family calls them; None keeps a kind.

    Raises:
        ModelError: the family has no dropout of that kind.
    """
    kinds = (("dropout", dropout, _DROPOUTS), ("attention_dropout", attention_dropout, _ATTENTION_DROPOUTS))
    for kind, value, names in kinds:
        present = [name for name in names if hasattr(config, name)]
        if value is not None and not present:
            raise ModelError(
                f"{checkpoint.id} has no {kind.replace('_', ' ')}", f"leave {kind} out of the recipe's [training]"
            )
        for name in present if value is not None else ():
            setattr(config, name, value)


def load_with_new_head(auto_class: Any, checkpoint: Checkpoint, config: Any) -> BaseModel:
    """A model in training mode, the encoder from the file, and drawn anew what the file lacks of the head.

    ``auto_class`` is one of transformers' ``AutoModelFor…``.

    Raises:
        ModelError: the file cannot be read, or lacks weights of the encoder.
    """
    vars(config).pop("calibration_temperature", None)  # what is trained on is calibrated no longer
    model, loaded = load_model(auto_class, checkpoint, config, ignore_mismatched_sizes=True)
    encoder = f"{model.base_model_prefix}."
    replaced = {*loaded["missing_keys"], *(key for key, *_ in loaded["mismatched_keys"])}
    lacking = sorted(key for key in replaced if key.startswith(encoder) and _POOLER not in key)
    if lacking:
        raise ModelError(
            f"{checkpoint.id} lacks {len(lacking)} weights of its encoder, {lacking[0]} among them",
            "give --base-model a complete pretrained model",
        )
    return BaseModel(model.train(), checkpoint)


def save_pretrained(
    model: PreTrainedModel,
    tokenizer: TrainingTokenizer,
    folder: Path,
    dtype: str,
    *,
    temperature: float | None = None,
) -> None:
    """Write configuration, safetensors weights in ``dtype`` (``float32`` or ``float16``) and tokenizer into ``folder``.

    The configuration names the precision that the model computes in, so that everybody who loads half-precision
    weights computes in float32 with them, as :class:`~emohub.inference.Classifier` does, and gets the same answers.

    ``temperature`` divides a classifier's logits, and with them the last layer as it is written, so that everybody gets
    the calibrated probabilities, too. ``model`` itself stays as it is.

    Raises:
        ModelError: the folder cannot be written, a weight is too large for ``dtype``, or a temperature is given for a
            model whose last layer cannot be told.
    """
    weights = model.state_dict()
    if temperature is not None:
        head = last_layer(model)
        for name in (f"{head}.weight", f"{head}.bias"):
            if name in weights:
                weights[name] = weights[name] / temperature
    stored = {name: tensor.to(getattr(torch, dtype)) for name, tensor in weights.items()}
    for name, tensor in stored.items():
        if not tensor.isfinite().all():
            raise ModelError(f"the weight {name} has values that {dtype} cannot hold", 'export with dtype = "float32"')
    try:
        with quiet():
            folder.mkdir(parents=True, exist_ok=True)
            model.save_pretrained(folder, state_dict=stored)
            if temperature is not None:
                config = copy.deepcopy(model.config)
                config.calibration_temperature = temperature
                config.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            (folder / WEIGHTS_FILE).chmod(0o644)  # safetensors lets nobody but the writer read it
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"the model cannot be written to {folder} ({error})", "choose a folder with free space"
        ) from None


def last_layer(model: PreTrainedModel) -> str:
    """The name of the one linear layer beside the encoder that gives as many values as there are labels.

    Raises:
        ModelError: there is none, or more than one.
    """
    encoder = f"{model.base_model_prefix}."
    found: list[str] = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and module.out_features == model.config.num_labels
        and not name.startswith(encoder)
    ]
    if len(found) != 1:
        raise ModelError(
            f"{type(model).__name__} has {len(found)} layers that could give its logits, and cannot be calibrated",
            "leave calibrate out of the recipe's [export], or train a model of the BERT, DistilBERT or RoBERTa family",
        )
    return found[0]


def recompute_activations(model: PreTrainedModel) -> None:
    """Let the backward pass compute activations again instead of keeping them: less memory, more time.

    Raises:
        ModelError: the architecture cannot do so.
    """
    try:
        model.activation_checkpointing_enable()
    except ValueError:
        raise ModelError(
            f"{type(model).__name__} cannot recompute its activations", "leave gradient_checkpointing out of the recipe"
        ) from None


def position_limit(model: PreTrainedModel) -> int | None:
    """The most tokens that the model has positions for; None when it has no table of positions."""
    limit: int | None = getattr(model.config, "max_position_embeddings", None)
    embeddings = getattr(getattr(model.base_model, "embeddings", None), "position_embeddings", None)
    # RoBERTa and its kin count positions from the one after the padding id.
    padding_id = getattr(embeddings, "padding_idx", None)
    return limit - padding_id - 1 if limit is not None and padding_id is not None else limit


@contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers' reports and progress bars off the terminal: what matters of them is checked and raised."""
    with LOADING:
        verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
        transformers_logging.set_verbosity(transformers_logging.CRITICAL)
        transformers_logging.disable_progress_bar()
        try:
            yield
        finally:
            transformers_logging.set_verbosity(verbosity)
            if bars:
                transformers_logging.enable_progress_bar()


def load_config(checkpoint: Checkpoint) -> Any:
    """The configuration in a model's folder.

    Raises:
        ModelError: it is damaged, or of a kind that transformers does not know.
    """
    try:
        with LOADING:
            config = AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"the configuration of {checkpoint.id} cannot be read ({_first_line(error)})",
            "give a model of a kind that transformers knows; code inside a model is never run",
        ) from None
    return config


def load_model(
    auto_class: Any, checkpoint: Checkpoint, config: Any, **options: Any
) -> tuple[PreTrainedModel, Mapping[str, Any]]:
    """A model in float32, and transformers' account of the weights that it found and did not find.

    Raises:
        ModelError: the file cannot be read, or does not fit the configuration.
    """
    try:
        with quiet():
            model, loaded = auto_class.from_pretrained(
                checkpoint.folder,
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        what = "masked language model" if auto_class is AutoModelForMaskedLM else "text classifier"
        raise ModelError(
            f"{checkpoint.id} cannot be loaded as a {what} ({_first_line(error)})",
            "fetch or export it again, or give another model",
        ) from None
    return model, loaded


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")

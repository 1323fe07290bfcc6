"""What a run starts from: labelled texts, tokens, and a pretrained model; and how its record names them."""

from dataclasses import dataclass
from pathlib import Path

from emohub import inference, tokenizing
from emohub.data import LabelledTexts, load_split, split_identity
from emohub.errors import ModelError
from emohub.inference import BaseModel
from emohub.recipe import Recipe
from emohub.record import ModelIdentity, SplitIdentity
from emohub.tokenizing import Tokenizer, Tokens


@dataclass(frozen=True)
class Material:
    """Everything that a run reads."""

    splits: dict[str, LabelledTexts]
    """The splits ``train`` and ``validation``."""
    tokens: dict[str, Tokens]
    """Their tokens, by the same names."""
    base: BaseModel
    tokenizer: Tokenizer
    identity: ModelIdentity
    """What the record calls the base model."""
    recorded: Recipe
    """The recipe as the record keeps it; see :func:`recorded_recipe`."""

    @property
    def data_identities(self) -> dict[str, SplitIdentity]:
        """What the record states about each split."""
        return {name: split_identity(split, self.tokens[name].truncated) for name, split in self.splits.items()}


def gather_material(recipe: Recipe, base_model: str | None, data_dir: Path | None) -> Material:
    """Read data, model and tokenizer; whatever is wrong with them shows here, before time is spent.

    Weights that the base model lacks (the head) are drawn from torch's global generator.

    Raises:
        DataError, ModelError, UsageError: one of them cannot be used.
    """
    splits = {name: load_split(recipe.corpus, name, data_dir=data_dir) for name in ("train", "validation")}
    base = inference.load_for_training(
        base_model or recipe.base_model,
        recipe.corpus.labels,
        revision=None if base_model else recipe.base_model_revision,
        attention_dropout=recipe.training.attention_dropout,
    )
    identity = base_identity(recipe, base.identity, given=base_model is not None)
    tokenizer = base.tokenizer(recipe.max_length)
    tokens = {name: tokenizing.tokenize(tokenizer, split.texts, recipe.max_length) for name, split in splits.items()}
    return Material(splits, tokens, base, tokenizer, identity, recorded_recipe(recipe, identity))


def base_identity(recipe: Recipe, loaded: ModelIdentity, *, given: bool) -> ModelIdentity:
    """What the record calls the base model: the recipe's own id when the weights are proven to be that model's.

    ``given`` is True when ``--base-model`` named another place than the recipe.

    Raises:
        ModelError: the weights that the recipe's own id led to are not the ones that the recipe names.
    """
    same = loaded.fingerprint == recipe.base_model_sha256
    if same and given:
        return loaded.model_copy(update={"id": recipe.base_model})
    if recipe.base_model_sha256 and not same and not given:
        raise ModelError(
            f"the weights of {recipe.base_model} have the SHA-256 {loaded.fingerprint}, not the recipe's",
            "pin base_model_revision, or correct base_model_sha256",
        )
    return loaded


def recorded_recipe(recipe: Recipe, base_model: ModelIdentity) -> Recipe:
    """The recipe as the record keeps it: with the base model that was used and without this machine's paths."""
    corpus = recipe.corpus
    splits = {
        name: split if split.file is None else split.model_copy(update={"file": Path(split.file).name})
        for name, split in corpus.splits.items()
    }
    portable = corpus.model_copy(update={"base_folder": ".", "splits": splits})
    return recipe.model_copy(update={"base_model": base_model.id, "corpus": portable})

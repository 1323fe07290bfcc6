"""What changed in the libraries of the documented models, as far as it was checked.

Each entry was read in its source, and for Transformers and Datasets also in the code of ``since`` and of a version
before it. The list holds what bears on fine-tuning a BERT classifier; it does not claim to be complete.
"""

from dataclasses import dataclass
from typing import Literal

GUIDE = "https://github.com/huggingface/transformers/blob/main/MIGRATION_GUIDE_V5.md"


@dataclass(frozen=True)
class Change:
    """A difference in behaviour between two versions of a library."""

    library: str
    """As the documents call it."""
    since: str | None
    """First version that behaves in the new way; None when any two versions may differ so."""
    affects: Literal["figures", "code"]
    """``figures``: the same training may measure something else. ``code``: a script of then must be written anew."""
    what: str
    here: str
    """What it means in emohub."""
    source: str
    """Address of the statement."""


def _pull(repository: str, number: int) -> str:
    return f"https://github.com/huggingface/{repository}/pull/{number}"


CHANGES: tuple[Change, ...] = (
    Change(
        "Transformers",
        "4.32.0",
        "figures",
        "The Trainer's default optimizer became PyTorch's AdamW; before, it was Transformers' own.",
        "emohub trains with PyTorch's AdamW.",
        _pull("transformers", 25109),
    ),
    Change(
        "Transformers",
        "4.35.0",
        "code",
        "save_pretrained writes safetensors by default; before, it wrote pickle files.",
        "emohub reads safetensors alone: load an older model in Transformers and save it again.",
        _pull("transformers", 27064),
    ),
    Change(
        "Transformers",
        "4.38.0",
        "figures",
        "The Trainer asks Accelerate for its seedable sampler by default; before, the order of the batches came from "
        "PyTorch's sampler or from whatever the Accelerate version chose.",
        "emohub shuffles by itself, so that a documented seed gives another order in any case.",
        _pull("transformers", 28664),
    ),
    Change(
        "Transformers",
        "4.41.0",
        "figures",
        "BERT computes its attention with PyTorch's scaled_dot_product_attention by default, which rounds differently.",
        "emohub keeps the default.",
        _pull("transformers", 28802),
    ),
    Change(
        "Transformers",
        "4.41.0",
        "code",
        "TrainingArguments' evaluation_strategy was renamed to eval_strategy; the old name has since been removed.",
        "Recipes say eval_strategy.",
        _pull("transformers", 30190),
    ),
    Change(
        "Transformers",
        "4.46.0",
        "figures",
        "DistilBERT computes its attention with scaled_dot_product_attention by default too.",
        "emohub keeps the default.",
        _pull("transformers", 33724),
    ),
    Change(
        "Transformers",
        "4.54.0",
        "figures",
        "With PyTorch 2.8 or newer the Trainer's default optimizer is the fused AdamW, which rounds differently.",
        "emohub trains with the fused AdamW.",
        _pull("transformers", 37358),
    ),
    Change(
        "Transformers",
        "5.0.0",
        "figures",
        "from_pretrained keeps the precision of the file; before, weights were loaded in fp32.",
        "emohub loads in fp32 whatever the file holds.",
        _pull("transformers", 34919),
    ),
    Change(
        "Transformers",
        "5.0.0",
        "code",
        "Trainer takes processing_class instead of tokenizer, overwrite_output_dir is gone, and a share of the steps "
        "is given as warmup_steps, not warmup_ratio.",
        "Recipes say warmup_steps, a number of steps or a share.",
        GUIDE,
    ),
    Change(
        "Transformers",
        "5.0.0",
        "code",
        "A model has one tokenizer class, run by the Rust library where it can; the slow Python twins are gone.",
        "emohub loads whatever AutoTokenizer gives.",
        GUIDE,
    ),
    Change(
        "PyTorch",
        None,
        "figures",
        "Results are not guaranteed to be the same in two releases, nor on two platforms, with the same seed.",
        "A documented figure can be met within its interval, not digit for digit.",
        "https://docs.pytorch.org/docs/stable/notes/randomness.html",
    ),
    Change(
        "PyTorch",
        "2.0.0",
        "code",
        "scaled_dot_product_attention and torch.compile were added.",
        "emohub's attention uses the first; the second is an option of recipes.",
        "https://github.com/pytorch/pytorch/releases/tag/v2.0.0",
    ),
    Change(
        "PyTorch",
        "2.6.0",
        "code",
        "torch.load reads tensors alone unless weights_only=False is given.",
        "emohub never opens pickled weights.",
        "https://github.com/pytorch/pytorch/pull/137602",
    ),
    Change(
        "Datasets",
        "3.0.0",
        "code",
        "Metrics were removed, load_metric among them; the library Evaluate has them.",
        "emohub brings its own metrics.",
        _pull("datasets", 6983),
    ),
    Change(
        "Datasets",
        "4.0.0",
        "code",
        "Datasets that are made by a script in their repository cannot be loaded any more.",
        "emohub never runs a script of a dataset.",
        _pull("datasets", 7592),
    ),
    Change(
        "Datasets",
        "4.0.0",
        "code",
        "A column of a dataset is a lazy object; before, it was a list.",
        "emohub reads the Arrow table below it.",
        _pull("datasets", 7614),
    ),
)

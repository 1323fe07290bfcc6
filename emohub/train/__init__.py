"""Training: a recipe becomes a measured checkpoint and a run record, by one Accelerate loop."""

from emohub.train.loop import Progress, train

__all__ = ["Progress", "train"]

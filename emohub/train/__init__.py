"""Training: a recipe becomes a measured checkpoint and a run record, by one Accelerate loop."""

from emohub.train.accelerator import is_main_process
from emohub.train.progress import Progress
from emohub.train.range_test import RangeTest, find_learning_rate
from emohub.train.run import train

__all__ = ["Progress", "RangeTest", "find_learning_rate", "is_main_process", "train"]

"""Search for better settings with Optuna, on validation alone."""

from emohub.tune.record import Trial, TuneRecord
from emohub.tune.search import BEST_RECIPE_FILE, TUNE_FILE, tune

__all__ = ["BEST_RECIPE_FILE", "TUNE_FILE", "Trial", "TuneRecord", "tune"]

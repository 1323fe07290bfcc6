"""What can go wrong, each with its cause and its remedy in one sentence."""


class EmohubError(Exception):
    """A failure that a person can act on.

    ``cause`` says what went wrong and ``remedy`` what to do about it; ``str()`` joins them into one sentence.
    Neither may hold a secret: both are printed and logged.
    """

    exit_code = 1
    """What the command line exits with: 1, the command failed; 2, it was called wrongly."""

    def __init__(self, cause: str, remedy: str) -> None:
        self.cause = cause.rstrip(". ")
        self.remedy = remedy.rstrip(". ")
        super().__init__(f"{self.cause}; {self.remedy}.")


class UsageError(EmohubError):
    """A command or function was called with something it cannot take: a wrong name, option or value."""

    exit_code = 2


class RecipeError(EmohubError):
    """A recipe or corpus declaration is not valid."""


class RecordError(EmohubError):
    """A run or evaluation record is missing, damaged, or of another version."""


class DataError(EmohubError):
    """A dataset or table cannot be read, or its rows are not what the corpus declares."""


class ModelError(EmohubError):
    """A model cannot be found, loaded, or used as a text classifier."""


class TrainingError(EmohubError):
    """Training cannot start, go on, or write its results."""


class DivergedError(TrainingError):
    """The loss or the gradient is no longer a finite number: these settings do not train, others may."""


class StoppedError(TrainingError):
    """A run was asked to stop, by SIGTERM or Ctrl-C, and has saved where it is."""

    def __init__(self, cause: str, remedy: str, signal_number: int) -> None:
        super().__init__(cause, remedy)
        self.exit_code = 128 + signal_number  # as shells report a process that a signal ended


class CardError(EmohubError):
    """A model card cannot be rendered, or is not valid."""


class PublishError(EmohubError):
    """A model cannot be published: preflight, authentication, or the Hub refused."""


class BusyError(EmohubError):
    """More work is waiting than the page accepts."""

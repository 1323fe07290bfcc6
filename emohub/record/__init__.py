"""Records of what a run did and what an evaluation measured: versioned JSON, the only source of published numbers."""

from emohub.record.base import Finite, Record
from emohub.record.calibration import Calibration, Confidence
from emohub.record.description import (
    ENGLISH_EXAMPLES,
    Answer,
    DescriptionRecord,
    LabelDescription,
    Mistake,
    Speed,
    SplitDescription,
)
from emohub.record.environment import PACKAGES, Environment, current_environment, utc_now
from emohub.record.evaluation import CalibrationBin, EvalRecord, Interval, IntervalMethod, LabelResult
from emohub.record.export import ExportedFile, ExportRecord
from emohub.record.files import check_writable, new_file, sha256_file, write_atomically
from emohub.record.identity import ModelIdentity, SplitIdentity
from emohub.record.output import check_output
from emohub.record.publication import PublicationRecord
from emohub.record.robustness import (
    SURE,
    WEAK,
    FailedText,
    GroupProbe,
    GroupResult,
    RobustnessRecord,
    RobustnessTest,
    UnfamiliarTexts,
)
from emohub.record.run import (
    DistillationRecord,
    Energy,
    Exported,
    Finding,
    HistoryRow,
    PreviousStage,
    RunRecord,
    SmallerBatch,
    Teacher,
)
from emohub.record.verification import VerificationRecord, VerifiedClaim

__all__ = [
    "ENGLISH_EXAMPLES",
    "PACKAGES",
    "SURE",
    "WEAK",
    "Answer",
    "Calibration",
    "CalibrationBin",
    "Confidence",
    "DescriptionRecord",
    "DistillationRecord",
    "Energy",
    "Environment",
    "EvalRecord",
    "ExportRecord",
    "Exported",
    "ExportedFile",
    "FailedText",
    "Finding",
    "Finite",
    "GroupProbe",
    "GroupResult",
    "HistoryRow",
    "Interval",
    "IntervalMethod",
    "LabelDescription",
    "LabelResult",
    "Mistake",
    "ModelIdentity",
    "PreviousStage",
    "PublicationRecord",
    "Record",
    "RobustnessRecord",
    "RobustnessTest",
    "RunRecord",
    "SmallerBatch",
    "Speed",
    "SplitDescription",
    "SplitIdentity",
    "Teacher",
    "UnfamiliarTexts",
    "VerificationRecord",
    "VerifiedClaim",
    "check_output",
    "check_writable",
    "current_environment",
    "new_file",
    "sha256_file",
    "utc_now",
    "write_atomically",
]

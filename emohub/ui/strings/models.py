"""The words of the tab Models."""

TAB = "Models"
UNREADABLE_CARD = "This model's card cannot be read ({reason})."
NO_CARD = "This model has no card. `emohub card RUN` writes one from a run's records."
CASCADE = (
    "**{name}** is a cascade: {small} answers where the probability of its answer is at least {threshold}, {large} the "
    "rest.\n\nOn {corpus}, {split} split ({rows} texts), where that threshold was chosen, {large} answers {share}. "
    "Accuracy: {accuracy}; {small} alone {small_accuracy}, {large} alone {large_accuracy}."
)

MEASURED = "Measured here"
MEASURED_DETAIL = (
    "Best first on each dataset, by macro F1. Each figure stands above its {level:.0%} bootstrap interval; the lines "
    "below them run from {floor:.2f} to 1. Figures of different datasets cannot be compared."
)
SPEED_DETAIL = "Speed is that of one text at a time (median) and of many at once, on {machines}."
DATASET_DETAIL = "{split} split, {rows} rows"
NOTHING_MEASURED = "Nothing has been measured yet. The commands emohub evaluate and emohub card do that."
REPORTED = "Reported by others"
REPORTED_DETAIL = (
    "Figures from the models' own documents. This project has not reproduced them, and they cannot be held against the "
    "table above: the documents leave open which rows were measured, and of what kind the averages are."
)
MEASURED_COLUMNS = ("Model", "Accuracy", "Macro F1", "Parameters", "Speed", "Measured again")
REPORTED_COLUMNS = ("Model", "Dataset", "Rows (inferred)")
REPORTED_METRICS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "precision_unstated_average": "Precision",
    "recall_unstated_average": "Recall",
    "f1_unstated_average": "F1",
}
NOT_STATED = "not stated"
NOT_MEASURED = "not measured"
MILLIONS = "{millions:.1f} M"
MEGABYTES = "{megabytes:.1f} MB"
TEXTS_PER_SECOND = "{count} texts/s"
CARDS = "Model cards"
SAVE_CARD = "Save this card"
CHECKS_OF = "{name}: {audit} {verification}"
AUDIT = "Audit of this card"
AUDIT_CLEAN = "Nothing was found."
AUDIT_CLEAN_DETAIL = "The Hub can read the card, and what it claims agrees with itself."
AUDIT_FOUND = "Errors: {errors}, warnings: {warnings}."
SEVERITIES = {"error": "Error", "warning": "Warning"}
LINE = "line {line}, {key}"
VERIFICATION = "Measured again"
NOT_VERIFIED = "Not measured again yet."
HOW_TO_VERIFY = "emohub verify {model} --save holds the figures of the card against a new measurement."
VERIFIED = {"reproduced": "reproduced", "not reproduced": "not reproduced"}
VERIFIED_COUNTS = "Figures reproduced: {reproduced}, that differ: {differs}, that cannot be checked: {unchecked}."
VERIFIED_WHEN = "{model}{revision}, on {day}."
AT_REVISION = " at commit {revision}"
OTHER_WEIGHTS = "That was with other weights than these records are of."
WEIGHTS_NOT_NAMED = "The weights are not those that the card names."
EACH_FIGURE = "Each figure"
CLAIM_COLUMNS = ("Figure", "Outcome", "Claimed", "Measured")
OUTCOMES = {"reproduced": "reproduced", "differs": "differs", "cannot be checked": "cannot be checked"}

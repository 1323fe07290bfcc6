"""The words of the tab Evaluate."""

TAB = "Evaluate"
LIMITS = (
    "A CSV, JSONL or parquet file with a text and its right label in each row: up to {rows} rows and {megabytes} MiB. "
    "The server reads it and deletes it at once; its rows stay in memory until you leave."
)
UPLOAD = "Choose a labelled file"
SAMPLE = "Try a sample"
NO_FILE = "The first rows of your file appear here."
NO_FILE_DETAIL = "48 made-up sentences, labelled joy, sadness or anger, come with the page."
EMPTY = "The measurements appear here."
EMPTY_DETAIL = (
    "How often each model is right and how sure that is, what it confuses, whether one is better than another, and "
    "where they differ."
)
TEXT_COLUMN = "Column with the texts"
LABEL_COLUMN = "Column with the labels"
SLICE_COLUMN = "Also cut by"
NO_COLUMN = "nothing"
RUN = "Evaluate"
CANCEL = "Stop"
NOTHING_OPEN = "no file is open"
OPEN_SOMETHING = "choose one, or the sample"
WAITING = "Waiting for its turn, and for the models"
ANSWERING = "{model} answers the texts ({place} of {models})"
MEASURING = "Measuring how sure the figures of {model} are ({place} of {models})"
DRAWING = "Drawing"
PROGRESS = "Evaluating"
TEXTS_DONE = "{done} of {total} texts"
RESAMPLES_DONE = "{done} of {total} resamples"
STOPPED = "Stopped. Nothing was kept."
STOPPED_DETAIL = "The file is still open and can be evaluated again."
ONE_MODEL = "{model} is right on {accuracy} of {texts}."
BEST = "{model} is right most often: on {accuracy} of {texts}."
TIE = "{models} are right equally often: on {accuracy} of {texts}."
BETTER = "Its lead over {second} is unlikely to be chance (p = {p})."
MAYBE_CHANCE = "Its lead over {second} may be chance (p = {p})."
TEXTS = "{count} texts"
ONE_TEXT = "1 text"
UNALIGNED = "Not measured: {reason}. A model is measured when it knows every label of the file, by name."
LEFT_OUT = "Rows left out, because they have no text or no label: {count}."
OTHER_LABELS = (
    "Answers outside the file's labels come from {models} and count as wrong; the averages are over {labels} alone."
)
SCORES = "Scores"
SCORES_DETAIL = (
    "Each figure stands above its {level:.0%} interval (percentile bootstrap, {resamples} resamples, seed {seed}). "
    "Calibration error: how far confidence and accuracy are apart on average; 0 is best."
)
SCORE_COLUMNS = ("Model", "Accuracy", "Macro F1", "Log loss", "Calibration error", "Texts cut")
LABELS = "Label by label"
LABELS_DETAIL = "F1 of each label above its interval, then precision and recall."
LABEL_COLUMNS = ("Label", "Texts")
PRECISION = "precision {value:.4f}"
RECALL = "recall {value:.4f}"
CONFUSION = "What is taken for what"
CONFUSION_DETAIL = (
    "A row for each true label, a column for each answer, shaded by the share of the row; the diagonal is right."
)
CONFUSION_ALTERNATIVE = "Confusion matrix of {model}. {rows}"
CONFUSION_ROW = "{label}: {right} of {support} right{most}."
CONFUSION_MOST = ", {count} taken for {answer}"
OTHER_ANSWER = "other"
CALIBRATION = "As right as it is sure?"
CALIBRATION_DETAIL = (
    "Texts in bins by the probability of the answer. On the dashed line, answers given with 80% are right in 80% of "
    "the cases; below it a model is too sure. The bars are 95% intervals."
)
CALIBRATION_ALTERNATIVE = "Accuracy against confidence. Expected calibration error: {errors}."
PAIRS = "Model against model"
PAIRS_DETAIL = (
    "On the same texts. p is that of the exact McNemar test, then corrected for the number of pairs (Holm): below 0.05 "
    "the difference is unlikely to be chance. Overlap: the share of the errors of either that both make."
)
PAIR_COLUMNS = (
    "Models",
    "Right alone",
    "Both right",
    "Both wrong",
    "Overlap",
    "Difference in accuracy",
    "p",
    "p (Holm)",
)
OVERLAP_ALTERNATIVE = "Texts answered wrongly. {pairs}"
OVERLAP_PAIR = "{first} alone {only_first}, {second} alone {only_second}, both {both}."
OVERLAP_CAPTION = "Texts answered wrongly."
SLICES = "Alike everywhere?"
SLICES_DETAIL = (
    "Accuracy above its 95% Wilson interval. The gap is between the best and the worst slice of {least} texts or more."
)
SLICE_NAMES = {"length": "By length", "label": "By label", "column": "By {column}"}
SLICE_COLUMNS = ("Slice", "Texts")
GAP = "Gap"
NO_GAP = "too few texts"
ALL_SLICES = "all slices"
DISAGREEMENTS = "Where they differ"
AGREEMENT = "The models give the same answer to {share} of the texts."
DISAGREEMENTS_SOME = "The first {shown} of {count} texts that they answer differently; the files hold all."
ROW_COLUMNS = ("Row", "Text", "Label")
WRONG = "wrong"
SAVE_JSON = "Save all figures (JSON)"
SAVE_CSV = "Save the rows where they differ (CSV)"
FILES_NOTE = "Rows are counted from 0. In CSV, cells that a spreadsheet would run start with an apostrophe."

"""Every English sentence and name that the page shows, in one place."""

TITLE = "emohub"
TAGLINE = "Emotion and sentiment classifiers: try one, hold several side by side, see what was measured."
SKIP = "Skip to the tabs"
COPY_LINK = "Copy link"
LINK_COPIED = "Link copied. It holds your text."
LINK_NOT_COPIED = "The browser did not allow that. Copy the link from its address bar."
LINK_WITHOUT_TEXT = "The text is too long for a link, so the link leaves it out."
ADDRESS_TOO_LONG = "The link was too long and was not followed."
ADDRESS_NO_TAB = "The link names a tab that is not here: {tab}."
ADDRESS_TEXT_TOO_LONG = "The text in the link was too long and was left out."
ADDRESS_NO_MODEL = "The link names a model that is not served here: {model}."

SAVE_CSV = "Save as CSV"
SAVE_JSON = "Save as JSON"
SAVE_PICTURE = "Save this picture"
TEXT = "Text"
TEXT_PLACEHOLDER = "Type a sentence and press Enter"
MODEL = "Model"
MODELS = "Models"
EXAMPLES_HEADING = "Or try one of these"
EXAMPLES = (
    "I got the job, and I still can't stop smiling!",
    "They promised to call back. Nobody ever did.",
    "It is a beautiful film about a terrible loss.",
    "Walking home alone tonight felt really unsafe.",
)

CLASSIFY_TAB = "Classify"
CLASSIFY = "Classify"
CLASSIFY_EMPTY = "The answer appears here."
CLASSIFY_EMPTY_DETAIL = "All labels of the model, each with its probability."
CLASSIFY_PLACEHOLDER = "Type a sentence; the answer follows"
UNREAD = "Not read: the last {characters} characters"
HISTORY = "This session"
HISTORY_DETAIL = "Your browser keeps this list until you close the page. Choose a text to ask it again."
HISTORY_AGAIN = "Ask this again"
HISTORY_COLUMNS = ("Text", "Model", "Label", "Probability")
HISTORY_CLEAR = "Clear the list"
PROBABILITIES = "Probability of each label"
LABEL = "Label"
PROBABILITY = "Probability"

COMPARE_TAB = "Compare"
COMPARE = "Compare"
COMPARE_EMPTY = "The answers appear here, side by side."
COMPARE_EMPTY_DETAIL = "Labels are matched by name. Where a model does not know a label, its row says so."
NO_MODEL_CHOSEN = "no model is chosen"
CHOOSE_MODEL = "tick at least one"
UNKNOWN_LABEL = "no such label"
ONE_ANSWER = "One model, one answer: {label}."
ALL_AGREE = "All {count} models agree: {label}."
SOME_AGREE = "{names} agree: {label}."
DISAGREE = "The models disagree: {answers}."
ANSWER_OF = "{names} → {label}"
NOT_COMPARABLE = "The models know different labels, so their answers neither agree nor disagree."
APART = "{names} knows other labels and stands apart."
APART_MANY = "{names} know other labels and stand apart."
RELATIONS = {"agree": "agrees", "disagree": "differs", "apart": "other labels"}

TOKENS = "{tokens} tokens"
ONE_TOKEN = "1 token"
MILLISECONDS = "{milliseconds} ms"
TRUNCATED = "The text has {tokens} tokens. The model read the first {max_length} and ignored the rest."

MODELS_TAB = "Models"
NO_CARD = "This model has no card. `emohub card RUN` writes one from a run's records."

SERVING = "emohub is at {url} (Ctrl-C stops it)"
LOADING = "Loading {names}: an answer of theirs waits until they are there."
LOADING_ONE = "Loading {names}: an answer of this model waits until it is there."
NOT_LOADED = "{name} cannot be used: {reason}"
CLOSED_ROUTE = "This page has no such address."
TOO_LARGE = "The request is larger than {megabytes} MiB; send less at once."
TOO_MANY_REQUESTS = "Too many requests came from your address; try again in {seconds} s."
UPLOADS_FULL = "Too many uploaded files wait on the server; try again in a few minutes."

MEASURED = "Measured here"
MEASURED_DETAIL = "Each figure stands above its {level:.0%} bootstrap interval, on the split that its row names."
SPLIT = "split"
NOTHING_MEASURED = "Nothing has been measured yet. The commands emohub evaluate and emohub card do that."
REPORTED = "Reported by others"
REPORTED_DETAIL = (
    "Figures from the models' own documents. This project has not reproduced them, and they cannot be held against the "
    "table above: the documents leave open which rows were measured, and of what kind the averages are."
)
MEASURED_COLUMNS = ("Model", "Measured on", "Rows", "Accuracy", "Macro F1", "Size")
REPORTED_COLUMNS = ("Model", "Dataset", "Rows (inferred)")
REPORTED_METRICS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "precision_unstated_average": "Precision",
    "recall_unstated_average": "Recall",
    "f1_unstated_average": "F1",
}
NOT_STATED = "not stated"
MEGABYTES = "{megabytes:.1f} MB"
CARDS = "Model cards"

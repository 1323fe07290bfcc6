"""Every English sentence and name that the page shows: here what several tabs share, and a module for each tab."""

from emohub.ui.strings import batch, classify, compare, evaluate, explain, feedback, hub_models, models, server

__all__ = ["batch", "classify", "compare", "evaluate", "explain", "feedback", "hub_models", "models", "server"]

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
PROBABILITIES = "Probability of each label"
LABEL = "Label"
PROBABILITY = "Probability"
NO_MODEL_CHOSEN = "no model is chosen"
CHOOSE_MODEL = "tick at least one"
CHOOSE_FEWER = "untick some"
UNKNOWN_LABEL = "no such label"

TOKENS = "{tokens} tokens"
ONE_TOKEN = "1 token"
MILLISECONDS = "{milliseconds} ms"
ANSWERED_BY = "answered by {model}"
TRUNCATED = "The text has {tokens} tokens. The model read the first {max_length} and ignored the rest."

LOADING = "Loading {names}: an answer of theirs waits until they are there."
LOADING_ONE = "Loading {names}: an answer of this model waits until it is there."
NOT_LOADED = "{name} cannot be used: {reason}"

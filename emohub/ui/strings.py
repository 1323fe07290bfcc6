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
COMPARE_EMPTY_DETAIL = "Labels are matched by name; those that only one model knows are shown apart."
COMPARE_TEXTS_HINT = "Several texts at once, up to {most}: one on each line. Shift and Enter begin a new one."
COMPARE_SEVERAL_EXAMPLE = "Compare these examples"
NO_MODEL_CHOSEN = "no model is chosen"
CHOOSE_MODEL = "tick at least one"
CHOOSE_FEWER = "untick some"
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
OWN_LABELS = "Only in this model"
OTHER_LABELS = "{count} labels that it does not know"
ONE_OTHER_LABEL = "1 label that it does not know"
TEXTS_DISAGREE = "The models disagree on {count} of {total} texts. The furthest apart come first."
TEXTS_AGREE = "The models disagree on none of {total} texts. The furthest apart come first."
TEXTS_ONE_MODEL = "One model, {total} texts."
TEXTS_SECONDS = "{texts} texts · {seconds} s"
TEXT_RELATIONS = {"agree": "agree", "disagree": "differ", "apart": "other labels"}
TEXT_DISTANCE = "up to {points} points apart"
TEXT_OPEN_HINT = "Open a text to see every probability."
COMPARE_PICTURE = "Draw a picture"
COMPARE_PICTURE_ALT = "Probabilities of {labels} by {models}; the figures stand in the columns above."
COMPARE_PICTURE_TEXTS_ALT = "Answers of {models} to {texts} texts; they stand in the list above."
COMPARE_PICTURE_CAPTION = "What each model makes of “{text}”"
COMPARE_PICTURE_TEXTS_CAPTION = "The {texts} texts that the models are furthest apart on."

HUB_ADD = "Add a model from the Hub"
HUB_ID = "Hub id"
HUB_ID_PLACEHOLDER = "OWNER/NAME"
HUB_ID_INFO = "Public models with safetensors weights, up to {megabytes} MB: {allowed}"
HUB_NONE_ALLOWED = (
    "This page adds no models. Whoever starts it can allow some: emohub demo --allow-model OWNER/NAME, or OWNER/*."
)
HUB_ADD_BUTTON = "Add"
HUB_CANCEL = "Stop"
HUB_LOOKING = "Looking {id} up on the Hub …"
HUB_FETCHING = "{id}: {done} of {total} MB"
HUB_LOADING = "{id} has arrived and is being loaded …"
HUB_ADDED = "{id} is added, for you alone and until you leave the page."
HUB_ALREADY = "{id} is here already."
HUB_STOPPED = "Stopped. Nothing was kept."

EXPLAIN_TAB = "Explain"
EXPLAIN = "Explain"
EXPLAIN_EMPTY = "The words appear here, tinted by what they add to the answer."
EXPLAIN_EMPTY_DETAIL = "Choose a word to take it away, and see how every model's answer moves."
EXPLAIN_EXAMPLE = "Try an example"
EXPLAIN_METHOD = "Method"
EXPLAIN_METHODS = {
    "gradient_x_input": "Gradient × input",
    "integrated_gradients": "Integrated gradients",
    "leave_one_out": "Leave one out",
}
EXPLAIN_METHOD_INFO = "The first is quick and rough. The second adds up to the answer, the third removes each word."
EXPLAIN_LABEL = "Label to explain"
EXPLAIN_ANSWER_LABEL = "the model's answer"
EXPLAIN_WORDS = "The words of the text"
EXPLAIN_WORD = "{word}, {score}"
EXPLAIN_REMOVED = "taken away"
EXPLAIN_REPLACED = "replaced by {word}"
EXPLAIN_FOR = "speaks for {label}"
EXPLAIN_AGAINST = "speaks against {label}"
EXPLAIN_HINT = "Choose a word to take it away; choose it again to put it back. Arrow keys go from word to word."
EXPLAIN_ONE_UNREAD = "The last word, in italics, is beyond what the model reads."
EXPLAIN_UNREAD = "The last {count} words, in italics, are beyond what the model reads."
EXPLAIN_NOT_READ = "not read"
EXPLAIN_REPLACE = "In the place of “{word}”"
EXPLAIN_REPLACE_PLACEHOLDER = "Another word, and Enter"
EXPLAIN_RESTORE = "Put all words back"
EXPLAIN_WHAT_IF = "What if the text said this instead?"
EXPLAIN_TURNED = "{count} of {total} models would answer something else."
EXPLAIN_NONE_TURNED = "No model would answer something else."
EXPLAIN_MOVES = ("Model", "Before", "After", "Change")
EXPLAIN_POINTS = "{label} {points} points"
EXPLAIN_TRUST = "How far to trust this"
EXPLAIN_TRUSTED = "these words carry the answer"
EXPLAIN_DOUBTFUL = "random words do as well, so do not rely on it"
EXPLAIN_JUDGED = (
    "The probability of {label} is {whole}. Without the {count} words with the highest scores it is {without}; without "
    "{count} random ones {without_random} on average. With those {count} words alone it is {alone}; with {count} "
    "random ones alone {alone_random}."
)
EXPLAIN_ONE_JUDGED = (
    "The probability of {label} is {whole}. Without the word with the highest score it is {without}; without a random "
    "one {without_random} on average. With that word alone it is {alone}; with a random one alone {alone_random}."
)
EXPLAIN_BY_SCORE = "All words by score"
EXPLAIN_COLUMNS = ("Word", "Position", "Score")
EXPLAIN_PATH = (
    "The scores follow the probability from {probability}, for a text of {baseline}, over {points} points; they miss "
    "{residual} percentage points of the difference."
)
EXPLAIN_DRAW = "Draw a picture"
EXPLAIN_PICTURE_ALT = "The words tinted by what they add to {label}; the scores are in the list of words above."
EXPLAIN_PICTURE_CAPTION = "What each word adds to {label}, by {method}."

BATCH_TAB = "Batch"
BATCH_LIMITS = (
    "A CSV, JSONL or parquet file with one text a row: up to {rows} rows and {megabytes} MiB. The server reads it and "
    "deletes it at once; its rows stay in memory until you leave."
)
BATCH_UPLOAD = "Choose a file"
BATCH_SAMPLE = "Try made-up feedback"
BATCH_NO_FILE = "The first rows of your file appear here."
BATCH_NO_FILE_DETAIL = "Made-up feedback to a shop, with dates and products, comes with the page."
BATCH_EMPTY = "The answers appear here."
BATCH_EMPTY_DETAIL = "How often each label was given, over time and by group, and the least certain rows."
BATCH_TEXT_COLUMN = "Column with the texts"
BATCH_DATE_COLUMN = "Column with dates"
BATCH_GROUP_COLUMN = "Column with groups"
BATCH_NO_COLUMN = "none"
BATCH_PREVIEW = "The first rows"
BATCH_SIZE = "{rows} rows, {columns} columns"
BATCH_RUN = "Classify all rows"
BATCH_CANCEL = "Stop"
BATCH_NOTHING_OPEN = "no file is open"
BATCH_OPEN_SOMETHING = "choose one, or the sample"
BATCH_RUNNING = "Classifying the rows"
BATCH_WAITING = "Waiting for its turn, and for the model"
BATCH_ROWS_DONE = "{done} of {total} rows"
BATCH_SECONDS_LEFT = "about {seconds} s left"
BATCH_MINUTES_LEFT = "about {minutes} min left"
BATCH_STOPPED = "Stopped. Nothing was kept."
BATCH_STOPPED_DETAIL = "The file is still open and can be classified from its first row."
BATCH_HEADLINE = "{label} is the most frequent answer: {share} of {rows} texts, says {model}."
BATCH_TOOK = "{seconds} s"
BATCH_ONE_ROW = "1 row"
BATCH_ROWS = "{count} rows"
BATCH_WITHOUT_TEXT = "{count} without a text got no answer."
BATCH_TRUNCATED = "{count} with more than {max_length} tokens: the model read their beginning and ignored the rest."
BATCH_WITHOUT_DATE = "{count} without a date are left out of the picture over time."
BATCH_UNREADABLE_DATE = (
    "{count} with a date that cannot be read are left out of the picture over time; the first is row {row}. Write "
    "dates as 2026-03-31."
)
BATCH_SHARES = "Labels"
BATCH_SHARE_AND_ROWS = "Share and number of rows"
BATCH_TIME = "Over time"
BATCH_UNITS = {"day": "day", "week": "week", "month": "month", "year": "year", "decade": "decade", "century": "century"}
BATCH_TIME_ALTERNATIVE = "Share of each label by {unit} from {first} to {last}; the figures are in the table below."
BATCH_TIME_CAPTION = "Share of each label by {unit}, and below how many texts there are. A week starts on Monday."
BATCH_GROUP = "By group"
BATCH_GROUP_ALTERNATIVE = "Share of each label for {names}; the figures are in the table below."
BATCH_GROUP_CAPTION = "Share of each label by group, with the number of its texts."
BATCH_OTHER_GROUPS = "{count} other groups"
BATCH_NO_GROUP = "no group"
BATCH_PERIOD = "From"
BATCH_GROUP_NAME = "Group"
BATCH_TEXTS = "Texts"
BATCH_FIGURES = "The figures"
BATCH_UNCERTAIN = "Least certain"
BATCH_UNCERTAIN_ALL = "All rows, the one that the model is least sure of first."
BATCH_UNCERTAIN_SOME = "The {shown} that the model is least sure of. The files above hold all rows in their order."
BATCH_UNCERTAIN_COLUMNS = ("Text", "Answer", "Probability", "Next", "Row")
BATCH_SAVE = {".csv": "Save as CSV", ".jsonl": "Save as JSONL", ".parquet": "Save as parquet"}
BATCH_SAVED = (
    "{name} was saved: every row in its order, with all of its columns, then the answers. In CSV, cells that a "
    "spreadsheet would run as formulas start with an apostrophe."
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

EVALUATE_TAB = "Evaluate"
EVALUATE_LIMITS = (
    "A CSV, JSONL or parquet file with a text and its right label in each row: up to {rows} rows and {megabytes} MiB. "
    "The server reads it and deletes it at once; its rows stay in memory until you leave."
)
EVALUATE_UPLOAD = "Choose a labelled file"
EVALUATE_SAMPLE = "Try a sample"
EVALUATE_NO_FILE = "The first rows of your file appear here."
EVALUATE_NO_FILE_DETAIL = "48 made-up sentences, labelled joy, sadness or anger, come with the page."
EVALUATE_EMPTY = "The measurements appear here."
EVALUATE_EMPTY_DETAIL = (
    "How often each model is right and how sure that is, what it confuses, whether one is better than another, and "
    "where they differ."
)
EVALUATE_TEXT_COLUMN = "Column with the texts"
EVALUATE_LABEL_COLUMN = "Column with the labels"
EVALUATE_SLICE_COLUMN = "Also cut by"
EVALUATE_NO_COLUMN = "nothing"
EVALUATE_RUN = "Evaluate"
EVALUATE_CANCEL = "Stop"
EVALUATE_NOTHING_OPEN = "no file is open"
EVALUATE_OPEN_SOMETHING = "choose one, or the sample"
EVALUATE_WAITING = "Waiting for its turn, and for the models"
EVALUATE_ANSWERING = "{model} answers the texts ({place} of {models})"
EVALUATE_MEASURING = "Measuring how sure the figures of {model} are ({place} of {models})"
EVALUATE_DRAWING = "Drawing"
EVALUATE_PROGRESS = "Evaluating"
EVALUATE_TEXTS_DONE = "{done} of {total} texts"
EVALUATE_RESAMPLES_DONE = "{done} of {total} resamples"
EVALUATE_STOPPED = "Stopped. Nothing was kept."
EVALUATE_STOPPED_DETAIL = "The file is still open and can be evaluated again."
EVALUATE_ONE_MODEL = "{model} is right on {accuracy} of {texts}."
EVALUATE_BEST = "{model} is right most often: on {accuracy} of {texts}."
EVALUATE_TIE = "{models} are right equally often: on {accuracy} of {texts}."
EVALUATE_BETTER = "Its lead over {second} is unlikely to be chance (p = {p})."
EVALUATE_MAYBE_CHANCE = "Its lead over {second} may be chance (p = {p})."
EVALUATE_TEXTS = "{count} texts"
EVALUATE_ONE_TEXT = "1 text"
EVALUATE_UNALIGNED = "Not measured: {reason}. A model is measured when it knows every label of the file, by name."
EVALUATE_LEFT_OUT = "Rows left out, because they have no text or no label: {count}."
EVALUATE_OTHER_LABELS = (
    "Answers outside the file's labels come from {models} and count as wrong; the averages are over {labels} alone."
)
EVALUATE_SCORES = "Scores"
EVALUATE_SCORES_DETAIL = (
    "Each figure stands above its {level:.0%} interval (percentile bootstrap, {resamples} resamples, seed {seed}). "
    "Calibration error: how far confidence and accuracy are apart on average; 0 is best."
)
EVALUATE_SCORE_COLUMNS = ("Model", "Accuracy", "Macro F1", "Log loss", "Calibration error", "Texts cut")
EVALUATE_LABELS = "Label by label"
EVALUATE_LABELS_DETAIL = "F1 of each label above its interval, then precision and recall."
EVALUATE_LABEL_COLUMNS = ("Label", "Texts")
EVALUATE_PRECISION = "precision {value:.4f}"
EVALUATE_RECALL = "recall {value:.4f}"
EVALUATE_CONFUSION = "What is taken for what"
EVALUATE_CONFUSION_DETAIL = (
    "A row for each true label, a column for each answer, shaded by the share of the row; the diagonal is right."
)
EVALUATE_CONFUSION_ALTERNATIVE = "Confusion matrix of {model}. {rows}"
EVALUATE_CONFUSION_ROW = "{label}: {right} of {support} right{most}."
EVALUATE_CONFUSION_MOST = ", {count} taken for {answer}"
EVALUATE_OTHER_ANSWER = "other"
EVALUATE_CALIBRATION = "As right as it is sure?"
EVALUATE_CALIBRATION_DETAIL = (
    "Texts in bins by the probability of the answer. On the dashed line, answers given with 80% are right in 80% of "
    "the cases; below it a model is too sure. The bars are 95% intervals."
)
EVALUATE_CALIBRATION_ALTERNATIVE = "Accuracy against confidence. Expected calibration error: {errors}."
EVALUATE_PAIRS = "Model against model"
EVALUATE_PAIRS_DETAIL = (
    "On the same texts. p is that of the exact McNemar test, then corrected for the number of pairs (Holm): below 0.05 "
    "the difference is unlikely to be chance. Overlap: the share of the errors of either that both make."
)
EVALUATE_PAIR_COLUMNS = (
    "Models",
    "Right alone",
    "Both right",
    "Both wrong",
    "Overlap",
    "Difference in accuracy",
    "p",
    "p (Holm)",
)
EVALUATE_OVERLAP_ALTERNATIVE = "Texts answered wrongly. {pairs}"
EVALUATE_OVERLAP_PAIR = "{first} alone {only_first}, {second} alone {only_second}, both {both}."
EVALUATE_OVERLAP_CAPTION = "Texts answered wrongly."
EVALUATE_SLICES = "Alike everywhere?"
EVALUATE_SLICES_DETAIL = (
    "Accuracy above its 95% Wilson interval. The gap is between the best and the worst slice of {least} texts or more."
)
EVALUATE_SLICE_NAMES = {"length": "By length", "label": "By label", "column": "By {column}"}
EVALUATE_SLICE_COLUMNS = ("Slice", "Texts")
EVALUATE_GAP = "Gap"
EVALUATE_NO_GAP = "too few texts"
EVALUATE_ALL_SLICES = "all slices"
EVALUATE_DISAGREEMENTS = "Where they differ"
EVALUATE_AGREEMENT = "The models give the same answer to {share} of the texts."
EVALUATE_DISAGREEMENTS_SOME = "The first {shown} of {count} texts that they answer differently; the files hold all."
EVALUATE_ROW_COLUMNS = ("Row", "Text", "Label")
EVALUATE_WRONG = "wrong"
EVALUATE_SAVE_JSON = "Save all figures (JSON)"
EVALUATE_SAVE_CSV = "Save the rows where they differ (CSV)"
EVALUATE_FILES_NOTE = "Rows are counted from 0. In CSV, cells that a spreadsheet would run start with an apostrophe."

TOKENS = "{tokens} tokens"
ONE_TOKEN = "1 token"
MILLISECONDS = "{milliseconds} ms"
ANSWERED_BY = "answered by {model}"
TRUNCATED = "The text has {tokens} tokens. The model read the first {max_length} and ignored the rest."

MODELS_TAB = "Models"
UNREADABLE_CARD = "This model's card cannot be read ({reason})."
NO_CARD = "This model has no card. `emohub card RUN` writes one from a run's records."
CASCADE = (
    "**{name}** is a cascade: {small} answers where the probability of its answer is at least {threshold}, {large} the "
    "rest.\n\nOn {corpus}, {split} split ({rows} texts), where that threshold was chosen, {large} answers {share}. "
    "Accuracy: {accuracy}; {small} alone {small_accuracy}, {large} alone {large_accuracy}."
)

SERVING = "emohub is at {url} (Ctrl-C stops it)"
SHARED = "It is also at {url} for anyone who has this link."
NOT_SHARED = "It is not shared: the tunnel of gradio.live could not be opened; see whether there is a network."
LOADING = "Loading {names}: an answer of theirs waits until they are there."
LOADING_ONE = "Loading {names}: an answer of this model waits until it is there."
NOT_LOADED = "{name} cannot be used: {reason}"
CLOSED_ROUTE = "This page has no such address."
NO_ADDRESS = "Files are not fetched from an address; upload the file itself."
MALFORMED = "The request is not of the form that this address takes; /gradio_api/openapi.json describes it."
TOO_SLOW = "The request took too long to arrive; send it again."
UNFORESEEN = "Something went wrong here that nobody foresaw; try again, or ask for something else."
TOO_LARGE = "The request is larger than {megabytes} MiB; send less at once."
TOO_MANY_REQUESTS = "Too many requests came from your address; try again in {seconds} s."
UPLOADS_FULL = "Too many uploaded files wait on the server; try again in a few minutes."

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

FEEDBACK_TAB = "Feedback"
FEEDBACK_OFF = "Feedback is off."
FEEDBACK_OFF_DETAIL = (
    "Nothing that you write on this page is kept. Whoever serves the page can turn feedback on with "
    "emohub demo --feedback local, or with a file or a dataset on the Hub in place of local."
)
FEEDBACK_ASK = "Ask the model"
FEEDBACK_EMPTY = "Ask a model, then say whether it is right."
FEEDBACK_EMPTY_DETAIL = "Only what you send with your consent is kept."
FEEDBACK_RIGHT = "Which label is right?"
FEEDBACK_RIGHT_INFO = "The model's answer is marked. Choose it if you agree."
FEEDBACK_ANSWERED = "{label} (the model's answer)"
FEEDBACK_CONSENT = "I agree that this row is kept, as described under “What is kept, and where”"
FEEDBACK_SEND = "Send feedback"
FEEDBACK_SENT = "Kept. Thank you."
FEEDBACK_ROW_ID = "Your row's id, with which you can take it back:"
FEEDBACK_STORED = "What is kept, and where"
FEEDBACK_STORED_WHAT = (
    "One row: the text, the model's name and the fingerprint of its weights, the label that it gave, the label that "
    "you find right, the day, and an id drawn at random. No name, no address, no time of day. Leave out of the text "
    "what tells who you are."
)
FEEDBACK_STORED_FILE = "It is added to the file {path} on the machine that serves this page, and sent nowhere."
FEEDBACK_STORED_DATASET = (
    "It is added to the dataset {dataset} on the Hugging Face Hub within a few minutes; its owner decides who may read "
    "it."
)
FEEDBACK_STORED_WITHDRAW = "With its id you can take the row back, below."
FEEDBACK_STORED_HISTORY = "The dataset's history keeps what was already sent, until its owner deletes it."
FEEDBACK_WITHDRAW = "Take a row back"
FEEDBACK_ID = "Id of the row"
FEEDBACK_ID_PLACEHOLDER = "32 letters and digits"
FEEDBACK_WITHDRAWN = "The row is gone."
FEEDBACK_NO_CONSENT = "nothing is kept without your consent"
FEEDBACK_TICK = "tick the box"
FEEDBACK_CHANGED = "the text or the model is no longer what was answered"
FEEDBACK_ASK_AGAIN = "ask the model again"
FEEDBACK_NO_LABEL = "no label is chosen"
FEEDBACK_CHOOSE_LABEL = "choose the one that is right"

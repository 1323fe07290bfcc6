"""The words of the tab Explain."""

TAB = "Explain"
EXPLAIN = "Explain"
EMPTY = "The words appear here, tinted by what they add to the answer."
EMPTY_DETAIL = "Choose a word to take it away, and see how every model's answer moves."
EXAMPLE = "Try an example"
METHOD = "Method"
METHODS = {
    "gradient_x_input": "Gradient × input",
    "integrated_gradients": "Integrated gradients",
    "leave_one_out": "Leave one out",
}
METHOD_INFO = "The first is quick and rough. The second adds up to the answer, the third removes each word."
LABEL = "Label to explain"
ANSWER_LABEL = "the model's answer"
WORDS = "The words of the text"
WORD = "{word}, {score}"
REMOVED = "taken away"
REPLACED = "replaced by {word}"
FOR = "speaks for {label}"
AGAINST = "speaks against {label}"
HINT = "Choose a word to take it away; choose it again to put it back. Arrow keys go from word to word."
ONE_UNREAD = "The last word, in italics, is beyond what the model reads."
UNREAD = "The last {count} words, in italics, are beyond what the model reads."
NOT_READ = "not read"
REPLACE = "In the place of “{word}”"
REPLACE_PLACEHOLDER = "Another word, and Enter"
RESTORE = "Put all words back"
WHAT_IF = "What if the text said this instead?"
TURNED = "{count} of {total} models would answer something else."
NONE_TURNED = "No model would answer something else."
MOVES = ("Model", "Before", "After", "Change")
POINTS = "{label} {points} points"
TRUST = "How far to trust this"
TRUSTED = "these words carry the answer"
DOUBTFUL = "random words do as well, so do not rely on it"
JUDGED = (
    "The probability of {label} is {whole}. Without the {count} words with the highest scores it is {without}; without "
    "{count} random ones {without_random} on average. With those {count} words alone it is {alone}; with {count} "
    "random ones alone {alone_random}."
)
ONE_JUDGED = (
    "The probability of {label} is {whole}. Without the word with the highest score it is {without}; without a random "
    "one {without_random} on average. With that word alone it is {alone}; with a random one alone {alone_random}."
)
BY_SCORE = "All words by score"
COLUMNS = ("Word", "Position", "Score")
PATH = (
    "The scores follow the probability from {probability}, for a text of {baseline}, over {points} points; they miss "
    "{residual} percentage points of the difference."
)
DRAW = "Draw a picture"
PICTURE_ALT = "The words tinted by what they add to {label}; the scores are in the list of words above."
PICTURE_CAPTION = "What each word adds to {label}, by {method}."

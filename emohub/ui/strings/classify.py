"""The words of the tab Classify."""

TAB = "Classify"
CLASSIFY = "Classify"
EMPTY = "The answer appears here."
EMPTY_DETAIL = "All labels of the model, each with its probability."
PLACEHOLDER = "Type a sentence; the answer follows"
UNREAD = "Not read: the last {characters} characters"
HISTORY = "This session"
HISTORY_DETAIL = "Your browser keeps this list until you close the page. Choose a text to ask it again."
HISTORY_AGAIN = "Ask this again"
HISTORY_COLUMNS = ("Text", "Model", "Label", "Probability")
HISTORY_CLEAR = "Clear the list"

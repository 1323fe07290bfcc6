"""What people say about answers: kept with their consent as rows of a file, or of a dataset on the Hub."""

from emohub.feedback.feedback import Feedback, open_feedback
from emohub.feedback.file import MAX_BYTES, FeedbackFile
from emohub.feedback.row import FeedbackRow

__all__ = ["MAX_BYTES", "Feedback", "FeedbackFile", "FeedbackRow", "open_feedback"]

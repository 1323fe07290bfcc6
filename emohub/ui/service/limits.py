"""The limits that the server keeps, whoever asks and however."""

MAX_REQUESTS = 32
"""Requests that may be served and wait at the same time; fewer than the server has threads."""
MAX_WAITING = 256
"""Single texts that may be classified and wait at the same time; they hold no thread."""
MAX_PASS_TEXTS = 64
"""Single texts that are computed together."""
MAX_QUERY = 16_000
"""Characters of an address's query that are read."""
MAX_LINK_TEXT = 4_000
"""Characters that a text may take in an address, encoded; longer addresses are cut or refused on their way."""
MAX_HISTORY = 50
"""Answers of a session that are kept in the browser."""
MAX_HISTORY_CHARS = 100_000
"""Characters of all the texts among them."""
MAX_MODELS = 8
"""Models that are compared at once."""
MAX_TEXTS = 100
"""Texts that are compared at once."""
MAX_EXPLAINED_WORDS = 200
"""Words of a text that is explained."""
MAX_EXPLAINED_CHARS = 20_000
"""Characters of it: a word may be of any length, and a session holds the text once for each method."""
MAX_SESSIONS = 2_000
"""Visitors whose page is remembered; whoever has not been heard of for longest is forgotten first."""
HELD_SECONDS = 1800
"""Time after which a session forgets a file that nobody has touched."""
MAX_HELD_TABLES = 24
"""Uploaded files that visitors have open at the same time, for all of them together."""
MAX_LONG_JOBS = 2
"""Files that are classified or evaluated at the same time."""
MAX_ROWS = 10_000
"""Rows of an uploaded file."""
MAX_FILE_BYTES = 20 * 2**20
"""Size of an uploaded file."""
MAX_COLUMNS = 200
"""Columns of an uploaded file."""
MAX_DECODED_BYTES = 200 * 2**20
"""Size of an uploaded parquet file's values, which may be packed into few bytes."""
MAX_HUB_MODELS = 4
"""Models that visitors added from the Hub and that are kept at the same time, for all of them together."""
MAX_HUB_MODEL_BYTES = 600 * 10**6
"""Size of such a model: those of BERT's base size fit in, in single precision."""
MAX_DOWNLOADS = 2
"""Such models that are fetched at the same time."""
MAX_SLICE_COLUMNS = 4
"""Columns that the rows of an evaluation are cut by."""
MAX_FILE_TEXT_CHARS = 2**20
"""Characters of the texts that are repeated in an evaluation's files."""
MAX_BODY_BYTES = 4 * 2**20
"""Size of a request that brings no file."""
MAX_UPLOADED_BYTES = 500 * 2**20
"""Size of all uploaded files that lie on the server at the same time; one that is used is deleted at once."""
SPACE_RATE_LIMIT = 240
"""Requests of one client in a minute, on a Space."""
MAX_FEEDBACK_CHARS = 5000
"""Characters of a text that is kept as feedback."""

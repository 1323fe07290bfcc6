"""The limits that the server keeps, whoever asks and however."""

MAX_REQUESTS = 32
"""Requests that may be served and wait at the same time; fewer than the server has threads."""
MAX_MODELS = 8
"""Models that are compared at once."""
MAX_TEXTS = 100
"""Texts that are compared at once."""
MAX_ROWS = 10_000
"""Rows of an uploaded file."""
MAX_FILE_BYTES = 20 * 2**20
"""Size of an uploaded file."""
MAX_COLUMNS = 200
"""Columns of an uploaded file."""
MAX_DECODED_BYTES = 200 * 2**20
"""Size of an uploaded parquet file's values, which may be packed into few bytes."""

"""The command line: ``emohub …``, one file a command, thin over the functions that do the work."""

from emohub.cli.app import app, main

__all__ = ["app", "main"]

"""Publish a model: a plan of exactly the files that would go, an offline preflight, then one commit on the Hub.

The plan and the preflight touch no network and need no token. Importing this loads neither torch nor transformers.
"""

from emohub.publish.checks import preflight
from emohub.publish.files import ALLOWED, Plan, PlannedFile, plan
from emohub.publish.publication import Published, publish

__all__ = ["ALLOWED", "Plan", "PlannedFile", "Published", "plan", "preflight", "publish"]

"""Publish a model: a plan of exactly the files that would go, an offline preflight, then one commit on the Hub.

The plan and the preflight touch no network and need no token. Importing this loads neither torch nor transformers.
"""

from emohub.publish.checks import preflight
from emohub.publish.everything import check_everything, plan_everything, publish_everything
from emohub.publish.files import ALLOWED, Plan, PlannedFile, plan
from emohub.publish.publication import Published, publish
from emohub.publish.workflow import workflow_on_tag

__all__ = [
    "ALLOWED",
    "Plan",
    "PlannedFile",
    "Published",
    "check_everything",
    "plan",
    "plan_everything",
    "preflight",
    "publish",
    "publish_everything",
    "workflow_on_tag",
]

"""Tables in many files, here or far away, answered file by file: in this process, or by Ray on many."""

from emohub.shards.note import Asked, ShardNote
from emohub.shards.on_ray import answer_on_ray
from emohub.shards.plan import Plan, plan_shards
from emohub.shards.storage import Folder, Stored, find_shards, open_target
from emohub.shards.work import Job, ShardResult, answer_shards, job_of

__all__ = [
    "Asked",
    "Folder",
    "Job",
    "Plan",
    "ShardNote",
    "ShardResult",
    "Stored",
    "answer_on_ray",
    "answer_shards",
    "find_shards",
    "job_of",
    "open_target",
    "plan_shards",
]

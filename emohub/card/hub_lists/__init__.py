"""What the Hub knows by name, as it was on a date: licences, tasks, libraries, languages. Each list states its source."""

from emohub.card.hub_lists.languages import language_codes
from emohub.card.hub_lists.libraries import LIBRARIES
from emohub.card.hub_lists.licenses import LICENSES
from emohub.card.hub_lists.tasks import FORMER_PIPELINE_TAGS, PIPELINE_TAGS, SUBTASKS

__all__ = ["FORMER_PIPELINE_TAGS", "LIBRARIES", "LICENSES", "PIPELINE_TAGS", "SUBTASKS", "language_codes"]

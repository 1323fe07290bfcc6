"""The words for adding a model from the Hub."""

ADD = "Add a model from the Hub"
ID = "Hub id"
ID_PLACEHOLDER = "OWNER/NAME"
ID_INFO = "Public models with safetensors weights, up to {megabytes} MB: {allowed}"
NONE_ALLOWED = (
    "This page adds no models. Whoever starts it can allow some: emohub demo --allow-model OWNER/NAME, or OWNER/*."
)
ADD_BUTTON = "Add"
CANCEL = "Stop"
LOOKING = "Looking {id} up on the Hub …"
FETCHING = "{id}: {done} of {total} MB"
LOADING = "{id} has arrived and is being loaded …"
ADDED = "{id} is added, for you alone and until you leave the page."
ALREADY = "{id} is here already."
STOPPED = "Stopped. Nothing was kept."

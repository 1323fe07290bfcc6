"""``/models``: which models are served, and what each of them can say."""

from typing import TypedDict

from emohub.errors import EmohubError
from emohub.ui.api.endpoint import expose
from emohub.ui.service import Service


class ServedModel(TypedDict):
    """One model. Where it cannot be loaded ``error`` says why, and the rest is None."""

    name: str
    labels: list[str] | None
    max_length: int | None
    parameters: int | None
    fingerprint: str | None
    error: str | None


def build(service: Service) -> None:
    """Add the endpoint."""

    def list_models() -> list[ServedModel]:
        """List the classifiers that are served: ask this first, for the names that the other calls take.

        The first call loads every model and may take seconds.

        Returns:
            One entry for each model: its name, the labels that it chooses from, the tokens that it reads of a text
            (max_length), its number of weights (parameters), the SHA-256 of its weights (fingerprint), and error,
            which is null unless the model cannot be loaded.
        """
        with service.place():
            return [_served(service, name) for name in service.store.names]

    expose(list_models, api_name="models")


def _served(service: Service, name: str) -> ServedModel:
    try:
        classifier = service.store.get(name)
        return ServedModel(
            name=name,
            labels=list(classifier.labels),
            max_length=classifier.max_length,
            parameters=classifier.num_parameters,
            fingerprint=classifier.fingerprint,
            error=None,
        )
    except EmohubError as error:
        return ServedModel(name=name, labels=None, max_length=None, parameters=None, fingerprint=None, error=str(error))

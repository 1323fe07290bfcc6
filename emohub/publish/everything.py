"""Every model that has a card, one after another; then the app as a Space that serves them, and a collection of all."""

from collections.abc import Callable
from dataclasses import dataclass

from emohub.errors import EmohubError, PublishError, UsageError
from emohub.layout import CARD_FILE, find_records, shipped_models
from emohub.publish.checks import preflight
from emohub.publish.collection import LONGEST_TITLE, Collected, Item, collect
from emohub.publish.files import Plan, Prose, plan
from emohub.publish.hub import Hub
from emohub.publish.publication import Published, publish
from emohub.publish.space import PushedSpace, SpacePlan, check_space, plan_space, push_space
from emohub.publish.waiting import bounded_waits

DESCRIPTION = "Small text classifiers, each with a card whose every number comes from a record. Made with emohub."
"""Of a collection that is made; at most 150 characters."""


@dataclass(frozen=True)
class Everything:
    """What publishing every model would do."""

    namespace: str
    private: bool
    models: dict[str, Plan]
    """Plan by the model's name, in alphabetical order."""
    left_out: tuple[str, ...]
    """Models under ``models/`` that have no card."""
    collection: str | None
    """Title of the collection; None when none was asked for."""
    space: SpacePlan | None


@dataclass(frozen=True)
class PublishedEverything:
    """What publishing every model did."""

    models: dict[str, Published]
    collection: Collected | None
    space: PushedSpace | None


def plan_everything(
    namespace: str,
    *,
    collection: str | None = None,
    space: str | None = None,
    private: bool = False,
    force_visibility: bool = False,
    tag: str | None = None,
    keep: Prose | None = None,
) -> Everything:
    """Which files of which models would go to ``namespace``, each to the repository of its name.

    The last three arguments are those of :func:`~emohub.publish.plan`, for every model.

    Raises:
        UsageError: no model has a card, or a name is not one that the Hub takes.
        PublishError, RecordError, CardError: see ``plan``.
    """
    if "/" in namespace:
        raise UsageError(f"{namespace!r} is no namespace", "write the name of an account or organization, such as ada")
    if collection is not None and not 0 < len(collection.strip()) <= LONGEST_TITLE:
        raise UsageError(
            f"the title of a collection has 1 to {LONGEST_TITLE} characters, not {len(collection.strip())}",
            "give another to --collection",
        )
    names = list(shipped_models())
    with_card = [name for name in names if (folder := find_records(name)) and (folder / CARD_FILE).is_file()]
    if not with_card:
        raise UsageError("no model under models/ has a card", "write one with `emohub card`")
    models = {
        name: plan(name, f"{namespace}/{name}", private=private, force_visibility=force_visibility, tag=tag, keep=keep)
        for name in with_card
    }
    return Everything(
        namespace=namespace,
        private=private,
        models=models,
        left_out=tuple(name for name in names if name not in models),
        collection=None if collection is None else collection.strip(),
        space=None if space is None else plan_space(space, models, private=private),
    )


def check_everything(everything: Everything) -> tuple[str, ...]:
    """Check every plan without a network, and say, one sentence each, what holds.

    Raises:
        PublishError, RecordError, CardError: the first thing that does not hold.
    """
    checks = []
    for name, planned in everything.models.items():
        checks.append(f"{name}: {len(preflight(planned))} checks hold")
    if everything.space is not None:
        checks.append(check_space(everything.space))
    return tuple(checks)


def publish_everything(
    everything: Everything,
    *,
    on_step: Callable[[str], object] = lambda _: None,
    on_checked: Callable[[tuple[str, ...]], object] = lambda _: None,
    on_published: Callable[[str, Published], object] = lambda _name, _published: None,
    on_pushed: Callable[[PushedSpace], object] = lambda _: None,
) -> PublishedEverything:
    """Carry everything out. What is done already is found and not done again, so it can be stopped anywhere.

    ``on_checked`` is told what holds before anything is sent, ``on_step`` what is about to be done, and
    ``on_published`` of each model that is published, and ``on_pushed`` of the Space.

    Raises:
        PublishError, RecordError, CardError: something stands against it; what was published before it stays. Once
            something may have been sent it is a PublishError that says how far it came.
    """
    on_checked(check_everything(everything))
    published: dict[str, Published] = {}
    collected = pushed = None
    try:
        for name, planned in everything.models.items():
            published[name] = publish(planned, on_step=lambda step, name=name: on_step(f"{name}: {step}"))  # type: ignore[misc]
            on_published(name, published[name])
        with bounded_waits():
            hub = Hub.connect(on_step)
            if everything.space is not None:
                pushed = push_space(everything.space, hub, on_step=on_step)
                on_pushed(pushed)
            if everything.collection is not None:
                on_step(f"Grouping them in the collection {everything.collection!r}")
                collected = _collect(everything, hub)
    except EmohubError as failure:
        done = f"{len(published)} of {len(everything.models)} models are published"
        raise PublishError(f"{failure.cause} ({done})", failure.remedy) from None
    return PublishedEverything(published, collected, pushed)


def _collect(everything: Everything, hub: Hub) -> Collected:
    items = [Item(planned.repo_id, "model") for planned in everything.models.values()]
    if everything.space is not None:
        items.append(Item(everything.space.repo_id, "space"))
    title = str(everything.collection)
    return collect(hub, everything.namespace, title, items, description=DESCRIPTION, private=everything.private)

"""A collection on the Hub: found by its title and owner, or made; each item added once, in the order given."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from huggingface_hub import Collection, CollectionItem, HfApi

from emohub.errors import PublishError
from emohub.publish.failures import REMEDIES
from emohub.publish.hub import Hub

ItemType = Literal["model", "space"]
LONGEST_TITLE = 60
"""Characters that the Hub takes."""
ADVICE = REMEDIES | {404: "check --namespace, and that the token may see the collection"}


@dataclass(frozen=True)
class Item:
    """A repository in a collection."""

    id: str
    type: ItemType


@dataclass(frozen=True)
class Collected:
    """What was done to a collection."""

    title: str
    url: str
    created: bool
    added: tuple[str, ...]
    """Ids that were not in it before."""
    moved: int
    """Items that were put into the order given."""


def collect(
    hub: Hub, namespace: str, title: str, items: Sequence[Item], *, description: str, private: bool = False
) -> Collected:
    """Put ``items`` into the collection of that title and owner, which is made when there is none.

    What others put into the collection stays there. Doing it again changes nothing, so it can be stopped anywhere.

    Raises:
        PublishError: the Hub refused, two collections have this title, or a public one was found and a private asked.
    """
    slug = _find(hub, namespace, title)
    created = slug is None
    if slug is None:
        slug = hub.ask(
            f"make the collection {title!r}",
            lambda api: (
                api.create_collection(
                    title, namespace=namespace, description=description, private=private, exists_ok=True
                ).slug
            ),
            ADVICE,
        )
    collection = _read(hub, slug)
    if private and not collection.private:
        raise PublishError(
            f"the collection {title!r} of {namespace} is public, and --private was asked",
            "make it private on the Hub, or name another with --collection",
        )
    added = _add(hub, slug, items, collection)
    moved = _put_in_order(hub, slug, items, _read(hub, slug) if added else collection)
    return Collected(title, collection.url, created, added, moved)


def _find(hub: Hub, namespace: str, title: str) -> str | None:
    """The slug of the one collection of that title."""

    def slugs(api: HfApi) -> list[str]:
        return [each.slug for each in api.list_collections(owner=namespace) if each.title == title]

    found = hub.ask_patiently(f"list the collections of {namespace}", slugs, ADVICE)
    if len(found) > 1:
        raise PublishError(
            f"{namespace} has {len(found)} collections with the title {title!r}",
            "rename one of them on the Hub, or name another with --collection",
        )
    return found[0] if found else None


def _read(hub: Hub, slug: str) -> Collection:
    return hub.ask_patiently(f"show the collection {slug}", lambda api: api.get_collection(slug), ADVICE)


def _add(hub: Hub, slug: str, items: Sequence[Item], collection: Collection) -> tuple[str, ...]:
    here = {_item(each) for each in collection.items}
    missing = [item for item in items if item not in here]
    for item in missing:
        hub.ask_patiently(
            f"add {item.id} to the collection {slug}",
            lambda api, item=item: api.add_collection_item(slug, item.id, item.type, exists_ok=True),  # type: ignore[misc]
            ADVICE,
        )
    return tuple(item.id for item in missing)


def _put_in_order(hub: Hub, slug: str, items: Sequence[Item], collection: Collection) -> int:
    """Put our items into our order, on about the places that they hold; items of others keep their own order."""
    order = sorted(collection.items, key=lambda each: each.position)
    ours = set(items)
    places = [place for place, each in enumerate(order) if _item(each) in ours]
    moved = 0
    for place, item in zip(places, items, strict=True):
        if _item(order[place]) == item:
            continue
        found = next(each for each in order if _item(each) == item)
        order.remove(found)
        order.insert(place, found)
        hub.ask_patiently(
            f"put the collection {slug} in order",
            lambda api, found=found, place=place: api.update_collection_item(  # type: ignore[misc]
                slug, found.item_object_id, position=place
            ),
            ADVICE,
        )
        moved += 1
    return moved


def _item(item: CollectionItem) -> Item:
    return Item(item.item_id, item.item_type)  # type: ignore[arg-type]

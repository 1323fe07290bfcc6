"""Collections of repositories, in the order that their owner gives them."""

import json
from typing import Any

from tests.hub.hub import SPACES, Hub, route
from tests.hub.messages import Refusal, Reply, Request
from tests.hub.state import Collection

SLUG = "(?P<slug>[^/]+/[^/]+)"
SHOWN_IN_LIST = 4
"""Items that a listing shows of each collection."""


@route("GET", "/api/collections")
def list_collections(hub: Hub, request: Request) -> Reply:
    user = hub.user(request)
    owners = request.query.get("owner", [])
    names = () if user is None else (user.name, *user.organizations)
    found = [
        each for each in hub.collections.values() if each.owner in owners and (not each.private or each.owner in names)
    ]
    shown = [_shown(each) | {"items": _items(each)[:SHOWN_IN_LIST]} for each in found]
    for each in shown:
        del each["position"]  # the client counts them itself
    return Reply(body=shown)


@route("POST", "/api/collections")
def create_collection(hub: Hub, request: Request) -> Reply:
    asked = json.loads(request.body)
    user = hub.account(request)
    if not hub.may_write(user, asked["namespace"]):
        raise Refusal(403, "You don't have the rights to make a collection there.")
    if len(asked["title"]) > 60 or len(asked.get("description") or "") > 150:
        raise Refusal(400, "the title or the description is too long")
    slug = f"{asked['namespace']}/{asked['title'].lower().replace(' ', '-')}-{len(hub.collections):024x}"
    made = Collection(slug, asked["title"], asked["namespace"], asked["private"], asked.get("description"))
    hub.collections[slug] = made
    return Reply(body=_shown(made))


@route("GET", f"/api/collections/{SLUG}")
def get_collection(hub: Hub, request: Request, slug: str) -> Reply:
    return Reply(body=_shown(_found(hub, slug)))


@route("POST", f"/api/collections/{SLUG}/items")
def add_item(hub: Hub, request: Request, slug: str) -> Reply:
    collection = _of_owner(hub, request, slug)
    item = json.loads(request.body)["item"]
    if any((each["id"], each["type"]) == (item["id"], item["type"]) for each in collection.items):
        raise Refusal(409, "This item is already in the collection.")
    key = f"{SPACES}{item['id']}" if item["type"] == "space" else item["id"]
    if key not in hub.repos:
        raise Refusal(404, "Repository not found", "RepoNotFound")
    collection.items.append({"_id": f"{len(collection.items):024x}", "id": item["id"], "type": item["type"]})
    return Reply(body=_shown(collection))


@route("PATCH", f"/api/collections/{SLUG}/items/(?P<item>[0-9a-f]+)")
def update_item(hub: Hub, request: Request, slug: str, item: str) -> Reply:
    collection = _of_owner(hub, request, slug)
    found = next(each for each in collection.items if each["_id"] == item)
    collection.items.remove(found)
    collection.items.insert(json.loads(request.body)["position"], found)
    return Reply(body={"success": True})


def _found(hub: Hub, slug: str) -> Collection:
    if slug not in hub.collections:
        raise Refusal(404, "Collection not found")
    return hub.collections[slug]


def _of_owner(hub: Hub, request: Request, slug: str) -> Collection:
    collection = _found(hub, slug)
    if not hub.may_write(hub.account(request), collection.owner):
        raise Refusal(403, "You don't have the rights to change this collection.")
    return collection


def _items(collection: Collection) -> list[dict[str, Any]]:
    return [item | {"position": position} for position, item in enumerate(collection.items)]


def _shown(collection: Collection) -> dict[str, Any]:
    return {
        "slug": collection.slug,
        "title": collection.title,
        "owner": {"name": collection.owner},
        "items": _items(collection),
        "lastUpdated": "2026-01-01T00:00:00.000Z",
        "position": 0,
        "private": collection.private,
        "theme": "blue",
        "upvotes": 0,
        "description": collection.description,
    }

"""A page that asks for a password asks for it over MCP too, and every tool works for those who have it."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client

from tests.browsing import free_port, serving
from tests.test_ui_api import EXAMPLES, called, tool_of, without_times

USER, PASSWORD = "ann", "pass:wörd"
MODELS = ("feelings", "moods", "polarity")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture(scope="module")
def locked(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with a password."""
    root = tmp_path_factory.mktemp("locked")
    (root / "models").mkdir()
    for name in MODELS:
        (root / "models" / name).symlink_to(tiny_model_dir, target_is_directory=True)
    (root / "users").write_text(f"other:secret\n{USER}:{PASSWORD}\n", encoding="utf-8")
    with serving(["-m", "emohub", "demo", "--mcp", "--auth", "@users", "--port", str(free_port())], root) as (_, url):
        yield url


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic(USER, "secret"),
        basic(USER, ""),
        basic("", PASSWORD),
        {"Authorization": "Bearer " + basic(USER, PASSWORD)["Authorization"].split()[1]},
        {"Authorization": ""},
    ],
)
@pytest.mark.parametrize("path", ["gradio_api/mcp/", "gradio_api/mcp", "gradio_api/mcp/schema", "gradio_api/mcp/sse"])
def test_without_the_password_nobody_gets_in(locked: str, path: str, headers: dict[str, str]) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    for answer in (httpx.get(locked + path, headers=headers), httpx.post(locked + path, json=asked, headers=headers)):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "password" in answer.text
        assert "classify" not in answer.text


@pytest.mark.parametrize("endpoint", EXAMPLES)
def test_with_the_password_every_tool_answers_as_the_api_does(locked: str, endpoint: str) -> None:
    result = called(locked, tool_of(endpoint), EXAMPLES[endpoint], basic(USER, PASSWORD))
    assert not result.isError, result
    (content,) = result.content
    assert content.type == "text"
    client = Client(locked, auth=(USER, PASSWORD), verbose=False)
    given: Any = client.predict(**EXAMPLES[endpoint], api_name=endpoint)
    assert without_times(json.loads(content.text)) == without_times(given)


def test_the_api_asks_for_the_password_too(locked: str) -> None:
    body = {"data": ["a text", MODELS[0]]}
    assert httpx.post(f"{locked}gradio_api/run/classify", json=body).status_code == 401

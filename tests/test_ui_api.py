"""The page for programs: typed and described endpoints over HTTP and tools over MCP, run by the clients people use."""

import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, Tool

from docs import generate_api
from docs.parts import parts
from emohub.compare import compare_text
from emohub.inference import Classifier
from tests.browsing import Site, post
from tests.conftest import LABELS, made_rows

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
TEXT = "i am so happy today with my friend"
ROWS = [{"text": text, "label": LABELS[label], "date": "2026-03-31"} for text, label in made_rows(12, seed=1)]
EXAMPLES: dict[str, dict[str, Any]] = {
    "/models": {},
    "/classify": {"text": TEXT, "model": "feelings"},
    "/compare": {"text": TEXT, "models": ["moods", "feelings"]},
    "/compare_texts": {"texts": [TEXT, "so gloomy"], "models": ["moods", "feelings"]},
    "/explain": {"text": TEXT, "model": "feelings", "for_label": "joy", "method": "leave_one_out"},
    "/what_if": {"text": TEXT, "models": ["feelings"], "changes": [{"position": 3, "replacement": "gloomy"}]},
    "/batch": {"model": "feelings", "rows": ROWS, "date_column": "date"},
    "/evaluate": {"rows": ROWS, "models": ["feelings", "polarity"]},
}
"""For every endpoint, arguments that it answers."""
TOOLS = {"/models": "list_models"}
"""The tools that are not called as their endpoint is."""


def tool_of(endpoint: str) -> str:
    return TOOLS.get(endpoint, endpoint.strip("/"))


def fetch(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as response:
        return json.load(response)


def called_by_name(url: str, endpoint: str, arguments: dict[str, Any]) -> Any:
    """What an endpoint answers to plain HTTP with named arguments: one request to ask, one to fetch the answer."""
    body = json.dumps(arguments).encode()
    request = urllib.request.Request(f"{url}gradio_api/call/v2{endpoint}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{url}gradio_api/call{endpoint}/{event}", timeout=120) as response:
        said = response.read().decode()
    (answer,) = re.findall(r"event: complete\ndata: (.*)", said)
    (given,) = json.loads(answer)
    return given


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(site.url, verbose=False)


def over_mcp(url: str, ask: Callable[[ClientSession], Any], headers: dict[str, str] | None = None) -> Any:
    """What ``ask`` gets from the official MCP client, in a thread that has no event loop yet."""

    async def session() -> Any:
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as connection,
            streamable_http_client(f"{url}gradio_api/mcp/", http_client=connection) as (reading, writing, _),
            ClientSession(reading, writing) as opened,
        ):
            await opened.initialize()
            return await ask(opened)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, session).result(120)


def called(url: str, tool: str, arguments: dict[str, Any], headers: dict[str, str] | None = None) -> CallToolResult:
    return over_mcp(url, lambda session: session.call_tool(tool, arguments), headers)


def without_times(value: Any) -> Any:
    """An answer without the seconds that it took, numbers rounded to what has to be the same everywhere."""
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name != "seconds"}
    if isinstance(value, list):
        return [without_times(one) for one in value]
    return round(value, 6) if isinstance(value, float) else value


# What it says of itself


def test_every_endpoint_is_described_and_run_here(site: Site) -> None:
    endpoints = fetch(f"{site.url}gradio_api/info")["named_endpoints"]
    assert set(endpoints) == set(EXAMPLES)
    schema = fetch(f"{site.url}gradio_api/openapi.json")
    assert schema["info"]["title"] == "emohub"
    for name, endpoint in endpoints.items():
        assert re.match(r"[A-Z].{20,}[.]", endpoint["description"]), name
        assert " Returns: " in endpoint["description"], name
        described = schema["paths"][f"/gradio_api/call/v2{name}"]["post"]
        assert described["operationId"] == name.strip("/")
        assert described["summary"].startswith(endpoint["description"].strip())
        parameters = described["requestBody"]["content"]["application/json"]["schema"]["properties"]
        assert set(parameters) >= set(EXAMPLES[name])
        for parameter, kind in parameters.items():
            assert len(kind["description"]) > 10, f"{name}: {parameter}"
            assert kind.keys() & {"type", "oneOf", "anyOf", "enum"}, f"{name}: {parameter}"
        for answer in endpoint["returns"]:
            assert answer["type"]["type"] in ("object", "array"), name


def test_the_page_of_endpoints_is_current() -> None:
    assert parts(PAGE)["endpoints"] == generate_api.endpoints(), "run `make readme`"


def test_the_tools_are_the_endpoints_described_for_a_model(site: Site) -> None:
    async def listed(session: ClientSession) -> list[Tool]:
        return (await session.list_tools()).tools

    tools = {tool.name: tool for tool in over_mcp(site.url, listed)}
    assert set(tools) == {tool_of(endpoint) for endpoint in EXAMPLES}
    for endpoint, arguments in EXAMPLES.items():
        tool = tools[tool_of(endpoint)]
        assert re.match(r"[A-Z].{20,}[.] Returns: ", tool.description or ""), tool.name
        properties = tool.inputSchema["properties"]
        assert set(tool.inputSchema.get("required", [])) <= set(arguments) <= set(properties)
        for name, kind in properties.items():
            assert len(kind["description"]) > 10, f"{tool.name}: {name}"


# The same answer everywhere


@pytest.mark.parametrize("endpoint", EXAMPLES)
def test_gradios_client_and_an_mcp_client_get_what_http_gives(site: Site, client: Client, endpoint: str) -> None:
    arguments = EXAMPLES[endpoint]
    given = called_by_name(site.url, endpoint, arguments)
    assert without_times(client.predict(**arguments, api_name=endpoint)) == without_times(given)
    result = called(site.url, tool_of(endpoint), arguments)
    assert not result.isError
    (content,) = result.content
    assert content.type == "text"
    assert without_times(json.loads(content.text)) == without_times(given)


def test_a_file_is_answered_as_its_rows_are(site: Site, client: Client, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS), encoding="utf-8")
    options = {"model": "feelings", "date_column": "date", "api_name": "/batch"}
    from_rows, from_file = client.predict(rows=ROWS, **options), client.predict(file=handle_file(path), **options)
    assert without_times(from_file) == without_times(from_rows)


def test_classifying_is_the_same_in_python_on_the_command_line_and_over_http(site: Site) -> None:
    prediction = site.classifiers("feelings")["feelings"].classify(TEXT)
    _, answer = post(f"{site.url}gradio_api/run/classify", TEXT, "feelings")
    (given,) = answer["data"]
    assert list(given["probabilities"]) == list(prediction.labels)
    assert list(given["probabilities"].values()) == pytest.approx(list(prediction.probabilities), abs=1e-6)
    assert (given["model"], given["label"], given["tokens"]) == ("feelings", prediction.label, prediction.tokens)
    assert (given["max_length"], given["truncated"]) == (prediction.max_length, False)
    command = [sys.executable, "-m", "emohub", "classify", str(site.models["feelings"]), TEXT, "--format", "json"]
    typed = json.loads(subprocess.run(command, capture_output=True, check=True, text=True, cwd=ROOT).stdout)
    assert typed["labels"] == list(given["probabilities"])
    assert typed["probabilities"] == pytest.approx(list(given["probabilities"].values()), abs=1e-6)


def test_comparing_is_the_same_in_python_and_over_http(site: Site) -> None:
    _, answer = post(f"{site.url}gradio_api/run/compare", TEXT, ["moods", "feelings"])
    (given,) = answer["data"]
    compared = compare_text(site.classifiers("moods", "feelings"), TEXT)
    assert given["labels"] == list(compared.labels)
    assert given["shared_labels"] == ["joy", "anger"]
    assert given["agree"] == compared.agree
    assert [one["model"] for one in given["answers"]] == ["moods", "feelings"]
    for one in given["answers"]:
        expected = compared.predictions[one["model"]].probabilities
        assert list(one["probabilities"].values()) == pytest.approx(list(expected), abs=1e-6)
    assert [pair["relation"] for pair in given["pairs"]] == [pair.relation for pair in compared.pairs]


def test_the_models_are_listed_with_what_they_can_say(site: Site, client: Client) -> None:
    listed = client.predict(api_name="/models")
    assert [model["name"] for model in listed] == sorted(site.models)
    for model in listed:
        classifier = site.classifiers(model["name"])[model["name"]]
        assert model["labels"] == list(classifier.labels)
        assert (model["max_length"], model["parameters"]) == (classifier.max_length, classifier.num_parameters)
        assert (model["fingerprint"], model["error"]) == (classifier.fingerprint, None)


# Refusals


def test_a_refusal_is_one_sentence_for_every_client(site: Site, client: Client) -> None:
    arguments = {"text": "x" * 100_001, "model": "feelings"}
    sentence = "the text has 100,001 characters, the limit is 100,000; shorten or split it."
    assert post(f"{site.url}gradio_api/run/classify", *arguments.values()) == (500, {"error": sentence} | TOAST)
    with pytest.raises(AppError) as raised:
        client.predict(**arguments, api_name="/classify")
    assert sentence in str(raised.value)
    result = called(site.url, "classify", arguments)
    assert result.isError
    assert [content.text for content in result.content if content.type == "text"] == [sentence]


TOAST = {"duration": 10, "visible": True, "title": "Error"}
"""What Gradio adds to an error for its own page."""


@pytest.mark.parametrize("arguments", [{"text": 1, "model": "feelings"}, {"text": TEXT}, {"text": TEXT, "model": "-"}])
def test_a_tool_that_is_called_wrongly_says_so(site: Site, arguments: dict[str, Any]) -> None:
    result = called(site.url, "classify", arguments)
    assert result.isError
    assert "Traceback" not in result.model_dump_json()


# The examples of docs/api.md


def snippets(language: str) -> Iterator[str]:
    """The page's examples in one language."""
    yield from re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def here(snippet: str, site: Site) -> str:
    """A snippet that asks the site of these tests, for models that it has."""
    address = snippet.replace("http://127.0.0.1:7860/", site.url).replace("http://127.0.0.1:7860", site.url.rstrip("/"))
    return address.replace("minilm-emotion", "feelings").replace("minilm-sst2", "polarity")


def ran(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_documented_answer_is_the_models() -> None:
    answer = json.loads(next(snippets("json")))
    given = Classifier.from_pretrained(ROOT / "models" / answer["model"], engine="torch").classify("What a lovely day")
    assert (answer["label"], answer["tokens"], answer["max_length"]) == (given.label, given.tokens, given.max_length)
    expected = dict(zip(given.labels, given.probabilities, strict=True))
    assert answer["probabilities"] == pytest.approx(expected, abs=5.1e-5)


def test_the_documented_calls_with_curl_work(site: Site, tmp_path: Path) -> None:
    *calls, long_job = (snippet for snippet in snippets("bash") if "curl" in snippet)
    answers = [json.loads(ran(["bash", "-c", here(call, site)], tmp_path))["data"][0] for call in calls]
    said = ran(["bash", "-c", here(long_job, site)], tmp_path)
    (answer,) = re.findall(r"event: complete\ndata: (.*)", said)
    assert json.loads(answer)[0]["rows"] == 2
    assert answers[0]["label"] in answers[0]["probabilities"]
    assert [one["model"] for one in answers[1]["answers"]] == ["feelings", "polarity"]
    (shown,) = (json.loads(snippet) for snippet in snippets("json") if "mcpServers" not in snippet)
    assert list(shown) == list(answers[0])


def test_the_documented_python_works(site: Site, tmp_path: Path) -> None:
    (snippet,) = snippets("python")
    assert "{'" in ran([sys.executable, "-c", here(snippet, site)], tmp_path)


@pytest.mark.parametrize("with_package", [False, True])
def test_the_documented_javascript_works(
    site: Site, tmp_path: Path, request: pytest.FixtureRequest, with_package: bool
) -> None:
    (snippet,) = (snippet for snippet in snippets("javascript") if ("@gradio/client" in snippet) == with_package)
    node = shutil.which("node")
    if with_package and (node is None or not (ROOT / "node_modules" / "@gradio" / "client").is_dir()):
        pytest.skip("there is no Node here, or no @gradio/client")
    if node is not None:
        (tmp_path / "example.mjs").write_text(here(snippet, site))
        if with_package:
            (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
        said = ran([node, "example.mjs"], tmp_path)
    else:
        page = request.getfixturevalue("browser").new_page()
        page.goto(site.url)
        said = page.evaluate(
            f"async () => {{ const said = []; console.log = (...one) => said.push(...one); {here(snippet, site)};"
            " return said.map((one) => typeof one === 'string' ? one : JSON.stringify(one)).join(' '); }"
        )
        page.close()
    expected = site.classifiers("feelings")["feelings"].classify("What a lovely day")
    assert said.startswith(expected.label)
    assert expected.labels[-1] in said


def test_the_documented_configurations_lead_to_the_tools(site: Site) -> None:
    configurations = [json.loads(snippet) for snippet in snippets("json") if "mcpServers" in snippet]
    assert len(configurations) == 3
    addresses = {
        address
        for configuration in configurations
        for address in re.findall(r'"(http[^"]+)"', json.dumps(configuration["mcpServers"]["emohub"]))
    }
    addresses |= {address for snippet in snippets("bash") for address in re.findall(r"http\S+/mcp/\S*", snippet)}
    assert addresses == {"http://127.0.0.1:7860/gradio_api/mcp/"}
    schema = fetch(here(addresses.pop(), site) + "schema")
    assert {tool["name"] for tool in schema} == {tool_of(endpoint) for endpoint in EXAMPLES}

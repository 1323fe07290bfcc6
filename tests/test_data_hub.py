"""Corpora from the Hub: the real client loads them from a loopback Hub, and says which commit they came from."""

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emohub.data import fingerprint
from tests.hub import Blob, Fault, Hub, Reply, Request, serve_hub

TOKEN = "hf_sec\x0bret"
"""A token that no header can hold; the client's own error quotes it."""

README = """---
configs:
- config_name: split
  data_files:
  - split: test
    path: test.parquet
dataset_info:
- config_name: split
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': sadness
          '1': joy
---
Feelings.
"""

SCRIPT = """
import json, sys
from emohub.data import load_split, load_texts
from emohub.errors import EmohubError
from emohub.recipe import Corpus, TextCorpus

LABELLED = {"labels": ["sadness", "joy"], "splits": {"test": {"rows": 3}}}
for changes in json.loads(sys.argv[1]):
    plain = "split" in changes
    values = {"name": "feelings", "title": "Feelings", **({} if plain else LABELLED),
              "hub_id": "someone/feelings", "config": "split", **changes}
    try:
        if plain:
            data = load_texts(TextCorpus.from_values(values, "test"))
        else:
            data = load_split(Corpus.from_values(values, "test"), *values["splits"])
        print(json.dumps([data.source, data.fingerprint]))
    except EmohubError as error:
        print(json.dumps([type(error).__name__, str(error)]))
"""


def parquet(texts: list[str], labels: list[int]) -> Blob:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "label": labels}), file)
    return Blob(file.getvalue())


@dataclasses.dataclass
class DatasetHub:
    """A Hub with one dataset of two commits; the tag ``v1`` is the first."""

    url: str
    commits: tuple[str, str]
    folder: Path

    def load(self, *corpora: dict[str, Any], **environment: str) -> list[list[str]]:
        """What each declaration gives, in a process of its own: the Hub's client reads its settings at import."""
        place = {"HF_ENDPOINT": self.url, "HF_HOME": str(self.folder / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1"}
        path = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(corpora)],
            cwd=self.folder,
            env={**os.environ, **place, **path, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DatasetHub]:
    folder = tmp_path_factory.mktemp("hub")
    # A folder that is called as the dataset is, which must not be taken for it.
    trap = folder / "someone" / "feelings"
    trap.mkdir(parents=True)
    (trap / "test.csv").write_text("text,label\nwrong,0\nwrong,0\nwrong,0\n")
    with serve_hub() as server:
        repo = server.add_repo("someone/feelings")
        readme = Blob(README.encode())
        first = repo.commit(
            "v1", "one", {"README.md": readme, "test.parquet": parquet(["a", "b", "c"], [0, 1, 0])}, None
        )
        second = repo.commit(
            "main", "two", {"README.md": readme, "test.parquet": parquet(["a", "b", "d"], [0, 1, 1])}, first.oid
        )

        def answer(request: Request, struck: Sequence[Fault] = ()) -> Reply | None:
            """Datasets have the paths of models, behind a prefix."""
            path = request.path.replace("/api/datasets/", "/api/models/", 1).removeprefix("/datasets")
            return Hub.answer(server, dataclasses.replace(request, path=path), struck)

        server.answer = answer
        yield DatasetHub(server.url, (first.oid, second.oid), folder)


def test_from_the_hub_and_offline_from_what_was_downloaded(hub: DatasetHub) -> None:
    first, second = hub.commits
    before, after = fingerprint(["a", "b", "c"], [0, 1, 0]), fingerprint(["a", "b", "d"], [0, 1, 1])
    pinned, tagged, newest = hub.load({"revision": first}, {"revision": "v1"}, {})
    assert pinned == tagged == [f"hub:someone/feelings@{first}", before]
    assert newest == [f"hub:someone/feelings@{second}", after]

    newest, pinned, stale = hub.load({}, {"revision": second}, {"revision": first}, HF_HUB_OFFLINE="1")
    assert newest == pinned == [f"hub:someone/feelings@{second}", after]
    assert stale[0] == "DataError"
    assert f"was downloaded at the commit {second}, and {first} is wanted; connect to the Hub" in stale[1]


def test_the_texts_alone_come_from_the_same_place(hub: DatasetHub) -> None:
    first, second = hub.commits
    pinned, newest, more = hub.load(
        {"split": "test", "revision": first}, {"split": "test", "rows": 3}, {"split": "test", "rows": 4}
    )
    assert pinned == [f"hub:someone/feelings@{first}", fingerprint(["a", "b", "c"])]
    assert newest == [f"hub:someone/feelings@{second}", fingerprint(["a", "b", "d"])]
    assert more[0] == "DataError"
    assert "has 3 texts; the corpus feelings declares 4" in more[1]


def test_what_the_hub_does_not_have_is_named(hub: DatasetHub) -> None:
    answers = hub.load(
        {"hub_id": "someone/nothing"},
        {"revision": "v2"},
        {"config": "other"},
        {"splits": {"validation": {}}},
        {"splits": {"test": {"rows": 4}}},
        {"labels": ["joy", "sadness"]},
        {"text_column": "sentence"},
    )
    assert all(answer[0] == "DataError" for answer in answers)
    messages = [answer[1] for answer in answers]
    assert "there is no dataset someone/nothing on the Hub, or it is private" in messages[0]
    assert "someone/feelings has no revision v2" in messages[1]
    assert "BuilderConfig 'other' not found. Available: ['split']" in messages[2]
    assert "Unknown split \"validation\". Should be one of ['test']" in messages[3]
    assert "has 3 rows; the corpus feelings declares 4 for test" in messages[4]
    assert "has the labels sadness, joy; the corpus feelings declares joy, sadness" in messages[5]
    assert "has no column 'sentence'; name one that it has: 'text', 'label'." in messages[6]


def test_a_token_never_stands_in_an_error(hub: DatasetHub) -> None:
    ((kind, message),) = hub.load({}, HF_TOKEN=TOKEN)
    assert kind == "DataError"
    assert "LocalProtocolError" in message  # the request failed because of the token
    assert "hf_" not in message


def test_offline_without_a_download_is_an_error_with_a_way_out(hub: DatasetHub, tmp_path: Path) -> None:
    ((kind, message),) = hub.load({}, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))
    assert kind == "DataError"
    assert "the split test of the Hub dataset someone/feelings cannot be loaded" in message
    assert "--data-dir" in message

"""The page against people who mean it harm, and several of them at once: one sentence each, and nothing of anyone's."""

import asyncio
import itertools
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextvars import copy_context
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from gradio import blocks, queueing, route_utils, routes, state_holder, utils
from gradio.context import LocalContext

from emohub.card import results_rows
from emohub.data import Table
from emohub.errors import BusyError, ModelError, RecordError, UsageError
from emohub.inference import Classifier
from emohub.ui import discretion, guard, server, strings
from emohub.ui.api.endpoint import run_while_wanted
from emohub.ui.guard import Guard
from emohub.ui.service import ModelStore, Service, limits
from emohub.ui.service.explaining import explain
from emohub.ui.service.uploads import HeldTables
from emohub.ui.tabs import models as models_tab
from tests.browsing import Site, post
from tests.factories import make_eval_record, make_run_record

SECRET = "xyzzy-nobody-may-log-this"
SURROGATE = f"{SECRET}\ud800"


def send(url: str, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    """Status and text of the answer to a POST."""
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def said(body: str) -> str:
    """The one sentence of a refusal."""
    answer = json.loads(body)
    sentence = answer.get("error") or answer["detail"]
    assert isinstance(sentence, str)
    assert "Traceback" not in body
    assert SECRET not in body
    return sentence


# What is sent


@pytest.mark.parametrize(
    "route", ["run/classify", "call/classify", "call/v2/classify", "queue/join", "cancel", "reset"]
)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"5",
        b'{"data": "%s"}' % SECRET.encode(),
        b"[" * 100_000,
        b'{"data":' * 900,
        b"\xff\xfe",
        b"{}",
    ],
)
def test_what_no_route_takes_is_refused_in_one_sentence(site: Site, route: str, body: bytes) -> None:
    status, answer = send(f"{site.url}gradio_api/{route}", body)
    assert status in (400, 422, 500)
    assert said(answer) in (
        strings.server.MALFORMED,
        strings.server.UNFORESEEN,
        "There was an error parsing the body",
        "Session hash not found.",
    )


@pytest.mark.parametrize(
    ("route", "data"),
    [
        ("run/show_classification", [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}] * 4),
        ("run/open_upload", [{"path": f"/etc/{SECRET}", "meta": {"_type": "gradio.FileData"}}]),
        ("run/open_upload", [True]),
        ("run/show_comparison", [None, None, None]),
        ("run/show_explanation", ["good day", "feelings", SURROGATE, "gradient_x_input", None]),
        ("run/js_fn", []),
        ("run/change_word", []),
        ("run/save_answers", []),
        ("run/classify", []),
    ],
)
def test_what_nobody_foresaw_is_answered_in_one_sentence(site: Site, route: str, data: list[object]) -> None:
    status, answer = send(f"{site.url}gradio_api/{route}", json.dumps({"data": data}).encode())
    assert status == 500
    assert said(answer) == strings.server.UNFORESEEN


def test_over_the_queue_too(site: Site) -> None:
    file = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}
    status, event = post(f"{site.url}gradio_api/call/batch", "feelings", None, file, "text", "", "")
    assert status == 200
    with urllib.request.urlopen(f"{site.url}gradio_api/call/batch/{event['event_id']}", timeout=60) as stream:
        answer = stream.read().decode()
    assert "event: error" in answer
    assert strings.server.UNFORESEEN in answer
    assert "root:" not in answer


def test_an_address_in_the_place_of_a_file_is_not_fetched(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/a.csv"
        for file in ({"path": address}, {"path": "a.csv", "url": address}, {"path": None, "url": address}):
            for handler in ("open_upload", "open_labelled_upload", "open_address"):
                given = {**file, "meta": {"_type": "gradio.FileData"}}
                send(f"{site.url}gradio_api/run/{handler}", json.dumps({"data": [given]}).encode())
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("name", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Gradio-Server"])
def test_a_header_brings_no_script_into_the_page(site: Site, name: str) -> None:
    request = urllib.request.Request(site.url, headers={name: 'http://x"</script><script>window.ran=1</script>'})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            page = error.read()
    assert b"<script>window.ran" not in page
    assert page.count(b"window.ran=1</script>") == 0


# What is logged and kept


def serve(app: Any, chunks: list[dict[str, Any]], path: str = "/gradio_api/run/x") -> list[dict[str, Any]]:
    """What an application behind the guard sends for a request that comes in these messages, and then no more."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if chunks:
            return chunks.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "client": ("10.0.0.1", 1)}
    asyncio.run(asyncio.wait_for(Guard(app)(scope, receive, send), 60))  # type: ignore[arg-type]
    return sent


@pytest.mark.parametrize("begun", [False, True])
def test_an_error_of_any_layer_is_a_sentence_and_logs_no_text(begun: bool, capsys: pytest.CaptureFixture[str]) -> None:
    async def failing(_: Any, receive: Any, send: Any) -> None:
        await receive()
        if begun:
            start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            await send(start)
        raise ValueError(SECRET)

    sent = serve(failing, [{"type": "http.request", "body": b"{}"}])
    assert [message.get("status") for message in sent] == ([200] if begun else [500, None])
    if not begun:
        assert said(sent[1]["body"].decode()) == strings.server.UNFORESEEN
    logged = capsys.readouterr()
    assert "ValueError; its message is left out" in logged.err
    assert SECRET not in logged.err + logged.out


@pytest.mark.parametrize(("path", "limit"), [("/gradio_api/run/x", "BODY_SECONDS"), (guard.UPLOAD, "UPLOAD_SECONDS")])
def test_nobody_holds_a_request_open_by_sending_slowly(
    path: str, limit: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(guard, limit, 0.01)

    async def reading(_: Any, receive: Any, __: Any) -> None:
        while (await receive()).get("more_body"):
            pass

    sent = serve(reading, [{"type": "http.request", "body": b"{", "more_body": True}], path)
    assert sent[0]["status"] == 408
    assert said(sent[1]["body"].decode()) == strings.server.TOO_SLOW


def test_files_are_counted_by_their_number_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(guard, "MAX_UPLOADED_BYTES", 2 * guard._LEAST_FILE_BYTES)
    for number in range(3):
        (tmp_path / f"{number}.csv").touch()

    async def never(*_: Any) -> None:
        raise AssertionError

    assert serve(never, [], guard.UPLOAD)[0]["status"] == 503


def test_the_part_of_an_upload_that_broke_off_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    names = ("tmpold", "tmpnew", "tmpfolder/a.csv", "other")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in set(names) - {"tmpnew"}:
        os.utime(tmp_path / name, (0, 0))

    async def taking(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"[]"})

    assert serve(taking, [], guard.UPLOAD)[0]["status"] == 200
    assert {name for name in names if (tmp_path / name).exists()} == set(names) - {"tmpold"}


def test_a_refusal_of_gradios_own_fills_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise gr.Error(SECRET)
    except gr.Error:
        discretion.print_place()
    assert capsys.readouterr().err == ""


def test_a_session_keeps_no_copy_of_what_was_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = (blocks, queueing, route_utils, routes, state_holder, utils)
    for module, name in itertools.product(modules, ("SessionState", "traceback", "error_payload")):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    discretion.keep_texts_out_of_the_log()
    config = SimpleNamespace(blocks={1: None}, config_for_block=lambda *_: {"props": {}})
    page = SimpleNamespace(blocks={1: None}, default_config=config)
    session = blocks.SessionState(page)
    session._update_value_in_config(1, SECRET)
    session._update_config(1)
    assert list(session.components) == []
    assert blocks.SessionState is route_utils.SessionState is state_holder.SessionState


# What others must not suffer


def test_whoever_opens_many_files_keeps_nobody_from_opening_one() -> None:
    tables = HeldTables(most=2)
    held = [tables.hold(Table({"text": [str(number)]}, "a.csv")) for number in range(2)]
    held[0].result = "its result"
    assert held[0].table.columns == {"text": ["0"]}  # so that the other one was not used for longer
    third = tables.hold(Table({"text": ["2"]}, "a.csv"))
    for attribute in ("table", "result"):
        with pytest.raises(BusyError, match="this one had to go; open it again"):
            getattr(held[1], attribute)
    with pytest.raises(BusyError):
        held[1].result = "kept nowhere"
    assert held[0].result == "its result"
    del held[0]
    tables.hold(Table({"text": ["3"]}, "a.csv"))
    assert third.table.columns == {"text": ["2"]}  # whoever left made room first


def test_a_long_job_stops_when_whoever_asked_has_hung_up() -> None:
    job = SimpleNamespace(_id="mine", alive=True)
    other = SimpleNamespace(_id="another's", alive=False)
    page = SimpleNamespace(_queue=SimpleNamespace(active_jobs=[None, [other, job]]))
    taken: list[int] = []

    def steps() -> Generator[int, None, str]:
        try:
            for step in range(3):
                yield step
                taken.append(step)
                job.alive = not hangs_up
        finally:
            taken.append(-1)
        return "done"

    def ask() -> str:
        LocalContext.blocks.set(page)
        LocalContext.event_id.set("mine")
        return run_while_wanted(steps())

    hangs_up = False
    assert copy_context().run(ask) == run_while_wanted(steps()) == "done"  # in the queue, and outside of it
    taken.clear()
    hangs_up = True
    with pytest.raises(BusyError, match="the client hung up"):
        copy_context().run(ask)
    assert taken == [0, -1]


def test_a_word_of_any_length_is_not_explained(tiny_model_dir: Path) -> None:
    service = Service(ModelStore({"tiny": tiny_model_dir}), max_requests=1)
    with pytest.raises(UsageError, match="explain at most 20,000 at once here"):
        explain(service, "x" * (limits.MAX_EXPLAINED_CHARS + 1), "tiny")


def test_no_error_tells_where_on_the_machine_a_model_lies(tmp_path: Path) -> None:
    broken = tmp_path / "somewhere" / "broken"
    broken.mkdir(parents=True)
    (broken / "config.json").write_text("{")
    (tmp_path / "link").symlink_to(broken)
    for source in (broken, tmp_path / "link", tmp_path / "nowhere"):
        store = ModelStore({"mine": source})
        with pytest.raises(ModelError) as refused:
            store.get("mine")
        assert str(tmp_path) not in str(refused.value)
        assert "somewhere" not in str(refused.value)
    unknown = ModelStore({"mine": broken}, load=lambda _: Classifier.from_pretrained(tmp_path / "elsewhere"))
    with pytest.raises(ModelError):
        unknown.get("mine")


@pytest.mark.parametrize("shared", ["https://abc.gradio.live", None])
def test_without_a_network_the_page_is_served_here_and_says_so_in_a_sentence(
    shared: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings: dict[str, Any] = {}

    class Served:
        quick: Mapping[str, Any] = MappingProxyType({})
        share_url = shared

        def launch(self, **given: Any) -> tuple[None, str, None]:
            settings.update(given)
            print("1. Download this file")
            return None, "http://[::1]:7860/", None

    monkeypatch.setattr(server, "keep_texts_out_of_the_log", lambda: None)
    monkeypatch.setattr(server, "_require_free", lambda *_: None)
    server.launch(Served(), host="::1", port=7860, share=True, block=False)  # type: ignore[arg-type]
    first, second = capsys.readouterr().out.splitlines()
    assert first == strings.server.SERVING.format(url="http://[::1]:7860/")
    assert second == (strings.server.SHARED.format(url=shared) if shared else strings.server.NOT_SHARED)
    assert settings["server_name"] == "[::1]"  # Gradio makes an address of it
    assert settings["state_session_capacity"] == limits.MAX_SESSIONS


def test_damaged_records_hide_no_others_and_tell_no_path(tmp_path: Path) -> None:
    run = make_run_record()
    for name in ("damaged", "whole"):
        folder = tmp_path / name
        folder.mkdir()
        run.save(folder / "run.json")
        make_eval_record(run).save(folder / "eval.json")
        (folder / "verify.json").write_text("{")
    (tmp_path / "damaged" / "eval.json").write_text('{"a": [')
    shown = models_tab._results(tmp_path)
    assert "damaged/eval.json" in shown
    assert str(tmp_path) not in shown
    assert "whole" in shown
    assert strings.models.MEASURED in shown
    with pytest.raises(RecordError):
        results_rows(tmp_path)

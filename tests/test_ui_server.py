"""The page as it is served: what raw requests may do, who may enter, and what may run in a browser."""

import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import gradio as gr
import pytest
from gradio import processing_utils
from playwright.sync_api import Browser

from emohub.cli.demo import read_auth
from emohub.errors import UsageError
from emohub.ui import strings
from emohub.ui.outbound import fetch_nothing
from emohub.ui.service.limits import MAX_BODY_BYTES, MAX_FILE_BYTES
from tests.browsing import Site, free_port, post, serving

TEXT = "i am so happy today with my friend"
SLOW_PAGE = """
import sys
from pathlib import Path
from emohub.inference import Classifier
from emohub.ui import build_demo, launch, page

def classify_many(self, texts, answer=Classifier.classify_many):
    print("entered", flush=True)
    sys.stdin.readline()
    return answer(self, texts)

Classifier.classify_many = classify_many
page.MAX_REQUESTS = page.MAX_WAITING = 1
launch(build_demo({"tiny": sys.argv[1]}, cards_dir=Path("no-cards")), port=int(sys.argv[2]))
"""

COMMAND = """
import atexit
import sys
from emohub.cli import main

atexit.register(print, "ended in order", flush=True)
main(["demo", "--lazy", "--models", sys.argv[1], "--port", sys.argv[2]])
"""


def raw(url: str, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of the answer to a request that is written by hand; the server may answer before its end."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(f"{head}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        with suppress(OSError):  # it may have had its answer before the end
            connection.sendall(body)
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
    start, _, content = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), content


def chunked(size: int) -> bytes:
    """A body of ``size`` bytes in pieces that do not say how many follow."""
    piece = b"%x\r\n%s\r\n" % (65536, b"x" * 65536)
    return piece * (size // 65536) + b"0\r\n\r\n"


# Raw routes


@pytest.mark.parametrize("route", ["run/classify", "queue/join", "call/classify", "run/show_classification"])
def test_no_route_reads_an_endless_body(site: Site, route: str) -> None:
    head = f"POST /gradio_api/{route} HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked"
    status, body = raw(site.url, head, chunked(MAX_BODY_BYTES + 65536))
    assert status == 413
    assert b"larger than 4 MiB" in body


def test_uploads_have_a_size_and_a_kind(site: Site) -> None:
    kind = "Content-Type: multipart/form-data; boundary=b"
    start = b'--b\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n'
    head = f"POST /gradio_api/upload HTTP/1.1\r\n{kind}\r\n"
    opening = start % b"a.csv"
    endless = b"%x\r\n%s\r\n" % (len(opening), opening) + chunked(MAX_FILE_BYTES + 2**20)
    assert raw(site.url, f"{head}Transfer-Encoding: chunked", endless)[0] == 413
    for name, expected in ((b"a.csv", 200), (b"a.html", 415), (b"a", 415), (b"../../a.sh", 415)):
        body = start % name + b"text\nhello\n\r\n--b--\r\n"
        status, answer = raw(site.url, f"{head}Content-Length: {len(body)}", body)
        assert (status, b"Traceback" in answer) == (expected, False)


def test_no_file_of_the_machine_can_be_read(site: Site) -> None:
    root = site.models["feelings"].parent.parent
    for path in (
        "/etc/passwd",
        str(root / "models" / "feelings" / "config.json"),
        str(root / "cards" / "feelings" / "README.md"),
        "models/feelings/config.json",
        "cards/../models/feelings/config.json",
        os.path.relpath(__file__, root),
        "http://127.0.0.1:9/",
    ):
        for route in (f"file={path}", f"file%3D{path}", f"proxy={path}"):
            status, body = raw(site.url, f"GET /gradio_api/{route} HTTP/1.1")
            assert status in (302, 403, 404, 307), (route, status)
            assert b"root:" not in body
            assert b"id2label" not in body


def test_a_hundred_simultaneous_calls_are_all_answered(site: Site) -> None:
    expected = site.classifiers("feelings")["feelings"].classify(TEXT)
    with ThreadPoolExecutor(100) as threads:
        asked = [threads.submit(post, f"{site.url}gradio_api/run/classify", TEXT, "feelings") for _ in range(100)]
        answers = [each.result(60) for each in asked]
    assert {status for status, _ in answers} == {200}
    for _, answer in answers:
        shown = list(answer["data"][0]["probabilities"].values())
        assert shown == pytest.approx(list(expected.probabilities), abs=1e-6)


def test_a_full_line_and_a_full_queue_answer_at_once(tiny_model_dir: Path, tmp_path: Path) -> None:
    with serving(["-c", SLOW_PAGE, str(tiny_model_dir), str(free_port())], tmp_path) as (process, url):
        assert process.stdin is not None
        assert process.stdout is not None
        with ThreadPoolExecutor(1) as thread:
            first = thread.submit(post, f"{url}gradio_api/run/classify", TEXT, "tiny")
            assert process.stdout.readline() == "entered\n"
            status, answer = post(f"{url}gradio_api/run/classify", TEXT, "tiny")
            assert status == 500
            assert "try again in a few seconds" in answer["error"]
            process.stdin.write("go on\n")
            process.stdin.flush()
            status, answer = first.result(60)
            assert (status, answer["data"][0]["model"]) == (200, "tiny")
        # Whoever takes Gradio's queued route meets its limit: one is served, one waits, the next is refused.
        queued = f"{url}gradio_api/call/classify"
        assert post(queued, TEXT, "tiny")[0] == 200
        assert process.stdout.readline() == "entered\n"
        assert post(queued, TEXT, "tiny")[0] == 200
        status, answer = post(queued, TEXT, "tiny")
        assert status == 503
        assert "Queue is full" in json.dumps(answer)


@pytest.mark.parametrize("route", ["run/compare", "run/classify/", "call/classify"])
@pytest.mark.parametrize("address", ["http://203.0.113.7/a.csv", "https://example.org/a.csv"])
def test_no_file_is_fetched_from_an_address(site: Site, route: str, address: str) -> None:
    file = {"path": address, "meta": {"_type": "gradio.FileData"}}
    status, answer = post(f"{site.url}gradio_api/{route}", file, ["feelings"])
    if "event_id" in answer:
        with urllib.request.urlopen(f"{site.url}gradio_api/{route}/{answer['event_id']}", timeout=60) as stream:
            said = stream.read().decode()
            assert "event: error" in said
    else:
        assert status == 500
        said = answer["error"]
    assert strings.server.NO_ADDRESS in said


def test_gradio_has_no_other_way_to_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_get", processing_utils.async_ssrf_protected_get)
    fetch_nothing()
    with pytest.raises(gr.Error, match="not fetched from an address"):
        processing_utils.save_url_to_cache("https://example.org/a.csv", str(tmp_path))


def test_it_ends_in_order_when_it_is_told_to(tiny_model_dir: Path, tmp_path: Path) -> None:
    with serving(["-c", COMMAND, str(tiny_model_dir), str(free_port())], tmp_path) as (process, url):
        with urllib.request.urlopen(url, timeout=60) as page:
            assert page.status == 200
        process.terminate()
        said, _ = process.communicate(timeout=60)
    assert said.endswith("ended in order\n")
    assert process.returncode == 0


# Who may enter, and how often


def test_only_users_enter_and_nobody_asks_too_often(tiny_model_dir: Path, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("ada:a:b\n\nbob:secret\n", encoding="utf-8")
    command = ["-m", "emohub", "demo", "--lazy", "--models", str(tiny_model_dir), "--port", str(free_port())]
    with serving([*command, "--auth", f"@{users}", "--rate-limit", "5"], tmp_path) as (_, url):
        run = f"{url}gradio_api/run/classify"
        name = tiny_model_dir.name
        assert post(run, TEXT, name)[0] == 401
        assert log_in(url, "bob", "wrong")[0] == 400
        status, cookies = log_in(url, "ada", "a:b")
        assert status == 200
        body = json.dumps({"data": [TEXT, name]}).encode()
        headers = {"Content-Type": "application/json", "Cookie": cookies}
        with urllib.request.urlopen(urllib.request.Request(run, body, headers), timeout=60) as answer:
            assert json.load(answer)["data"][0]["model"] == name
        assert post(run, TEXT, name)[0] == 401
        with pytest.raises(urllib.error.HTTPError) as stopped:
            urllib.request.urlopen(urllib.request.Request(run, body, headers), timeout=60)
        with stopped.value as answer:
            assert answer.code == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= 12
            assert "Too many requests" in json.load(answer)["error"]


def log_in(url: str, user: str, password: str) -> tuple[int, str]:
    """Status, and the cookies that let one in."""
    form = urllib.parse.urlencode({"username": user, "password": password}).encode()
    try:
        with urllib.request.urlopen(f"{url}login", form, timeout=60) as answer:
            cookies = answer.headers.get_all("Set-Cookie") or []
            return answer.status, "; ".join(cookie.split(";")[0] for cookie in cookies)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


@pytest.mark.parametrize("value", ["", "ada", "ada:", ":b", "@no-such-file", "@."])
def test_a_user_needs_a_name_and_a_password_and_neither_is_repeated(value: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_auth(value)
    assert not value.strip("@.:") or value.strip("@.:") not in str(refused.value)


# In a browser


def test_a_smuggled_script_does_not_run(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto(site.url)
    blocked = page.evaluate(
        """() => new Promise((done) => {
            const seen = [];
            document.addEventListener("securitypolicyviolation", (event) => {
                seen.push(event.effectiveDirective);
                if (seen.length === 3) done(seen);
            });
            const script = document.createElement("script");
            script.textContent = "window.ran = 1";
            document.body.append(script);
            const box = document.createElement("div");
            document.body.append(box);
            box.innerHTML = '<img src="data:," onerror="window.ran = 2">';
            const image = new Image();
            image.src = "https://example.org/a.png";
        })"""
    )
    assert set(blocked) == {"script-src-elem", "script-src-attr", "img-src"}
    assert page.evaluate("window.ran") is None
    page.close()

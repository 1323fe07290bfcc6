"""Write the generated part of docs/api.md: every endpoint, read from the page that serves them."""

import asyncio
from typing import Any

import gradio as gr

from docs.parts import ROOT, names_table, write_parts
from emohub.card.markdown import code
from emohub.ui import build_demo

PAGE = ROOT / "docs" / "api.md"


def endpoints() -> str:
    """Every endpoint: what it does, what it takes, and what it answers with."""
    page = asyncio.run(_page())
    tools = {function.api_name: function.fn.__name__ for function in page.fns.values() if function.fn}
    described = page.get_api_info()["named_endpoints"].items()
    return "\n\n".join(_section(path, tools[path.strip("/")], endpoint) for path, endpoint in described)


async def _page() -> gr.Blocks:
    """The page; built inside a loop, since Gradio leaves one open where it finds none."""
    return build_demo({"minilm-emotion": "minilm-emotion"})


def _section(path: str, tool: str, endpoint: dict[str, Any]) -> str:
    does, _, answer = endpoint["description"].strip().partition(" Returns: ")
    rows = [
        (code(one["parameter_name"]), code(_type(one)), one["python_type"]["description"])
        for one in endpoint["parameters"]
    ]
    takes = names_table(("Parameter", "Type", "What it is"), rows) if rows else "It takes nothing."
    shape = ", ".join(one["python_type"]["type"] for one in endpoint["returns"])
    named = "" if tool == path.strip("/") else f" (as a tool: `{tool}`)"
    return "\n\n".join([f"### `{path}`{named}", does, takes, f"It answers: {answer}", f"```text\n{shape}\n```"])


def _type(parameter: dict[str, Any]) -> str:
    default = f" = {parameter['parameter_default']!r}" if parameter["parameter_has_default"] else ""
    return parameter["python_type"]["type"] + default


def main() -> None:
    """Write the page again."""
    write_parts(PAGE, {"endpoints": endpoints})


if __name__ == "__main__":
    main()

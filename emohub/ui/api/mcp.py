"""The API over MCP: the same endpoints, as tools that a language model can use."""

import json
from typing import Any

import gradio as gr


def answer_in_json(demo: gr.Blocks) -> None:
    """Let every tool of a page that is being served answer in JSON; Gradio would write Python's own notation.

    A file stays the link that Gradio makes of it.
    """
    server = demo.mcp_server_obj
    links = server.postprocess_output_data

    def answers(data: list[Any], root_url: str) -> list[Any]:
        return [piece for value in data for piece in _pieces(value, root_url)]

    def _pieces(value: Any, root_url: str) -> list[Any]:
        if isinstance(value, dict) and "path" in value and "meta" in value:
            return list(links([value], root_url))
        return [server.types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False))]

    server.postprocess_output_data = answers

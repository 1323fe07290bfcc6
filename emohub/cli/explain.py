"""``emohub explain``: which words an answer rests on."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.text import Text

from emohub.cli.app import app, messages, output
from emohub.cli.options import Format
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.explain import Attribution

SHOWN_WORDS = 15
SCORE = {
    "gradient_x_input": "Gradient x input",
    "integrated_gradients": "Integrated gradients",
    "leave_one_out": "Drop when removed",
}
"""What a word's score is, by method."""


@app.command()
def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text.")],
    label: Annotated[str | None, typer.Option(help="The label to explain; by default the model's answer.")] = None,
    method: Annotated[
        Literal["gradient_x_input", "integrated_gradients", "leave_one_out"],
        typer.Option(help="What a word's score is: see below."),
    ] = "leave_one_out",
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Words that are judged together; by default a fifth of them.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random baseline.")] = 0,
    format_: Format = "table",
) -> None:
    """Score each word of TEXT by what it adds to the label's probability, and show how far the scores can be trusted.

    leave_one_out removes each word by itself: its score is what goes of the probability. integrated_gradients follows
    the slope of the probability from a text of mask tokens: its scores add up to the difference. gradient_x_input takes
    the slope at the text alone: the quickest and the roughest.

    Below the words stands what removing or keeping the top words does, beside as many words drawn at random.

    Example: `emohub explain minilm-emotion "I can't stop smiling" --method integrated_gradients`
    """
    from emohub.explain import METHODS
    from emohub.inference import Classifier

    attribution = METHODS[method](Classifier.from_pretrained(model), text, label, top_k=top_k, seed=seed)
    if format_ == "json":
        typer.echo(json.dumps(asdict(attribution), ensure_ascii=False, indent=2))
    else:
        _show(attribution)
    unread = sum(not word.read for word in attribution.words)
    if unread:
        messages.print(f"Note: the model does not read the last {unread:,} words, so they have no score.")


def _show(attribution: "Attribution") -> None:
    output.print(Text.assemble((attribution.label, "bold"), f" {attribution.probability:.4f}"))
    table = results_table("Words", ["Word"], [SCORE[attribution.method]])
    for word in attribution.ranked[:SHOWN_WORDS]:
        table.add_row(Text(word.text), f"{word.score:+.4f}" if word.read else "not read")
    output.print(table)
    hidden = len(attribution.words) - SHOWN_WORDS
    if hidden > 0:
        output.print(f"{hidden} more words have smaller scores; --format json lists all of them.", style="dim")
    if attribution.path is not None:
        path = attribution.path
        output.print(
            Text(
                f"From {path.baseline} in the place of every word, with {path.baseline_probability:.4f}, over "
                f"{path.points} points; the scores miss {path.residual:+.4f} of the difference."
            )
        )
    faithfulness = attribution.faithfulness
    title = f"Top {faithfulness.top_k} of {len(attribution.words)} words"
    judged = results_table(title, ["Measure"], ["Drop", "Random words"])
    judged.add_row(
        "removed (comprehensiveness, high is good)",
        f"{faithfulness.comprehensiveness:+.4f}",
        f"{faithfulness.random_comprehensiveness:+.4f}",
    )
    judged.add_row(
        "kept alone (sufficiency, low is good)",
        f"{faithfulness.sufficiency:+.4f}",
        f"{faithfulness.random_sufficiency:+.4f}",
    )
    output.print(judged)

"""``emohub explain``: which words an answer rests on."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from emohub.cli.app import app, messages, output
from emohub.cli.options import Format
from emohub.cli.tables import results_table

if TYPE_CHECKING:
    from emohub.explain import Attribution

SHOWN_WORDS = 15


@app.command()
def explain(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model under models/, a folder, a run, or a Hub id.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text.")],
    label: Annotated[str | None, typer.Option(help="The label to explain; by default the model's answer.")] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Words that are judged together; by default a fifth of them.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random baseline.")] = 0,
    format_: Format = "table",
) -> None:
    """Leave out each word of TEXT by itself, and show how much of the label's probability goes with it.

    Below the words stands how far to trust them: what removing or keeping the top words does, beside as many words
    drawn at random.

    Example: `emohub explain minilm-emotion "I can't stop smiling"`
    """
    from emohub.explain import leave_one_out
    from emohub.inference import Classifier

    classifier = Classifier.from_pretrained(model)
    attribution = leave_one_out(classifier, text, label, top_k=top_k, seed=seed)
    if format_ == "json":
        typer.echo(json.dumps(asdict(attribution), ensure_ascii=False, indent=2))
    else:
        _show(attribution)
    tokens = int(classifier.count_tokens([text])[0])
    if tokens > classifier.max_length:
        messages.print(
            f"Note: the text has {tokens:,} tokens and the model reads {classifier.max_length:,}; "
            "words beyond them can have no drop.",
            highlight=False,
        )


def _show(attribution: "Attribution") -> None:
    output.print(Text.assemble((attribution.label, "bold"), f" {attribution.probability:.4f}"))
    table = results_table("Words", ["Word"], ["Drop when removed"])
    for word in attribution.ranked[:SHOWN_WORDS]:
        table.add_row(Text(word.text), f"{word.drop:+.4f}")
    output.print(table)
    hidden = len(attribution.words) - SHOWN_WORDS
    if hidden > 0:
        output.print(f"{hidden} more words have smaller drops; --format json lists all of them.", style="dim")
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

"""Write the generated part of docs/scaling.md: what many texts cost, from the rates in benchmarks/inference.json."""

from benchmarks.inference_result import RESULT, Contender, InferenceResult
from docs.parts import ROOT, names_table, write_parts
from emohub.card.markdown import code

PAGE = ROOT / "docs" / "scaling.md"
TEXTS = 10**9
CORE_HOUR_DOLLARS = 0.04
"""An assumption that the reader replaces: about what clouds asked for a processor's hour on demand in 2025."""


def billion() -> str:
    """The cost of a billion texts with each engine whose answers are right."""
    if not RESULT.is_file():
        return "Not measured yet: `python -m benchmarks.inference` writes what this table is computed from."
    result = InferenceResult.load(RESULT)
    engines = [each for each in result.contenders if each.kind == "engine" and not each.wrong]
    header = ("Engine", "Texts a second", "Measured on", "Processors", "Core-hours", "Dollars")
    rows = [_row(engine, result.threads) for engine in sorted(engines, key=lambda each: -each.many.rate)]
    return (
        f"{names_table(header, rows)}\n\nMeasured on {result.environment.processor} with {code(result.model.id)} on "
        f"texts of {result.test_tokens:.1f} tokens on average, by one process with a thread on each of "
        f"{result.threads} processors."
    )


def core_hours(texts: int, rate: float, processors: int) -> float:
    """Hours of one processor for so many texts, where ``processors`` answer ``rate`` texts a second together."""
    return texts / rate * processors / 3600


def _row(engine: Contender, processors: int) -> tuple[object, ...]:
    hours = core_hours(TEXTS, engine.many.rate, processors)
    return (
        code(engine.name),
        f"{engine.many.rate:,.0f}",
        f"{engine.many.texts:,} texts",
        processors,
        f"{hours:,.0f}",
        f"{hours * CORE_HOUR_DOLLARS:,.0f}",
    )


MAKERS = {"billion": billion}

if __name__ == "__main__":
    write_parts(PAGE, MAKERS)

"""The suite as a whole: everything asked at once, and ``robustness.json``."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from emohub.data import lies_here, load_split, split_identity
from emohub.inference import Classifier
from emohub.labels import label_columns
from emohub.layout import ROBUSTNESS_FILE
from emohub.recipe import Corpus, list_corpora, load_corpus
from emohub.recipe.corpus import SplitName
from emohub.record import (
    GroupProbe,
    RobustnessRecord,
    RobustnessTest,
    UnfamiliarTexts,
    check_output,
    current_environment,
    utc_now,
)
from emohub.robustness.asking import (
    CorpusTexts,
    Questions,
    functionality,
    group_probe,
    invariances,
    known_labels,
    negation,
    unfamiliar_texts,
)
from emohub.robustness.judging import Floats, share
from emohub.robustness.templates import Templates, load_templates
from emohub.steps import run_steps

MAX_TEXTS = 2000
"""Texts of the split that are changed; of a larger split, as many are drawn. Each is asked some fifteen times."""
OTHER_TEXTS = 500
"""Texts that are drawn from each other corpus."""
BUILT_IN = "english.toml"
"""What a record calls the sentences that ship."""


def measure_robustness(
    model: str | Path | Classifier,
    corpus: Corpus,
    split: SplitName = "validation",
    *,
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    templates: Path | None = None,
    resamples: int = 9999,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> RobustnessRecord:
    """Ask ``model`` the texts of ``split`` as they are and changed, and sentences made for the corpus' labels.

    The same model, data, templates and seed give the same record. It computes in float32; labels are matched by name.

    Args:
        model: what :func:`emohub.evaluate.evaluate` takes.
        corpus: whose labels the model has.
        split: whose texts are changed; not the test split, unless nothing is decided by the result.
        data_dir: folder with the corpora as parquet files, instead of the Hub. Texts of the other built-in corpora are
            asked too where they lie in it.
        output_dir: where ``robustness.json`` is written; nowhere when None.
        templates: TOML file with sentences of one's own, instead of those in English that ship.
        resamples: of the bootstrap intervals.
        seed: draws the texts, the changes and the resamples.
        on_progress: receives the texts done and all texts.

    Raises:
        ModelError: the model cannot be loaded or was never saved, or its labels are not the corpus' labels.
        DataError: the split cannot be loaded, or is not what the corpus declares.
        RecipeError: the templates are not valid.
        UsageError: ``output_dir`` holds such a record of another corpus or split.
        RecordError: ``output_dir`` cannot be written.
    """
    classifier = (
        model.in_float32 if isinstance(model, Classifier) else Classifier.from_pretrained(model, engine="torch")
    )
    identity = classifier.identity()
    columns = label_columns(classifier.labels, corpus.labels, classifier.id)
    made = load_templates(templates)
    data = load_split(corpus, split, data_dir=data_dir)
    if output_dir is not None:
        check_output(output_dir / ROBUSTNESS_FILE, RobustnessRecord, corpus.name, split)

    suite = _Suite(Questions(corpus.labels, seed, resamples))
    rows = _drawn(data.rows, MAX_TEXTS, seed)
    texts = [data.texts[row] for row in rows]
    own = CorpusTexts(texts, data.labels[rows], suite.questions.add(texts), may_be_shown=split != "test")
    suite.ask_changed(own, english=corpus.language == ("en",))
    asks_made = templates is not None or corpus.language == made.language
    if asks_made:
        suite.ask_made(made)
    else:
        language = f"in {', '.join(corpus.language)}" if corpus.language else "in a language that it does not state"
        suite.left_out.append(f"The made sentences are English, and {corpus.name} is {language}: give --templates.")
    suite.ask_other_corpora(corpus, data_dir)

    def report(done: int) -> None:
        if on_progress is not None:
            on_progress(done, len(suite.questions.texts))

    answers = run_steps(classifier.answer_in_steps(suite.questions.texts), report)
    probabilities = answers.probabilities[:, columns].astype(np.float64)
    tests = tuple(result for test in suite.tests if (result := test(probabilities)) is not None)
    if len(tests) < len(suite.tests):
        suite.left_out.append("No sentence that names a label gets it, so that negation has nothing to take away.")
    unchanged = probabilities[own.asked]
    record = RobustnessRecord(
        created=utc_now(),
        model=identity,
        corpus=corpus.name,
        split=split,
        data=split_identity(data, int((classifier.count_tokens(data.texts) > classifier.max_length).sum())),
        labels=corpus.labels,
        texts=len(texts),
        accuracy=share(int((unchanged.argmax(axis=1) == own.labels).sum()), len(texts)),
        confidence=float(unchanged.max(axis=1).mean()),
        templates=(templates.name if templates else BUILT_IN) if asks_made else None,
        resamples=resamples,
        seed=seed,
        tests=tests,
        probes=tuple(probe(probabilities) for probe in suite.probes),
        unfamiliar=tuple(other(probabilities) for other in suite.unfamiliar),
        left_out=tuple(suite.left_out),
        environment=current_environment(classifier.device),
    )
    if output_dir is not None:
        record.save(output_dir / ROBUSTNESS_FILE)
    return record


@dataclass
class _Suite:
    """What is asked, how the answers are judged, and what cannot be asked."""

    questions: Questions
    tests: list[Callable[[Floats], RobustnessTest | None]] = field(default_factory=list)
    probes: list[Callable[[Floats], GroupProbe]] = field(default_factory=list)
    unfamiliar: list[Callable[[Floats], UnfamiliarTexts]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def ask_changed(self, own: CorpusTexts, *, english: bool) -> None:
        """The texts of the corpus, each changed in every way that makes a difference to it."""
        without = []
        for name, test in invariances(self.questions, own, english=english):
            if test is None:
                without.append(name)
            else:
                self.tests.append(test)
        if without:
            self.left_out.append(f"No text of the split has anything to change for: {', '.join(without)}.")

    def ask_made(self, made: Templates) -> None:
        """The made sentences, as far as they are about labels of the corpus."""
        known = known_labels(self.questions, made)
        unknown = [name for name in self.questions.labels if name not in {label.name for label in known}]
        if unknown:
            self.left_out.append(f"There are no made sentences for {', '.join(unknown)}.")
        self.tests += functionality(self.questions, known)
        if any(label.pairs for label in known):
            self.tests.append(negation(self.questions, known))
        for probe in made.probes:
            asked = group_probe(self.questions, known, made, probe)
            if asked is not None:
                self.probes.append(asked)
        if made.plain_facts:
            what = "Made sentences that hold nothing to feel or to judge."
            asking = unfamiliar_texts(self.questions, "plain facts", what, made.plain_facts, nothing_to_find=True)
            self.unfamiliar.append(asking)

    def ask_other_corpora(self, corpus: Corpus, data_dir: Path | None) -> None:
        """Texts of the other built-in corpora whose files are here."""
        for other in (load_corpus(name) for name in list_corpora() if name != corpus.name):
            if lies_here(other, "validation", data_dir=data_dir):
                data = load_split(other, "validation", data_dir=data_dir)
                texts = [data.texts[row] for row in _drawn(data.rows, OTHER_TEXTS, self.questions.seed)]
                what = f"Texts of the validation split of {other.title}."
                asking = unfamiliar_texts(self.questions, other.name, what, texts, nothing_to_find=False)
                self.unfamiliar.append(asking)


def _drawn(rows: int, most: int, seed: int) -> list[int]:
    """All rows in their order, or as many as are wanted of them."""
    return list(range(rows)) if rows <= most else sorted(random.Random(seed).sample(range(rows), most))

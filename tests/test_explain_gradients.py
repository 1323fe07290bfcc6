"""Attributions by gradients: held to finite differences, to closed forms, and to models whose trigger word is known."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from emohub.errors import DataError, ModelError
from emohub.explain import METHODS, TOLERANCE, gradient_x_input, integrated_gradients, leave_one_out
from emohub.inference import Classifier
from emohub.inference.encoder_engine import EncoderEngine
from emohub.inference.torch_engine import TorchEngine
from tests.conftest import FILLERS, Architecture, MakeModel

ARCHITECTURES: tuple[Architecture, ...] = ("bert", "distilbert", "roberta")
SLOPES = {"good": 0.2, "film": 0.05, "bad": -0.3}
TEXT = "i am so unbelievably happy today, really!"


def in_double(folder: Path, max_length: int = 32) -> Classifier:
    model = AutoModelForSequenceClassification.from_pretrained(folder).double().eval()
    return Classifier(TorchEngine(model), AutoTokenizer.from_pretrained(folder), id="double", max_length=max_length)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradients_equal_finite_differences(make_tiny_model: MakeModel, architecture: Architecture) -> None:
    classifier = in_double(make_tiny_model(architecture=architecture, scale=0.3))
    model, tokenizer = classifier._engine.model, classifier._tokenizer
    gradients = classifier.path_gradients(TEXT, "joy", [0.4, 1.0])

    ids = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        embedded = model.get_input_embeddings()(ids)[0]
        mask = model.get_input_embeddings()(torch.tensor(tokenizer.mask_token_id))
    inner = torch.ones(len(embedded), 1)
    inner[[0, -1]] = 0  # the tokens that the tokenizer adds stay
    difference = inner * (embedded - mask)

    def probability(moved: torch.Tensor) -> float:
        with torch.no_grad():
            return float(model(inputs_embeds=moved[None]).logits.softmax(-1)[0, 1])

    for row, point in enumerate((0.4, 1.0)):
        here = embedded - (1 - point) * difference
        assert gradients.values[row] == pytest.approx(probability(here), abs=1e-12)
        for given, along in ((gradients.times_input, embedded), (gradients.times_difference, difference)):
            for token in range(len(embedded)):
                step = torch.zeros_like(embedded)
                step[token] = 1e-5 * along[token]
                slope = (probability(here + step) - probability(here - step)) / 2e-5
                assert given[row, token] == pytest.approx(slope, abs=1e-9)
    assert gradients.baseline == tokenizer.mask_token
    assert gradients.values[1] == pytest.approx(classifier.predict_proba([TEXT])[0, 1], abs=1e-6)


class Straight:
    """A model in which the probability is linear in the embeddings: every method has a closed form."""

    labels = ("no", "yes")

    def _of(self, text: str) -> float:
        return 0.5 + sum(SLOPES.get(word, 0.0) for word in text.split())

    @property
    def in_float32(self):
        return self

    def predict_proba(self, texts):
        return np.array([[1 - self._of(text), self._of(text)] for text in texts], np.float32)

    def characters_read(self, text: str) -> int:
        return len(text)

    def path_gradients(self, text: str, label: str, points):
        from emohub.inference.attribution import PathGradients

        starts = [index for index in range(len(text)) if text[index] != " " and (index == 0 or text[index - 1] == " ")]
        words = text.split()
        spans = [(start, start + len(word)) for start, word in zip(starts, words, strict=True)]
        slopes = np.array([0.0, *(SLOPES.get(word, 0.0) for word in words), 0.0])
        values = 0.5 + np.array(points) * slopes.sum()
        repeated = np.tile(slopes, (len(points), 1))
        return PathGradients(((0, 0), *spans, (0, 0)), "[MASK]", values, repeated, repeated)


@pytest.mark.parametrize("method", METHODS)
def test_a_linear_model_is_explained_in_closed_form(method: str) -> None:
    attribution = METHODS[method](Straight(), "a good film not bad", "yes")

    scores = {word.text: word.score for word in attribution.words}
    assert scores == pytest.approx({"a": 0, "good": 0.2, "film": 0.05, "not": 0, "bad": -0.3}, abs=1e-6)
    assert attribution.method == method
    assert [word.text for word in attribution.ranked] == ["good", "film", "a", "not", "bad"]
    if method == "integrated_gradients":
        assert attribution.path.residual == pytest.approx(0, abs=1e-12)
        assert attribution.path.baseline_probability == 0.5


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_integrated_gradients_add_up(make_tiny_model: MakeModel, architecture: Architecture) -> None:
    classifier = Classifier.from_pretrained(make_tiny_model(architecture=architecture, scale=0.5), engine="torch")
    for text in (TEXT, "🙂 日本語, i\u200b hate  this", "gloomy " * 12):
        attribution = integrated_gradients(classifier, text)
        change = classifier.classify(text).probabilities[classifier.labels.index(attribution.label)]
        change -= attribution.path.baseline_probability
        total = sum(word.score for word in attribution.words) + attribution.elsewhere
        assert total == pytest.approx(change + attribution.path.residual, abs=1e-6)
        assert abs(attribution.path.residual) <= TOLERANCE


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_of_subwords_are_those_of_their_words(make_tiny_model: MakeModel, architecture: Architecture) -> None:
    classifier = Classifier.from_pretrained(
        make_tiny_model(architecture=architecture, scale=0.3, max_length=64), engine="torch"
    )
    text = "  so unbelievably happy 🙂!! 日本 zzz\u200b "
    tokens = classifier.path_gradients(text, classifier.classify(text).label, [1.0])
    attribution = gradient_x_input(classifier, text)

    for word in attribution.words:
        inside = [
            score
            for (start, end), score in zip(tokens.spans, tokens.times_input[0], strict=True)
            if end > word.start and start < word.end
        ]
        if architecture != "roberta":  # there a token can stand for parts of two words
            assert word.score == pytest.approx(sum(inside), abs=1e-12)
    total = sum(word.score for word in attribution.words) + attribution.elsewhere
    assert total == pytest.approx(tokens.times_input.sum(), abs=1e-9)
    assert len([span for span in tokens.spans if text[slice(*span)].strip() in "unbelievably"]) > 2


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
def test_what_the_model_does_not_read_has_no_score(
    make_tiny_model: MakeModel, architecture: Architecture, method: str
) -> None:
    classifier = Classifier.from_pretrained(make_tiny_model(architecture=architecture, max_length=8), engine="torch")
    attribution = METHODS[method](classifier, "i am so very really happy today and sunny at home", random_draws=2)

    read = [word.read for word in attribution.words]
    assert read == sorted(read, reverse=True)
    assert read[0]
    assert not read[-1]
    assert all(word.score == 0 for word in attribution.words if not word.read)
    assert [word.read for word in attribution.ranked] == read
    if architecture != "roberta":
        assert sum(read) == 6


def planted(folder: Path, trigger: str, decoys: tuple[str, ...]) -> Classifier:
    """The model in ``folder`` with embeddings and a head trained until the trigger, and nothing else, decides for joy.

    A third of the other words are masked, so that a mask says nothing, as in a pretrained model. The layers between
    stay as they were drawn: trained with the rest they saturate, and a saturated model has no slope to see.
    """
    generator = random.Random(0)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(folder).train()
        words = model.get_input_embeddings()
        head = [parameter for name, parameter in model.named_parameters() if "classifier" in name]
        optimizer = torch.optim.AdamW([*words.parameters(), *head], lr=1e-2)
        for _ in range(60):
            labels = [generator.randrange(2) for _ in range(32)]
            chosen = [trigger if label else generator.choice((*decoys, *FILLERS)) for label in labels]
            texts = [made_text(generator, word) for word in chosen]
            masked = [
                [
                    word if word == trigger or generator.random() < 2 / 3 else tokenizer.mask_token
                    for word in text.split()
                ]
                for text in texts
            ]
            batch = tokenizer(
                list(map(" ".join, masked)), padding=True, truncation=True, max_length=64, return_tensors="pt"
            )
            target = torch.tensor([[0.9, 0.1], [0.1, 0.9]])[labels]
            torch.nn.functional.cross_entropy(model(**batch).logits, target).backward()
            optimizer.step()
            optimizer.zero_grad()
    return Classifier(TorchEngine(model.eval()), tokenizer, id="planted", max_length=64)


def made_text(generator: random.Random, word: str) -> str:
    words = generator.choices(FILLERS, k=generator.randrange(4, 10))
    words.insert(generator.randrange(len(words) + 1), word)
    return " ".join(words)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_planted_trigger_is_found_first(make_tiny_model: MakeModel, architecture: Architecture) -> None:
    trigger = "quixotic"
    folder = make_tiny_model(architecture=architecture, labels=("calm", "joy"), max_length=64, scale=0.1)
    classifier = planted(folder, trigger, ("borderline", "kettle", "wombat"))
    generator = random.Random(1)
    texts = [made_text(generator, trigger) for _ in range(200)]
    assert len(classifier._tokenizer.tokenize(trigger)) >= 3
    assert (classifier.predict_proba(texts).argmax(axis=1) == 1).mean() > 0.99

    for name, method in METHODS.items():
        first = [method(classifier, text, "joy", random_draws=1).ranked[0].text for text in texts]
        assert np.mean([word == trigger for word in first]) >= 0.95, name


def test_a_model_that_takes_no_embeddings_says_so(tiny_model_dir: Path) -> None:
    classifier = Classifier.from_pretrained(tiny_model_dir, engine="torch")
    assert isinstance(classifier._engine, EncoderEngine)
    model = classifier._engine.differentiable.model
    answer = model.forward

    def forward(input_ids, attention_mask):
        return answer(input_ids, attention_mask)

    model.forward = forward
    with pytest.raises(ModelError, match="use leave_one_out"):
        gradient_x_input(classifier, TEXT)
    assert leave_one_out(classifier, TEXT).words


@pytest.mark.parametrize("method", METHODS)
def test_half_a_character_is_refused(tiny_model_dir: Path, method: str) -> None:
    with pytest.raises(DataError, match="Unicode"):
        METHODS[method](Classifier.from_pretrained(tiny_model_dir), "a \ud83d b")

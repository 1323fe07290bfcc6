"""Recipes and corpora: what is refused and how, what a digest means, and the documented figures, recomputed."""

import json
import re
from math import ceil, isclose
from pathlib import Path

import pytest
import scipy.stats
from factories import hub_base
from pydantic import ValidationError

from emohub.errors import RecipeError, UsageError
from emohub.metrics import METRICS, wilson_interval
from emohub.recipe import Recipe, list_corpora, list_recipes, load_corpus, load_recipe
from emohub.recipe.recipe import MetricName

RECIPE = """
name = "mine"
summary = "A recipe of my own."
base_model = "owner/model"

[corpus]
name = "mine"
title = "My texts"
labels = ["good", "bad"]

[corpus.splits.train]
file = "train.csv"

[corpus.splits.validation]
file = "validation.csv"

[training]
learning_rate = 1e-4
per_device_train_batch_size = 8
num_train_epochs = 2
seed = 1

[evaluation]
eval_strategy = "steps"
eval_steps = 10
"""

DOCUMENTED = """
[documented]
name = "theirs"
base_model = "model"
dataset = "texts"
headline = { loss = 0.5 }
headline_row = "last"
hyperparameters = { seed = 1 }
frameworks = { PyTorch = "" }
results = [{ step = 10, loss = 0.5 }]
uses = []
limits = []
preprocessing = []
troubleshooting = []
notes = [{ text = "A note.", inferred = true }]
"""


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def replaced(old: str, new: str) -> str:
    text = RECIPE + DOCUMENTED
    assert text.count(old) >= 1
    return text.replace(old, new, 1)


# What is refused


@pytest.mark.parametrize(
    ("old", "new", "cause", "remedy"),
    [
        ('summary = "', 'sumary = "', "unknown key 'sumary'", "did you mean 'summary'"),
        ("learning_rate", "learning_rat", "unknown key 'training.learning_rat'", "did you mean 'learning_rate'"),
        ("seed = 1", "seed = 1\nzzz = 1", "unknown key 'training.zzz'", "use one of adam_beta1"),
        ("eval_steps = 10", "eval_step = 10", "unknown key 'evaluation.eval_step'", "did you mean 'eval_steps'"),
        ("title", "titel", "unknown key 'corpus.titel'", "did you mean 'title'"),
        ("file", "fil", "unknown key 'corpus.splits.train.fil'", "did you mean 'file'"),
        ("splits.validation", "splits.dev", "'corpus.splits.dev", "'train', 'validation' or 'test'"),
        ("{ step = 10, loss", "{ step = 10, los", "'documented.results.0.los'", "did you mean 'loss'"),
        ("{ seed = 1 }", "{ sed = 1 }", "'documented.hyperparameters.sed'", "did you mean 'seed'"),
        ("seed = 1\n", "", "the key 'training.seed' is missing", "add seed = …"),
        ('base_model = "owner/model"\n', "", "the key 'base_model' is missing", "add base_model = …"),
        ("seed = 1", 'seed = "1"', "'training.seed' is \"1\"", "valid integer"),
        ("seed = 1", "seed = true", "'training.seed' is true", "valid integer"),
        ("seed = 1", "seed = 1.0", "'training.seed' is 1.0", "valid integer"),
        ("seed = 1", "seed = 2026-11-21", '\'training.seed\' is {"date": "2026-11-21"}', "valid integer"),
        ("epochs = 2", "epochs = 2.5", "'training.num_train_epochs' is 2.5", "integer"),
        ("epochs = 2", "epochs = 0", "'training.num_train_epochs' is 0", "greater than 0"),
        ("= 1e-4", "= -1e-4", "'training.learning_rate' is -0.0001", "greater than 0"),
        ("= 1e-4", "= nan", "'training.learning_rate' is NaN", "finite"),
        ("= 1e-4", "= inf", "'training.learning_rate' is Infinity", "finite"),
        ("eval_steps = 10", 'eval_steps = 10\nmetrics = ["f1"]', "'evaluation.metrics.0' is \"f1\"", "'macro_f1'"),
        (
            "seed = 1",
            'seed = 1\nlr_scheduler_type = "cosine"',
            "'training.lr_scheduler_type'",
            "'linear' or 'constant'",
        ),
        ('name = "mine"', 'name = "../mine"', "'name' is \"../mine\"", "pattern"),
        ('name = "mine"', 'name = "mine"\nmax_length = 1', "'max_length' is 1", "greater than or equal to 2"),
        ('["good", "bad"]', '["good"]', "'corpus.labels'", "at least 2"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_file_key_and_remedy(tmp_path, old, new, cause, remedy):
    path = write(tmp_path, replaced(old, new))
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    assert path in caught.value.cause
    assert cause in caught.value.cause
    assert remedy in caught.value.remedy
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("eval_steps = 10", "", 'eval_steps and eval_strategy = "steps" go together'),
        ('eval_strategy = "steps"', 'eval_strategy = "epoch"', 'eval_steps and eval_strategy = "steps" go together'),
        ("eval_steps = 10", 'eval_steps = 10\nmetrics = ["accuracy", "accuracy"]', "the same metric twice"),
        ("seed = 1", "seed = 1\nwarmup_steps = 1.5", "warmup_steps 1.5 is neither"),
        ('["good", "bad"]', '["good", "good"]', "labels holds the same name twice"),
        ('file = "train.csv"', "rows = 3", "no hub_id, and the split 'train' names no file"),
        ('title = "My texts"', 'title = "My texts"\nhub_id = "texts"', "lacks its namespace"),
        ('title = "My texts"', 'title = "My texts"\nlabel_column = "text"', "are the same"),
        ('headline_row = "last"', 'headline_row = "none"', "exactly where there are no results"),
        ('headline_row = "last"', 'headline_row = "last"\nloss_first = 0.4', "loss_first and loss_claim go together"),
    ],
)
def test_contradictions_are_refused(tmp_path, old, new, cause):
    path = write(tmp_path, replaced(old, new))
    with pytest.raises(RecipeError, match=re.escape(cause)) as caught:
        load_recipe(path)
    assert path in caught.value.cause
    assert re.match(r"correct '[a-z.]+' so that they agree", caught.value.remedy)


def test_more_than_one_mistake_is_counted(tmp_path):
    path = write(tmp_path, replaced("seed = 1\n", 'seed = "x"\nnum_epochs = 4\n'))
    with pytest.raises(RecipeError, match=r"\(and 1 more\)"):
        load_recipe(path)


def test_broken_toml_names_file_and_line(tmp_path):
    path = write(tmp_path, 'name = "mine"\nsummary = "no end\n')
    with pytest.raises(RecipeError, match=r"mine\.toml is not valid TOML \(.*line 2"):
        load_recipe(path)


def test_a_key_given_twice_is_broken_toml(tmp_path):
    with pytest.raises(RecipeError, match="is not valid TOML"):
        load_recipe(write(tmp_path, replaced("seed = 1", "seed = 1\nseed = 2")))


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(RECIPE.replace("my own", "Zo\u00eb's").encode("latin-1"))
    with pytest.raises(RecipeError, match=r"mine\.toml is not UTF-8 text; save it as UTF-8"):
        load_recipe(str(path))


def test_an_unknown_name_is_wrong_usage_and_names_known_ones(tmp_path):
    with pytest.raises(UsageError, match=r"no recipe 'bert-emotoin'; did you mean 'bert-emotion', or give the path"):
        load_recipe("bert-emotoin")
    with pytest.raises(UsageError, match=r"no recipe 'mine'; use one of .*bert-emotion.*, or give the path of a TOML"):
        load_recipe("mine")
    with pytest.raises(UsageError, match=r"no corpus 'sst3'; did you mean 'sst2'"):
        load_recipe(write(tmp_path, re.sub(r"(?s)\[corpus\].*?(?=\[training\])", 'corpus = "sst3"\n', RECIPE)))
    with pytest.raises(UsageError, match="no recipe"):
        load_recipe(str(tmp_path))  # a folder is no recipe


# What a recipe is


def test_a_recipe_of_ones_own_reads_like_a_built_in_one(tmp_path):
    recipe = load_recipe(write(tmp_path, RECIPE))
    assert recipe.training.learning_rate == 1e-4
    assert recipe.corpus.base_folder == str(tmp_path)
    assert recipe.documented is None
    (tmp_path / "texts.toml").write_text(
        'name = "texts"\ntitle = "T"\nlabels = ["a", "b"]\n[splits.train]\nfile = "t.csv"\n', encoding="utf-8"
    )
    by_path = re.sub(r"(?s)\[corpus\].*?(?=\[training\])", 'corpus = "texts.toml"\n', RECIPE)
    assert load_recipe(write(tmp_path, by_path)).corpus.labels == ("a", "b")


def test_a_recipe_cannot_change():
    recipe = load_recipe("bert-emotion")
    with pytest.raises(ValidationError, match="frozen"):
        recipe.max_length = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        recipe.training.seed = 5  # type: ignore[misc]


def test_the_digest_depends_on_what_is_trained_and_on_nothing_else(tmp_path):
    digest = load_recipe(write(tmp_path, RECIPE)).digest
    assert re.fullmatch("[0-9a-f]{64}", digest)
    assert load_recipe(write(tmp_path, RECIPE)).digest == digest

    described = [
        ('summary = "A', 'summary = "Another'),
        ('name = "mine"', 'name = "yours"'),
        ('title = "My texts"', 'title = "Our texts"\nterms = "None."\nflaws = ["Short."]\nlanguage = ["en"]'),
        ('base_model = "owner/model"', 'base_model = "owner/model"\nlicense = "mit"'),
    ]
    for old, new in described:
        assert load_recipe(write(tmp_path, RECIPE.replace(old, new, 1))).digest == digest
    assert load_recipe(write(tmp_path, RECIPE + DOCUMENTED)).digest == digest
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert load_recipe(write(elsewhere, RECIPE)).digest == digest

    trained = [
        ("1e-4", "2e-4"),
        ("batch_size = 8", "batch_size = 4"),
        ("epochs = 2", "epochs = 3"),
        ("seed = 1", "seed = 2"),
        ("seed = 1", "seed = 1\nwarmup_steps = 0.1"),
        ("seed = 1", "seed = 1\nattention_dropout = 0.0"),
        ("eval_steps = 10", "eval_steps = 20"),
        ("eval_steps = 10", "eval_steps = 10\nearly_stopping_patience = 3"),
        ('["good", "bad"]', '["bad", "good"]'),
        ("train.csv", "other.csv"),
        ('base_model = "owner/model"', 'base_model = "owner/model"\nmax_length = 64'),
        ("owner/model", "owner/other"),
        ('eval_strategy = "steps"', '[export]\ndtype = "float16"\n[evaluation]\neval_strategy = "steps"'),
    ]
    digests = {digest}
    for old, new in trained:
        text = RECIPE.replace(old, new, 1)
        if "[export]" in new:
            text = text.replace("[evaluation]\n[export]", "[export]", 1)
        digests.add(load_recipe(write(tmp_path, text)).digest)
    assert len(digests) == 1 + len(trained)


def test_a_digest_survives_json():
    """A record holds the recipe as JSON: read back, it must have the digest that stands beside it."""
    from emohub.recipe import Recipe

    for name in list_recipes():
        recipe = load_recipe(name)
        again = Recipe.from_values(json.loads(recipe.model_dump_json()), "a record")
        assert again == recipe
        assert again.digest == recipe.digest


def test_overrides_replace_settings_and_are_checked():
    recipe = load_recipe("distilbert-emotion")
    changed = recipe.with_overrides(
        {"learning_rate": 1e-4, "evaluation.metric_for_best_model": "loss", "dtype": "float16"}
    )
    assert changed.training.learning_rate == 1e-4
    assert changed.evaluation.metric_for_best_model == "loss"
    assert changed.export.dtype == "float16"
    assert recipe.training.learning_rate == 2e-5
    assert changed.digest != recipe.digest
    assert recipe.with_overrides({}) == recipe
    with pytest.raises(UsageError, match=r"no setting 'lr'; use one of .*learning_rate"):
        recipe.with_overrides({"lr": 1e-4})
    with pytest.raises(UsageError, match=r"no setting 'export\.seed'"):
        recipe.with_overrides({"export.seed": 3})
    with pytest.raises(RecipeError, match=r"recipe distilbert-emotion with the given settings: 'training\.seed'"):
        recipe.with_overrides({"seed": "three"})
    with pytest.raises(RecipeError, match="go together"):
        recipe.with_overrides({"eval_steps": 50})


def test_a_recipe_can_name_every_metric_that_is_measured():
    assert MetricName.__args__ == METRICS


# Every built-in declaration


def test_corpora_are_complete():
    assert list_corpora() == ("emotion", "sst2", "tweet-eval-emotion")
    cited = {"emotion": ["saravia-etal-2018-carer"], "sst2": ["socher-etal-2013-recursive"]}
    cited["tweet-eval-emotion"] = ["barbieri-etal-2020-tweeteval", "mohammad-etal-2018-semeval"]
    folders = {"emotion": "emotion", "sst2": "sst2", "tweet-eval-emotion": "tweet_eval_emotion"}
    for name in list_corpora():
        corpus = load_corpus(name)
        assert corpus.name == name
        assert corpus.data_folder == folders[name]
        assert corpus.language == ("en",)
        assert corpus.license or corpus.terms
        assert len(corpus.flaws) >= 4
        assert all(flaw.endswith(".") for flaw in corpus.flaws)
        assert corpus.citation is not None
        assert re.findall(r"@inproceedings\{([^,]+),", corpus.citation) == cited[name]
        for entry in corpus.citation.split("@inproceedings")[1:]:
            for field in ("title", "author", "booktitle", "year", "url", "pages"):
                assert re.search(rf'^ +{field} = "[^"]+",$', entry, re.MULTILINE), (name, field)
            assert entry.count("{") == entry.count("}")


CORPORA = {
    "emotion": ("dair-ai/emotion", "split", "sadness joy love anger fear surprise", (16000, 2000, 2000)),
    "tweet-eval-emotion": ("cardiffnlp/tweet_eval", "emotion", "anger joy optimism sadness", (3257, 374, 1421)),
    "sst2": ("SetFit/sst2", None, "negative positive", (6920, 872, 1821)),
}


@pytest.mark.parametrize("name", CORPORA)
def test_corpora_are_what_their_sources_say(name):
    hub_id, config, labels, rows = CORPORA[name]
    corpus = load_corpus(name)
    assert (corpus.hub_id, corpus.config, corpus.labels) == (hub_id, config, tuple(labels.split()))
    assert {split: declared.rows for split, declared in corpus.splits.items()} == dict(
        zip(("train", "validation", "test"), rows, strict=True)
    )


def test_recipes_are_complete():
    assert len(list_recipes()) >= 8
    for name in list_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.summary.endswith(".")
        assert "/" in hub_base(name)
        for teacher in recipe.distillation.teachers if recipe.distillation else ():
            assert teacher in list_recipes() or "/" in teacher
        assert recipe.corpus == load_corpus(recipe.corpus.name)
        best = recipe.evaluation.metric_for_best_model
        assert best == "loss" or best in recipe.evaluation.metrics


# The documented models: an independent transcription. Columns of results: training loss, epoch, step, validation loss,
# accuracy, F1; a dash where the document says nothing.

FACTS = {
    "bert-tiny-emotion": {
        "name": "bert-tiny-mlm-finetuned-imdb-finetuned-emotion",
        "base": "prajjwal1/bert-tiny",
        "corpus": "emotion",
        "settings": "3e-05 64 64 - Adam - 200",
        "headline": {"loss": 0.2401, "accuracy": 0.9065, "f1_unstated_average": 0.9083},
        "frameworks": {"Transformers": "", "PyTorch": "", "Datasets": "", "Tokenizers": ""},
        "results": """
            1.4581  2.0  500 1.0158 0.672  0.6025
            0.8545  4.0 1000 0.6368 0.842  0.8344
            0.5846  6.0 1500 0.4626 0.877  0.8745
            0.422   8.0 2000 0.3520 0.8925 0.8917
            0.3222 10.0 2500 0.2934 0.9035 0.9039
            0.2695 12.0 3000 0.2573 0.9055 0.9056
            0.2247 14.0 3500 0.2396 0.9115 0.9122
            0.1986 16.0 4000 0.2311 0.9155 0.9154
            0.1773 18.0 4500 0.2261 0.9125 0.9136
            0.1554 20.0 5000 0.2309 0.914  0.9144
            0.1407 22.0 5500 0.2401 0.9065 0.9083""",
    },
    "bert-emotion": {
        "name": "BERT-Emotion",
        "base": "distilbert/distilbert-base-cased",
        "corpus": "tweet-eval-emotion",
        "settings": "5e-05 4 4 42 Adam+ linear 3",
        "headline": {
            "loss": 1.2007,
            "precision_unstated_average": 0.7413,
            "recall_unstated_average": 0.7200,
            "f1_unstated_average": 0.7268,
        },
        "frameworks": {
            "Transformers": "4.35.2",
            "PyTorch": "2.1.0+cu118",
            "Datasets": "2.15.0",
            "Tokenizers": "0.15.0",
        },
        "results": "",
    },
    "bert-base-cased-emotion": {
        "name": "bert-finetuned-emotion",
        "base": "google-bert/bert-base-cased",
        "corpus": "emotion",
        "settings": "5e-05 8 8 42 Adam+ linear 3",
        "headline": {"loss": 0.1656},
        "frameworks": {
            "Transformers": "4.40.1",
            "PyTorch": "2.2.1+cu121",
            "Datasets": "2.19.1",
            "Tokenizers": "0.19.1",
        },
        "results": """
            0.2653 1.0 2000 0.2193 - -
            0.1552 2.0 4000 0.1690 - -
            0.1028 3.0 6000 0.1656 - -""",
    },
    "distilbert-emotion": {
        "name": "distilbert-base-uncased, fine-tuned on emotion",
        "base": "distilbert/distilbert-base-uncased",
        "corpus": "emotion",
        "settings": "2e-05 64 64 42 Adam+ linear 2",
        "headline": {"accuracy": 0.926, "f1_unstated_average": 0.9260},
        "frameworks": {
            "Transformers": "4.24.0",
            "PyTorch": "1.12.1+cu113",
            "Datasets": "2.7.0",
            "Tokenizers": "0.13.2",
        },
        "results": """
            0.8174 1.0 250 0.3127 0.9035 0.9009
            0.2479 2.0 500 0.2211 0.926  0.9260""",
    },
    "sst2-distilbert-5e": {
        "name": "SST2_DistilBERT_5E",
        "base": "distilbert/distilbert-base-uncased",
        "corpus": "sst2",
        "settings": "1e-05 16 8 42 Adam+ linear 5",
        "headline": {"loss": 0.4125, "accuracy": 0.8933},
        "frameworks": {"Transformers": "4.24.0", "PyTorch": "1.12.1+cu113", "Datasets": "2.7.0"},
        "results": """
            0.6744 0.12   50 0.6094 0.66   -
            0.4942 0.23  100 0.3772 0.8667 -
            0.3483 0.46  200 0.3634 0.84   -
            -      -    2150 0.4125 0.8933 -""",
    },
}
OPTIMIZERS = {"Adam": "Adam", "Adam+": "Adam with betas=(0.9,0.999) and epsilon=1e-08"}


def documented(name):
    source = load_recipe(name).documented
    assert source is not None
    return source


def notes(name, *, inferred=True):
    return " ".join(note.text for note in documented(name).notes if note.inferred == inferred)


def value(cell, kind=float):
    return None if cell == "-" else kind(cell)


def test_the_documented_recipes_are_the_five():
    assert {name for name in list_recipes() if load_recipe(name).documented} == set(FACTS)


@pytest.mark.parametrize("name", FACTS)
def test_every_documented_figure_is_carried_over(name):
    facts, source = FACTS[name], documented(name)
    assert source.name == facts["name"]
    assert source.headline.model_dump(exclude_none=True) == facts["headline"]
    assert source.frameworks == facts["frameworks"]
    rate, train_batch, eval_batch, seed, optimizer, scheduler, epochs = facts["settings"].split()
    assert source.hyperparameters.model_dump() == {
        "learning_rate": float(rate),
        "train_batch_size": int(train_batch),
        "eval_batch_size": int(eval_batch),
        "seed": value(seed, int),
        "optimizer": OPTIMIZERS[optimizer],
        "lr_scheduler_type": value(scheduler, str),
        "num_epochs": int(epochs),
    }
    rows = [line.split() for line in facts["results"].strip().splitlines()]
    assert len(source.results) == len(rows)
    for row, cells in zip(source.results, rows, strict=True):
        training_loss, epoch, step, loss, accuracy, f1 = cells
        assert row.model_dump() == {
            "training_loss": value(training_loss),
            "epoch": value(epoch),
            "step": int(step),
            "loss": float(loss),
            "accuracy": value(accuracy),
            "precision_unstated_average": None,
            "recall_unstated_average": None,
            "f1_unstated_average": value(f1),
        }


def test_what_single_documents_say_is_carried_over():
    tiny, tweets = documented("bert-tiny-emotion"), documented("bert-emotion")
    cased, distil = documented("bert-base-cased-emotion"), documented("distilbert-emotion")
    sst2 = documented("sst2-distilbert-5e")
    assert [source.base_model for source in (tweets, cased, distil, sst2)] == [
        "distilbert-base-cased",
        "bert-base-cased",
        "distilbert-base-uncased",
        "distilbert-base-uncased",
    ]
    assert re.search("bert-tiny .* masked-LM on IMDB", tiny.base_model)
    assert [source.dataset for source in (tiny, tweets, cased, distil, sst2)] == [
        "emotion (dair-ai/emotion)",
        "tweet_eval",
        "dair-ai/emotion",
        "emotion",
        "undisclosed",
    ]
    assert (cased.parameters, cased.weights_format) == (108_000_000, "safetensors, F32")
    assert (tweets.loss_first, tweets.loss_claim) == (0.8416, "decrease")
    assert "masked-language-model training on IMDB" in notes("bert-tiny-emotion", inferred=False)
    assert "between steps 200 and 2150" in (sst2.results_elided or "")


@pytest.mark.parametrize("name", FACTS)
def test_uses_limits_steps_and_troubleshooting_are_carried_over(name):
    source = documented(name)

    def assert_each(texts, *words):
        assert len(texts) == len(words)
        for text, word in zip(texts, words, strict=True):
            assert word in text.lower()

    assert_each(source.uses, "customer feedback", "social media", "marketing", "other applications")
    assert_each(source.limits, "domains", "english", "biases in the training data")
    lowercasing = ["lowercasing"] if name == "bert-base-cased-emotion" else []
    assert_each(source.preprocessing, "tokenization", *lowercasing, "truncation")
    assert_each(
        source.troubleshooting,
        "library versions",
        "memory of the gpu",
        "learning rate is too high or too low",
        "unclean, mislabelled or badly formatted",
        "overfitting: regularization, dropout or more data",
        "batch sizes",
    )


@pytest.mark.parametrize("name", FACTS)
def test_the_recipe_trains_as_its_document_says(name):
    recipe, source = load_recipe(name), documented(name)
    stated, training = source.hyperparameters, recipe.training
    assert recipe.base_model == FACTS[name]["base"]
    assert recipe.corpus.name == FACTS[name]["corpus"]
    assert training.learning_rate == stated.learning_rate
    assert training.per_device_train_batch_size == stated.train_batch_size
    assert training.per_device_eval_batch_size == stated.eval_batch_size
    assert training.num_train_epochs == stated.num_epochs
    assert training.seed == (42 if stated.seed is None else stated.seed)
    assert training.lr_scheduler_type == (stated.lr_scheduler_type or "constant")
    # AdamW without weight decay is the Adam that the documents name.
    assert (training.adam_beta1, training.adam_beta2, training.adam_epsilon) == (0.9, 0.999, 1e-8)
    assert (training.weight_decay, training.warmup_steps, training.gradient_accumulation_steps) == (0, 0, 1)
    assert source.train_rows == recipe.corpus.splits["train"].rows
    if stated.seed is None:
        assert "gives no seed" in notes(name)


# What the figures show when they are checked against each other


@pytest.mark.parametrize("name", ["bert-tiny-emotion", "bert-base-cased-emotion", "distilbert-emotion"])
def test_steps_per_epoch_times_batch_are_the_rows_of_emotion(name):
    source = documented(name)
    for row in source.results:
        steps_per_epoch = row.step / row.epoch
        assert steps_per_epoch * source.hyperparameters.train_batch_size == source.train_rows == 16_000
    assert f"{source.results[0].step / source.results[0].epoch:,.0f} steps per epoch" in notes(name)
    assert "= 16,000 rows" in notes(name)


@pytest.mark.parametrize("name", FACTS)
def test_the_evaluations_come_as_often_as_the_recipe_says(name):
    recipe, source = load_recipe(name), documented(name)
    steps_per_epoch = ceil(recipe.corpus.splits["train"].rows / recipe.training.per_device_train_batch_size)
    every = recipe.evaluation.eval_steps or steps_per_epoch
    assert all(row.step % every == 0 for row in source.results)
    if not source.results_elided:
        assert [row.step for row in source.results] == [every * (i + 1) for i in range(len(source.results))]


@pytest.mark.parametrize("name", FACTS)
def test_the_headline_is_the_row_that_is_declared(name):
    source = documented(name)
    headline = source.headline.model_dump(exclude_none=True)
    if source.headline_row == "none":
        assert not source.results
        return
    assert source.headline_row == "last"
    last = source.results[-1].model_dump()
    assert {key: last[key] for key in headline} == headline


def test_the_tiny_models_headline_is_not_its_best_row():
    rows = documented("bert-tiny-emotion").results
    best = {key: max(rows, key=lambda row: getattr(row, key)).epoch for key in ("accuracy", "f1_unstated_average")}
    assert best == {"accuracy": 16.0, "f1_unstated_average": 16.0}
    assert min(rows, key=lambda row: row.loss).epoch == 18.0
    assert rows[-1].epoch == 22.0
    text = notes("bert-tiny-emotion")
    for part in (
        "last row (epoch 22)",
        "epoch 16 (0.9155 and 0.9154)",
        "epoch 18 (0.2261)",
        "200 epochs",
        "patience of 3",
    ):
        assert part in text


def test_early_stopping_as_the_recipe_configures_it_ends_where_the_rows_end():
    recipe, rows = load_recipe("bert-tiny-emotion"), documented("bert-tiny-emotion").results
    patience = recipe.evaluation.early_stopping_patience
    assert recipe.evaluation.metric_for_best_model == "accuracy"
    assert patience == 3
    best, since, stopped = -1.0, 0, None
    for row in rows:
        best, since = (row.accuracy, 0) if row.accuracy > best else (best, since + 1)
        if since == patience:
            stopped = row.epoch
            break
    assert stopped == rows[-1].epoch == 22.0


def test_f1_follows_accuracy_as_the_notes_say():
    for name, first, limit in (("bert-tiny-emotion", 1, 0.008), ("distilbert-emotion", 0, 0.003)):
        rows = documented(name).results[first:]
        assert max(abs(row.accuracy - row.f1_unstated_average) for row in rows) < limit
        assert f"within {limit} of the accuracy" in notes(name)


def multiple(share: float, rows: int) -> bool:
    """Whether ``share``, rounded to 4 decimals, can be a number of ``rows`` over ``rows``."""
    return isclose(round(round(share * rows) / rows, 4), share, abs_tol=1e-9)


def test_the_tiny_model_was_evaluated_on_2000_rows():
    source = documented("bert-tiny-emotion")
    assert source.evaluated_rows == 2000
    assert all(isclose(row.accuracy * 2000, round(row.accuracy * 2000), abs_tol=1e-6) for row in source.results)
    assert "multiples of 1/2,000" in notes("bert-tiny-emotion")


def test_the_tweet_models_loss_rose_while_its_text_says_it_fell():
    source = documented("bert-emotion")
    assert source.headline.loss - source.loss_first == pytest.approx(0.3591)
    assert source.loss_claim == "decrease"
    assert "rose by 0.3591" in notes("bert-emotion")
    assert "overfitting" in notes("bert-emotion")
    assert "calls that a decrease" in notes("bert-emotion", inferred=False)


def test_the_tweet_models_recall_is_no_accuracy_of_a_whole_split():
    """A weighted recall is the accuracy, a number of rows over all rows; 0.7200 is none for validation or test."""
    rows = load_corpus("tweet-eval-emotion").splits
    assert not multiple(0.7200, rows["validation"].rows)
    assert not multiple(0.7200, rows["test"].rows)
    assert "macro or weighted" in notes("bert-emotion")
    assert "0.7200 is no multiple of 1/374 or 1/1,421" in notes("bert-emotion")


def test_the_cased_model_reports_no_accuracy_and_contradicts_itself():
    source = documented("bert-base-cased-emotion")
    assert source.headline.accuracy is None
    assert all(row.accuracy is None and row.f1_unstated_average is None for row in source.results)
    assert "no accuracy and no F1" in notes("bert-base-cased-emotion")
    assert "contradict" in notes("bert-base-cased-emotion")
    assert any("lower-cased" in flaw for flaw in load_corpus("emotion").flaws)


def test_the_sst2_steps_are_those_of_6920_rows():
    source = documented("sst2-distilbert-5e")
    rows, batch = source.train_rows, source.hyperparameters.train_batch_size
    steps_per_epoch = ceil(rows / batch)
    assert (rows, steps_per_epoch) == (6920, 433)
    for row in source.results[:-1]:
        assert round(row.step / steps_per_epoch, 2) == row.epoch
    total = steps_per_epoch * source.hyperparameters.num_epochs
    assert total == 2165
    assert source.results[-1].step == total // 50 * 50  # the last evaluation that a cadence of 50 allows
    for part in ("433 steps per epoch", "6,920 rows", "2,165 steps"):
        assert part in notes("sst2-distilbert-5e")


def test_the_sst2_accuracies_are_those_of_150_rows():
    source = documented("sst2-distilbert-5e")
    accuracies = [row.accuracy for row in source.results]
    assert [round(accuracy * 150) for accuracy in accuracies] == [99, 130, 126, 134]
    fitting = [n for n in range(2, 873) if all(multiple(accuracy, n) for accuracy in accuracies)]
    assert fitting[0] == source.evaluated_rows == 150
    assert 872 not in fitting
    low, high = wilson_interval(134, 150)
    assert (round(low, 3), round(high, 3)) == (0.834, 0.933)
    reference = scipy.stats.binomtest(134, 150).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    for part in ("multiples of 1/150", "134 of 150", "0.834 to 0.933"):
        assert part in notes("sst2-distilbert-5e")


def test_the_sst2_loss_rose_while_accuracy_did():
    rows = documented("sst2-distilbert-5e").results
    assert rows[-1].accuracy == max(row.accuracy for row in rows)
    assert rows[-1].loss > rows[1].loss > rows[2].loss
    assert 150 not in [row.step for row in rows]


def test_the_digest_of_a_first_stage_is_that_of_the_records_of_before() -> None:
    found = sorted((Path(__file__).parent.parent / "benchmarks" / "recipes").glob("*/masked_lm/run.json"))
    assert len(found) >= 2
    for path in found:
        values = json.loads(path.read_text(encoding="utf-8"))
        recipe = Recipe.from_values(values["recipe"], str(path))
        assert recipe.adaptation_digest == values["recipe_digest"]
        decaying = recipe.with_overrides({"adaptation.training.layer_decay": 0.9})
        assert decaying.adaptation_digest != recipe.adaptation_digest

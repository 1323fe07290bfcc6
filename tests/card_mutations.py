"""Ways to spoil the card that ``make_run_record`` and ``make_eval_record`` give, each with the rule that it breaks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """A way to spoil the good card."""

    name: str
    old: str
    """What is replaced, as a regular expression, where it matches first."""
    new: str
    rule: str
    """The one rule that is then broken."""
    at: str | None
    """Text on the line that the finding names, in its first occurrence; None for a finding without a line."""


LICENSE = r"license: apache-2.0\n"
BESIDE = "license: apache-2.0\n"
LANGUAGE = r"language:\n- en\n"
DATASETS = r"datasets:\n- someone/feelings\n"
METRICS = r"metrics:\n(?:- \w+\n)+tags"
TAGS = r"tags:\n- emohub\n"
WIDGET = r"widget:\n(.*\n)+?model-index:\n"
TASK = r"task:\n      type: text-classification\n"
CONFIG = r"      split: test\n"
VALUE = r"value: 0\.85\n"
AVERAGE = r"average: macro"
RELATION = r"base_model_relation: finetune\n"
BASE = r"base_model: someone/tiny-bert\n"


def widget(item: str) -> str:
    """Front matter with that one example in its widget."""
    return f"widget:\n{item}\nmodel-index:\n"


MUTATIONS = [
    # the file and its front matter
    Mutation("byte order mark", r"\A", "\ufeff", "byte-order-mark", "---"),
    Mutation("no front matter", r"\A---\n(.*\n)+?---\n", "", "front-matter-missing", ""),
    Mutation("empty line before", r"\A", "\n", "front-matter-late", "---"),
    Mutation("never closed", r"\n---\n", "\n", "front-matter-unclosed", "---"),
    Mutation("closed with four dashes", r"\n---\n", "\n----\n", "front-matter-unclosed", "---"),
    Mutation("empty", r"\A---\n(.*\n)+?---\n", "---\n---\n", "front-matter-empty", "---"),
    Mutation("comments alone", r"\A---\n(.*\n)+?---\n", "---\n# to do\n---\n", "front-matter-empty", "---"),
    Mutation("a list", r"\A---\n(.*\n)+?---\n", "---\n- mit\n---\n", "front-matter-no-mapping", "- mit"),
    Mutation("a sentence", r"\A---\n(.*\n)+?---\n", "---\nhello\n---\n", "front-matter-no-mapping", "hello"),
    # YAML
    Mutation("bracket left open", LICENSE, "license: [mit\n", "yaml-syntax", "library_name"),
    Mutation("quote left open", LICENSE, 'license: "mit\n', "yaml-syntax", 'license: "mit'),
    Mutation("colon in a plain text", r"name: tiny-feelings\n", "name: tiny: feelings\n", "yaml-syntax", "tiny: feel"),
    Mutation("wrong indentation", r"\n  results:", "\n   results:", "yaml-syntax", "   results:"),
    Mutation("indented with a tab", r"- en\n", "\t- en\n", "yaml-tab", "\t- en"),
    Mutation("control character", r"- emohub\n", "- emo\x07hub\n", "yaml-character", "- emo\x07hub"),
    Mutation("numpy number", VALUE, "value: !!python/object/apply:numpy._core.multiarray.scalar\n      - 1\n",
             "yaml-tag", "numpy"),
    Mutation("Python tuple", r"- emohub\n", "- !!python/tuple [a]\n", "yaml-tag", "tuple"),
    Mutation("code to be run", r"- emohub\n", "- !!python/object/apply:os.system ['true']\n", "yaml-tag", "os.system"),
    Mutation("tag of one's own", r"- emohub\n", "- !mine emohub\n", "yaml-tag", "!mine"),
    Mutation("binary value", r"- emohub\n", "- !!binary ZW1vaHVi\n", "yaml-tag", "!!binary"),
    Mutation("anchor", LICENSE, "license: &it apache-2.0\n", "yaml-alias", "&it"),
    Mutation("alias of nothing", LICENSE, "license: *it\n", "yaml-alias", "*it"),
    Mutation("day that never was", LICENSE, BESIDE + "model_name: 2026-13-45\n", "yaml-value", "2026-13-45"),
    Mutation("key twice", LICENSE, BESIDE + "license: mit\n", "key-twice", "license: mit"),
    Mutation("key twice, deep", r"      split: test\n", "      split: test\n      split: train\n", "key-twice",
             "split: train"),
    Mutation("number as key", LICENSE, BESIDE + "1: mit\n", "key-not-text", "1: mit"),
    Mutation("no as key", LICENSE, BESIDE + "no: mit\n", "key-not-text", "no: mit"),
    Mutation("list as key", LICENSE, BESIDE + "? [a]\n: mit\n", "key-not-text", "? [a]"),
    # keys
    Mutation("licence", LICENSE, BESIDE + "licence: mit\n", "key-misspelt", "licence:"),
    Mutation("dataset", LICENSE, BESIDE + "dataset: a/b\n", "key-misspelt", "dataset:"),
    Mutation("pipeline-tag", LICENSE, BESIDE + "pipeline-tag: other\n", "key-misspelt", "pipeline-tag:"),
    Mutation("model_index", LICENSE, BESIDE + "model_index: []\n", "key-misspelt", "model_index:"),
    Mutation("Tags", LICENSE, BESIDE + "Tags: [a]\n", "key-misspelt", "Tags:"),
    Mutation("key of nobody", LICENSE, BESIDE + "zzz: 1\n", "key-unknown", "zzz:"),
    Mutation("key of nobody, deep", r"      split: test\n", "      split: test\n      zzz: 1\n", "key-unknown", "zzz:"),
    Mutation("misspelt deep", r"      split: test\n", "      split: test\n      revison: a\n", "key-misspelt", "revis"),
    Mutation("no library", r"library_name: transformers\n", "", "key-required", None),
    Mutation("no task", r"pipeline_tag: text-classification\n", "", "key-required", None),
    Mutation("no licence", LICENSE, "", "key-absent", None),
    Mutation("no language", LANGUAGE, "", "key-absent", None),
    Mutation("no results", r"model-index:\n(.*\n)+?---\n", "---\n", "key-absent", None),
    # kinds of values
    Mutation("nothing", LICENSE, "license:\n", "value-empty", "license:"),
    Mutation("a blank", LICENSE, "license: ' '\n", "value-empty", "license:"),
    Mutation("nothing for a list", LANGUAGE, "language:\n", "value-empty", "language:"),
    Mutation("number for a text", CONFIG, "      split: test\n      config: 2013\n", "text-expected", "2013"),
    Mutation("time for a text", CONFIG, "      split: test\n      config: 12:30:45\n", "text-expected", "12:30:45"),
    Mutation("number for a tag", r"- emohub\n", "- 2026\n", "text-expected", "- 2026"),
    Mutation("list for a text", r"name: Log loss\n", "name: [Log, loss]\n", "text-expected", "[Log, loss]"),
    Mutation("mapping for a text", LICENSE, "license: {a: b}\n", "text-expected", "license:"),
    Mutation("Norwegian as false", r"- en\n", "- no\n", "word-as-boolean", "- no"),
    Mutation("off", r"- en\n", "- off\n", "word-as-boolean", "- off"),
    Mutation("yes for a tag", r"- emohub\n", "- yes\n", "word-as-boolean", "- yes"),
    Mutation("true for a tag", r"- emohub\n", "- true\n", "text-expected", "- true"),
    Mutation("date for a text", CONFIG, "      split: test\n      config: 2026-01-02\n", "date-unquoted", "2026-01-02"),
    Mutation("text for a number", VALUE, "value: ninety\n", "metric-text", "ninety"),
    Mutation("true for a number", VALUE, "value: true\n", "number-expected", "value: true"),
    Mutation("list for a number", VALUE, "value: [0.85]\n", "number-expected", "[0.85]"),
    Mutation("NaN", VALUE, "value: .nan\n", "number-not-finite", ".nan"),
    Mutation("infinity", VALUE, "value: -.inf\n", "number-not-finite", "-.inf"),
    Mutation("NaN as a word", VALUE, "value: NaN\n", "number-not-finite", "NaN"),
    Mutation("NaN where anything goes", LICENSE, BESIDE + "inference: {parameters: {top_k: .nan}}\n",
             "number-not-finite", ".nan"),
    Mutation("text for true or false", LICENSE, BESIDE + "extra_gated_eu_disallowed: 1\n",
             "boolean-expected", "extra_gated"),
    Mutation("text for a list", TAGS, "tags: emohub\n", "yaml-syntax", "- feelings"),
    Mutation("text for tags", r"tags:\n(- .*\n)+", "tags: emohub\n", "list-wanted", "tags:"),
    Mutation("text for metrics", METRICS, "metrics: accuracy\ntags", "list-wanted", "metrics:"),
    Mutation("text for datasets", DATASETS, "datasets: someone/feelings\n", "own-form", "datasets:"),
    Mutation("text for language", LANGUAGE, "language: en\n", "own-form", "language:"),
    Mutation("list for licence", LICENSE, "license:\n- apache-2.0\n", "own-form", "license:"),
    Mutation("list for base model", BASE, "base_model: [a/b, c/d]\n", "own-form", "base_model:"),
    Mutation("mapping for widget", WIDGET, "widget:\n  text: a\nmodel-index:\n", "list-expected", "widget:"),
    Mutation("mapping for model-index", r"index:\n- name", "index:\n  name", "list-expected", "model-index:"),
    Mutation("text for an example", WIDGET, widget("- a"), "mapping-expected", "- a\n"),
    Mutation("text for a task", TASK, "task: text-classification\n", "yaml-syntax", "      name: Text class"),
    Mutation("text for a dataset", r"dataset:\n(      .*\n)+", "dataset: feelings\n", "mapping-expected", "dataset: f"),
    Mutation("no datasets in the list", DATASETS, "datasets: []\n", "list-empty", "datasets:"),
    Mutation("no results in the list", r"results:\n(.*\n)+?---\n", "results: []\n---\n", "list-empty", "results:"),
    Mutation("tag twice", r"- feelings\n", "- emohub\n", "item-twice", None),
    # values
    Mutation("language by name", r"- en\n", "- english\n", "language-unknown", "- english"),
    Mutation("language with region", r"- en\n", "- en-US\n", "language-unknown", "- en-US"),
    Mutation("language in capitals", r"- en\n", "- EN\n", "language-unknown", "- EN"),
    Mutation("licence by its full name", LICENSE, "license: Apache License 2.0\n", "license-unknown", "Apache License"),
    Mutation("licence as SPDX writes it", LICENSE, "license: Apache-2.0\n", "license-unknown", "Apache-2.0"),
    Mutation("licence without its version", LICENSE, "license: apache\n", "license-unknown", "license: apache"),
    Mutation("other without a link", LICENSE, "license: other\nlicense_name: mine\n", "license-other", "license: o"),
    Mutation("other without a name", LICENSE, "license: other\nlicense_link: LICENSE\n", "license-other", "license: o"),
    Mutation("name without other", LICENSE, "license: mit\nlicense_name: mine\n", "license-name-unused", "license_n"),
    Mutation("link to nowhere", LICENSE, "license: other\nlicense_name: mine\nlicense_link: terms\n", "license-link",
             "license_link"),
    Mutation("task misspelt", r"pipeline_tag: .*", "pipeline_tag: text_classification", "task-unknown", "pipeline_tag"),
    Mutation("task invented", r"pipeline_tag: .*", "pipeline_tag: sentiment", "task-unknown", "pipeline_tag"),
    Mutation("task of former times", r"pipeline_tag: .*", "pipeline_tag: text2text-generation", "task-former",
             "pipeline_tag"),
    Mutation("library in capitals", r"library_name: .*", "library_name: Transformers", "library-misspelt", "library"),
    Mutation("another library", r"library_name: .*", "library_name: setfit", "own-value", "library_name"),
    Mutation("another task", r"pipeline_tag: .*", "pipeline_tag: translation", "own-value", "pipeline_tag"),
    Mutation("another relation", RELATION, "base_model_relation: merge\n", "own-value", "base_model_relation"),
    Mutation("base model by path", BASE, "base_model: ./bert\n", "model-id", "base_model:"),
    Mutation("base model by URL", BASE, "base_model: https://huggingface.co/a/b\n", "model-id", "base_model:"),
    Mutation("newer version in prose", LICENSE, BESIDE + "new_version: the next one\n", "model-id", "new_ver"),
    Mutation("dataset in prose", r"- someone/feelings\n", "- feelings of someone\n", "dataset-id", "- feelings of"),
    Mutation("dataset with two slashes", r"- someone/feelings\n", "- a/b/c\n", "dataset-id", "- a/b/c"),
    Mutation("dataset without owner", r"- someone/feelings\n", "- emotion\n", "dataset-id-short", "- emotion"),
    Mutation("relation invented", RELATION, "base_model_relation: tuned\n", "relation-unknown", "base_model_relation"),
    Mutation("relation to nothing", BASE, "", "relation-without-base", "base_model_relation"),
    Mutation("example without input", WIDGET, widget("- example_title: a"), "widget-input", "- example_title"),
    Mutation("example with an odd key", WIDGET, widget("- text: a\n  titel: b"), "key-unknown", "titel"),
    Mutation("output without scores", WIDGET, widget("- text: a\n  output: [{label: a}]"), "widget-output", "output:"),
    Mutation("output with a word for a score", WIDGET, widget("- text: a\n  output: [{label: joy, score: high}]"),
             "widget-output", "output:"),
    Mutation("odd field of a form", LICENSE, BESIDE + "extra_gated_fields:\n  Name: string\n",
             "gated-field", "  Name:"),
    # results
    Mutation("result without task", r"  - task:\n.*\n.*\n    dataset", "  - dataset", "key-missing", "  - dataset"),
    Mutation("task without type", TASK + r"      name: .*\n", "task:\n      name: Text\n", "key-missing", "- task"),
    Mutation("result without dataset", r"    dataset:\n(      .*\n)+", "", "key-missing", "- task"),
    Mutation("result without metrics", r"    metrics:\n    - (.*\n)+?---\n", "---\n", "key-missing", "- task"),
    Mutation("dataset without type", r"    dataset:\n      type: .*\n", "    dataset:\n", "key-missing", "    dataset"),
    Mutation("dataset without name", r"      name: Feelings in .*\n", "", "key-missing", "    dataset:"),
    Mutation("metric without type", r"- type: accuracy\n      value", "- value", "key-missing", "- value"),
    Mutation("metric without value", VALUE.replace("value", "      value"), "", "key-missing", "- type: accuracy"),
    Mutation("entry without name", r"- name: tiny-feelings\n  results", "- results", "key-missing", "- results"),
    Mutation("entry without results", r"\n  results:\n(.*\n)+?---\n", "\n---\n", "key-missing", "- name: tiny"),
    Mutation("result of an odd task", TASK, "task:\n      type: feeling\n", "index-task", "type: feeling"),
    Mutation("result of another task", TASK, "task:\n      type: translation\n", "own-value", "type: translation"),
    Mutation("per cent", VALUE, "value: 85.0\n", "metric-range", "85.0"),
    Mutation("below nothing", VALUE, "value: -0.1\n", "metric-range", "-0.1"),
    Mutation("odd average", AVERAGE, "average: mean", "metric-average", "average: mean"),
    # the body
    Mutation("no title", r"\n# tiny-feelings\n", "\nTiny feelings\n", "title-missing", None),
    Mutation("title in a code block", r"\n# tiny-feelings\n", "\n```\n# tiny\n```\n", "title-missing", None),
    Mutation("placeholder", r"\n## How to use it\n", "\n## How to use it\n\n[More Information Needed]\n",
             "placeholder-left", "More Information"),
]  # fmt: skip

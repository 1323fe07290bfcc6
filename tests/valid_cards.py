"""Valid model cards of many kinds, after the Hub's documentation and what its libraries write."""

MINIMAL = "---\nlicense: mit\n---\n\n# A model\n"
VALID = {
    "minimal": MINIMAL,
    "windows": MINIMAL.replace("\n", "\r\n"),
    "no last line end": "---\nlicense: mit\n---\n# A model",
    "trailing spaces after the dashes": "---  \nlicense: mit\n---\t\n# A model\n",
    "norwegian": "---\nlanguage:\n- 'no'\n- nb\n- nn\nlicense: cc0-1.0\n---\n# Modell\n",
    "many languages": "---\nlanguage: [multilingual, code, en, yue, ger]\nlanguage_bcp47: [zh-Hant-TW]\n---\n# M\n",
    "one language": "---\nlanguage: en\nlicense: mit\ndatasets: imdb\n---\n# M\n",
    "html title": "---\nlicense: mit\n---\n<h1 align='center'>A model</h1>\n",
    "underlined title": "---\nlicense: mit\n---\nA model\n=======\n",
    "flow style": "---\n{license: mit, tags: [a, b], library_name: my-own-library}\n---\n# M\n",
    "comments": "---\n# For reference on model card metadata, see the spec\nlicense: mit # as the base\n---\n# M\n",
    "line separators in a text": '---\nmodel_name: "a\u2028b"\nlicense: mit\n---\n# M\n',
    # written by transformers' Trainer
    "trainer": """---
library_name: transformers
license: apache-2.0
base_model: distilbert-base-uncased
tags:
- generated_from_trainer
datasets:
- emotion
metrics:
- accuracy
- f1
model-index:
- name: distilbert-base-uncased-finetuned-emotion
  results:
  - task:
      name: Text Classification
      type: text-classification
    dataset:
      name: emotion
      type: emotion
      config: split
      split: validation
      args: split
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.926
    - name: F1
      type: f1
      value: 92.6
---

<!-- This model card has been generated automatically -->

# distilbert-base-uncased-finetuned-emotion
""",
    "trainer without results": """---
tags: []
model-index:
- name: output
  results: []
---
# output
""",
    # results of an evaluation service, with its source and its token
    "verified": """---
license: mit
model-index:
- name: roberta
  results:
  - task: {type: natural-language-inference, name: Natural Language Inference}
    dataset: {name: GLUE MRPC, type: glue, config: mrpc, split: validation, args: {language: en}}
    metrics:
    - {type: accuracy, value: 0.8774, name: Accuracy, verified: true, verifyToken: eyJhbGciOiJFZERTQSJ9.e30.c2ln}
    - {type: wer, value: 20.0 ± 1.2, args: {max_order: 4}, config: bleurt-large-512}
  - task: {type: text-generation}
    dataset: {name: ai2_arc, type: ai2_arc}
    metrics: [{name: AI2 Reasoning Challenge (25-Shot), type: acc_norm, value: 64.59}]
    source: {name: Open LLM Leaderboard, url: "https://huggingface.co/spaces/HuggingFaceH4/open_llm_leaderboard"}
---
# roberta
""",
    # as they are found on the Hub
    "quantized": """---
license: gemma
license_link: https://ai.google.dev/gemma/terms
library_name: ultralyticsplus
pipeline_tag: text-generation
base_model: someone/some.model-4b
base_model_relation: quantized
language:
- ko
inference: false
---
# Quantized
""",
    "split in brackets": """---
language:
- unk
datasets:
- mozilla-foundation/common_voice_11_0
model-index:
- name: Whisper Tiny
  results:
  - task:
      name: Speech Recognition
      type: automatic-speech-recognition
    dataset:
      name: Common Voice 11.0
      type: mozilla-foundation/common_voice_11_0
      split: test[:10%]
      args: 'config: hi, split: test'
    metrics:
       - name: Test WER
         type: wer
         value: 27.99
         verified: false
---
# Whisper
""",
    "access form of a large model": """---
license: llama3.3
extra_gated_fields:
  geo: ip_location
  Institution:
    type: text
  ? By clicking Submit below I accept the terms of the license and acknowledge that
    the information will be stored
  : checkbox
---
# Large
""",
    "merge": """---
base_model:
- teknium/OpenHermes-2.5-Mistral-7B
- Intel/neural-chat-7b-v3-3
base_model_relation: merge
library_name: transformers
pipeline_tag: text-generation
tags: [mergekit, merge]
new_version: someone/newer-model
thumbnail: https://example.org/picture.png
inference: false
---
# A merge
""",
    "adapter with diffusion": """---
license: other
license_name: flux-1-dev
license_link: https://huggingface.co/black-forest-labs/FLUX.1-dev/blob/main/LICENSE.md
library_name: diffusers
pipeline_tag: text-to-image
base_model: black-forest-labs/FLUX.1-dev
base_model_relation: adapter
instance_prompt: null
inference:
  parameters:
    width: 1024
widget:
- text: a cat that plays with a ball
  output:
    url: images/cat.png
  parameters:
    negative_prompt: dog
---
# A style
""",
    "gated": """---
license: llama3.1
extra_gated_heading: Acknowledge the licence
extra_gated_prompt: "You agree to do no harm."
extra_gated_button_content: I agree
extra_gated_fields:
  Company: text
  Country: country
  Date of birth: date_picker
  I want to use it for:
    type: select
    options:
    - Research
    - label: Other
      value: other
  I agree: checkbox
---
# A gated model
""",
    "speech": """---
language:
- fi
pipeline_tag: automatic-speech-recognition
widget:
- src: https://cdn-media.huggingface.co/speech_samples/sample1.flac
  example_title: Librispeech sample 1
  output:
    text: going along slushy country roads
---
# Speech
""",
    "question answering": """---
pipeline_tag: question-answering
widget:
- text: Where do I live?
  context: My name is Sarah and I live in London
  output: {answer: London, score: 0.98}
---
# Answers
""",
    "tables and sentences": """---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
co2_eq_emissions:
  emissions: 3e-05
  energy_consumed: 0.003
  source: codecarbon
  training_type: fine-tuning
  on_cloud: false
  hardware_used: 1 x NVIDIA GeForce RTX 3090
widget:
- source_sentence: That is a happy person
  sentences: [That is a happy dog, Today is a sunny day]
- text: How many stars does the repository have?
  table: {Repository: [Transformers], Stars: [36542]}
- structured_data: {acidity: [7.4, 7.8]}
- text: My car
  candidate_labels: urgent, not urgent
  multi_class: true
- messages:
  - {role: user, content: Hello}
---
# Sentences
""",
    "chat with classification output": """---
pipeline_tag: text-classification
license: cc-by-nc-sa-4.0
co2_eq_emissions: 12
widget:
- text: I love football so much
  example_title: Positive
  group: English
  output:
  - {label: POSITIVE, score: 0.8}
  - {label: NEGATIVE, score: 0.2}
---
# Football
""",
}

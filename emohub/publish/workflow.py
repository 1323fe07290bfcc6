"""The GitHub Actions workflow that publishes on a tag, with a token that lives for one hour and is stored nowhere.

The Hub calls this trusted publishing (https://huggingface.co/docs/hub/trusted-publishers): the job proves who it is by
a signed statement of GitHub's, and ``huggingface_hub`` exchanges it for a token that may write to one repository.
"""

import json
from collections.abc import Mapping

WORKFLOW = """\
# Publishes to the Hugging Face Hub when a tag such as v1.2.0 is pushed. No token is stored anywhere: the Hub trusts
# this workflow. Keep this file as .github/workflows/{name}, and add in the settings of each repository below,
# under "Trusted Publishers", the provider GitHub Actions with the claims
#   repository = OWNER/NAME of this repository on GitHub
#   workflow = {name}
# The repositories must exist; make each with a first `emohub publish` from your own machine.
name: Publish to the Hugging Face Hub

on:
  push:
    tags: ["v*"]

permissions:
  contents: read

jobs:
  publish:
    runs-on: ubuntu-latest
    timeout-minutes: 30
    permissions:
      contents: read
      id-token: write # the job may ask GitHub to state who it is
    strategy:
      fail-fast: false
      max-parallel: 1
      matrix:
        include:
{models}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.11"
      - run: python -m pip install -r requirements.txt
      - run: python -m emohub.publish "$MODEL" --repo-id "$HF_OIDC_RESOURCE" --tag "$TAG"
        env:
          HF_OIDC_RESOURCE: ${{{{ matrix.repo_id }}}} # what the token of this job may write to
          MODEL: ${{{{ matrix.model }}}}
          TAG: ${{{{ github.ref_name }}}}
"""
NAME = "publish.yml"
"""File name of the workflow, which the Hub compares."""


def workflow_on_tag(models: Mapping[str, str]) -> str:
    """The workflow that publishes these models, by name, to these repositories."""
    rows = "\n".join(
        f"          - {{model: {json.dumps(model)}, repo_id: {json.dumps(repo_id)}}}"
        for model, repo_id in models.items()
    )
    return WORKFLOW.format(name=NAME, models=rows)

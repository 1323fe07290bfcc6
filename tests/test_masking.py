"""Masking: blocks lose no token, the shares are those of the paper and of transformers, and a seed repeats a choice."""

import math
import random

import numpy as np
import pytest
import torch
from transformers import BertTokenizer, DataCollatorForLanguageModeling

from emohub.errors import DataError, TrainingError
from emohub.train.masking import NOTHING_ASKED, blocks, mask, masked_lm_metrics

PAD, UNKNOWN, START, END, MASK = range(5)
SPECIAL = (PAD, UNKNOWN, START, END, MASK)
VOCAB = 200


def masked(ids: torch.Tensor, seed: int = 0, probability: float = 0.15) -> tuple[torch.Tensor, torch.Tensor]:
    return mask(
        ids,
        torch.Generator().manual_seed(seed),
        probability=probability,
        mask_id=MASK,
        vocab_size=VOCAB,
        special_ids=SPECIAL,
    )


def many_blocks(count: int = 400, length: int = 128) -> torch.Tensor:
    """Blocks of random ordinary tokens between the special ones."""
    ids = torch.randint(len(SPECIAL), VOCAB, (count, length), generator=torch.Generator().manual_seed(9))
    ids[:, 0], ids[:, -1] = START, END
    return ids


def shares(original: torch.Tensor, inputs: torch.Tensor, targets: torch.Tensor) -> dict[str, tuple[int, int]]:
    """Successes and trials of each choice: chosen of all, and of the chosen those hidden, replaced and kept."""
    eligible, chosen = ~torch.isin(original, torch.tensor(SPECIAL)), targets != NOTHING_ASKED
    hidden, kept = inputs == MASK, inputs == original
    counts = {
        "hidden": int((chosen & hidden).sum()),
        "replaced": int((chosen & ~hidden & ~kept).sum()),
        "kept": int((chosen & kept).sum()),
    }
    return {
        "chosen": (int(chosen.sum()), int(eligible.sum())),
        **{name: (count, int(chosen.sum())) for name, count in counts.items()},
    }


def is_binomial(successes: int, trials: int, share: float) -> bool:
    """Whether a count lies within 4.5 standard deviations of its expectation: it fails once in 150,000 times."""
    return abs(successes - trials * share) < 4.5 * math.sqrt(trials * share * (1 - share))


# A random token is the mask token, or the one that stood there, once in VOCAB times each.
EXPECTED = {"chosen": 0.15, "hidden": 0.8 + 0.1 / VOCAB, "replaced": 0.1 * (1 - 2 / VOCAB), "kept": 0.1 + 0.1 / VOCAB}


def test_the_shares_are_those_of_the_paper() -> None:
    ids = many_blocks()
    found = shares(ids, *masked(ids))
    assert found["chosen"][1] == 400 * 126
    for name, share in EXPECTED.items():
        assert is_binomial(*found[name], share), name


def test_the_shares_are_those_of_transformers(tmp_path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(VOCAB - 5))]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    collator = DataCollatorForLanguageModeling(BertTokenizer(str(tmp_path / "vocab.txt")), mlm_probability=0.15, seed=1)
    ids = many_blocks()
    theirs = collator([{"input_ids": row} for row in ids.tolist()])
    reference = shares(ids, theirs["input_ids"], theirs["labels"])
    ours = shares(ids, *masked(ids, seed=1))
    for name, share in EXPECTED.items():
        (a, n), (b, m) = ours[name], reference[name]
        assert is_binomial(b, m, share), name  # so that the expectation itself is transformers'
        pooled = (a + b) / (n + m)
        assert abs(a / n - b / m) < 4.5 * math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)), name


def test_random_tokens_come_from_the_whole_vocabulary() -> None:
    ids = many_blocks(2000)
    inputs, targets = masked(ids, probability=0.5)
    drawn = inputs[(targets != NOTHING_ASKED) & (inputs != ids) & (inputs != MASK)]
    counts = np.bincount(drawn.numpy(), minlength=VOCAB)
    assert len(counts) == VOCAB
    assert counts[MASK] == 0  # counted as hidden
    expected = counts.sum() / (VOCAB - 1)
    # The chi-square statistic over VOCAB - 1 cells has a mean of VOCAB - 2 and twice that as its variance.
    statistic = ((np.delete(counts, MASK) - expected) ** 2 / expected).sum()
    assert abs(statistic - (VOCAB - 2)) < 4.5 * math.sqrt(2 * (VOCAB - 2))


def test_targets_hold_the_token_that_stood_there_and_all_else_is_untouched() -> None:
    ids = many_blocks(50)
    ids[7, 90:] = PAD
    ids[7, 89] = END
    ids[8, 5] = UNKNOWN
    before = ids.clone()
    inputs, targets = masked(ids)
    asked = targets != NOTHING_ASKED
    assert torch.equal(ids, before)
    assert torch.equal(targets[asked], ids[asked])
    assert torch.equal(inputs[~asked], ids[~asked])
    assert not asked[torch.isin(ids, torch.tensor(SPECIAL))].any()
    assert inputs.dtype == targets.dtype == ids.dtype


@pytest.mark.parametrize("seed", range(20))
def test_each_block_is_asked_for_something(seed: int) -> None:
    ids = torch.tensor([[START, 50, 51, END], [START, 60, END, PAD]])
    _, targets = masked(ids, seed, probability=1e-6)
    assert (targets != NOTHING_ASKED).sum(dim=-1).tolist() == [1, 1]
    (_, single) = masked(torch.tensor([START, 50, END]), seed, probability=1e-6)
    assert single.tolist() == [NOTHING_ASKED, 50, NOTHING_ASKED]


def test_a_block_of_special_tokens_alone_is_asked_for_nothing() -> None:
    inputs, targets = masked(torch.tensor([START, UNKNOWN, END]))
    assert inputs.tolist() == [START, UNKNOWN, END]
    assert targets.tolist() == [NOTHING_ASKED] * 3


def test_a_seed_repeats_its_choice_and_another_makes_another() -> None:
    ids = many_blocks(3)
    assert all(torch.equal(a, b) for a, b in zip(masked(ids, 4), masked(ids, 4), strict=True))
    assert not torch.equal(masked(ids, 4)[1], masked(ids, 5)[1])


def test_the_global_generator_is_left_alone() -> None:
    state = torch.get_rng_state()
    masked(many_blocks(3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("max_length", [3, 8, 16, 128])
def test_blocks_hold_every_token_once_and_in_order(max_length: int) -> None:
    rng = random.Random(max_length)
    texts = [[rng.randrange(5, 100) for _ in range(rng.randrange(40))] for _ in range(30)]
    cut = blocks(texts, max_length, START, END)
    assert [token for block in cut for token in block[1:-1]] == [token for text in texts for token in text]
    assert {(block[0], block[-1]) for block in cut} == {(START, END)}
    assert all(len(block) == max_length for block in cut[:-1])
    assert 3 <= len(cut[-1]) <= max_length


def test_the_last_block_is_kept_though_it_is_short() -> None:
    assert blocks([[5, 6, 7], [], [8, 9]], 6, START, END) == [[START, 5, 6, 7, 8, END], [START, 9, END]]


def test_texts_without_tokens_are_refused() -> None:
    with pytest.raises(DataError, match="hold no token"):
        blocks([[], []], 8, START, END)


def test_perplexity_is_e_to_the_mean_loss() -> None:
    uniform = 40 * math.log(30_522)  # forty tokens, each as likely as any other of the vocabulary
    assert masked_lm_metrics(uniform, 40) == pytest.approx({"loss": 10.3262, "perplexity": 30_522}, rel=1e-5)
    assert masked_lm_metrics(0.0, 7) == {"loss": 0.0, "perplexity": 1.0}


@pytest.mark.parametrize("loss", [2000.0, math.inf, math.nan])
def test_a_perplexity_beyond_all_numbers_stops_the_run(loss: float) -> None:
    with pytest.raises(TrainingError, match="perplexity is no finite number; lower learning_rate"):
        masked_lm_metrics(loss * 3, 3)

"""What torch computes on: its name, the precision that it is made for, and how much it takes at once."""

import torch

from emohub.inference.engine import EngineName

_BATCH_TOKENS_CPU = 1024
"""Few enough that the activations stay in a CPU's cache."""
_BATCH_TOKENS_ACCELERATOR = 32_768
"""Enough that the time is spent on arithmetic."""
_BF16_PROCESSORS = ("avx512_bf16", "amx_bf16", "bf16")
"""What x86 processors and ARM's (the last) call instructions that multiply in bfloat16."""


def fastest_on(device: str | None) -> EngineName:
    """``torch-bf16`` where the device, the processor when None, multiplies in bfloat16 by itself; else ``torch``."""
    kind = torch.device(device or "cpu").type
    if kind == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        processor = torch.cpu.get_capabilities()
        native = kind == "cpu" and any(processor.get(instructions) for instructions in _BF16_PROCESSORS)
    return "torch-bf16" if native else "torch"


def name_of(device: torch.device) -> str:
    """``cpu``, or the accelerator's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def batch_tokens_on(device: torch.device) -> int:
    """Tokens of one forward pass, padding included, that a device is fastest with."""
    return _BATCH_TOKENS_CPU if device.type == "cpu" else _BATCH_TOKENS_ACCELERATOR

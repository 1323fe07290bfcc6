"""What torch was built for, the devices that it sees, and the precisions that they really compute in."""

import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from emohub.doctor.check import Check, gib
from emohub.record import current_environment

NVIDIA = Path("/dev/nvidia0")
"""There when the kernel drives an NVIDIA GPU, whatever torch was built for."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""How much processor time a container may use: microseconds, or ``max``, in each period."""
PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
TOLERANCE = 0.02
"""Largest relative error of a layer in half precision: bf16 keeps 8 bits, so that each product is off by up to 0.4%."""


def computing_checks() -> Iterator[Check]:
    """The build of torch, the device that training would take, threads, and half precision on that device."""
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    yield _build()
    yield _device(device)
    yield _threads()
    for name, dtype in PRECISIONS.items():
        yield _precision(name, dtype, device)


def _build() -> Check:
    backend = f"CUDA {torch.version.cuda}" if torch.version.cuda else None
    backend = backend or (f"ROCm {torch.version.hip}" if torch.version.hip else "processor only")
    found, wanted = f"{torch.__version__} ({backend})", "a build for the machine's devices"
    if NVIDIA.exists() and not torch.cuda.is_available():
        remedy = (
            "install a driver that is new enough for this CUDA version"
            if torch.version.cuda
            else "install a CUDA build of torch, as pytorch.org/get-started says"
        )
        return Check("torch build", "warning", f"{found}; the machine's NVIDIA GPU is not used", wanted, remedy)
    return Check("torch build", "ok", found, wanted)


def _device(device: torch.device) -> Check:
    if device.type == "cuda":
        every = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
        found = ", ".join(f"{each.name} ({gib(each.total_memory)})" for each in every)
    else:
        found = current_environment(device.type).processor
    return Check("device", "ok", f"{device.type}: {found}", "any; a GPU trains many times faster")


def _threads() -> Check:
    threads, usable = torch.get_num_threads(), usable_processors()
    found, wanted = f"{threads} on {usable} usable processors", "no more than processors"
    if threads > usable:
        return Check("threads", "warning", found, wanted, f"set OMP_NUM_THREADS={usable}")
    return Check("threads", "ok", found, wanted)


def usable_processors(quota: Path = QUOTA) -> int:
    """Processors that this process may use: its affinity, and the quota of its container where there is one."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return max(1, min(allowed, round(int(share) / int(period))))
    except (OSError, ValueError):  # no such file, or the share is "max"
        return allowed


def _precision(name: str, dtype: torch.dtype, device: torch.device) -> Check:
    wanted = f'only for mixed_precision = "{name}"'
    try:
        error = layer_error(dtype, device)
    except (RuntimeError, TypeError) as failure:  # NotImplementedError is a RuntimeError
        reason = (str(failure).splitlines() or [type(failure).__name__])[0]
        return Check(name, "warning", f"does not compute: {reason}", wanted, 'keep mixed_precision = "no"')
    if not error <= TOLERANCE:  # NaN is wrong too
        return Check(name, "warning", f"computes wrongly: off by {error:.1%}", wanted, 'keep mixed_precision = "no"')
    if name == "fp16" and device.type == "cpu":
        return Check(name, "ok", "computes, but Accelerate trains in fp32 on a processor", wanted)
    return Check(name, "ok", f"computes on {device.type}", wanted)


def layer_error(dtype: torch.dtype, device: torch.device) -> float:
    """Relative error (in the 2-norm) of a layer's output and gradient under autocast, against fp32.

    Raises:
        RuntimeError: the device has no such precision.
    """
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(32, 64, generator=generator).to(device)
    weights = nn.Parameter(torch.randn(64, 64, generator=generator).to(device))

    def compute() -> torch.Tensor:
        output = functional.linear(inputs, weights)
        (gradient,) = torch.autograd.grad(output.float().square().mean(), weights)
        return torch.cat([output.detach().float().flatten(), gradient.float().flatten()])

    expected = compute()
    with torch.autocast(device.type, dtype):
        if functional.linear(inputs, weights).dtype != dtype:
            raise RuntimeError("autocast leaves it alone")
        measured = compute()
    return float((measured - expected).norm() / expected.norm())

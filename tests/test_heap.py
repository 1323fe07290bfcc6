"""What a training step frees stays with the process while it trains, and not after it."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import torch
from emohub.train.heap import freed_memory_kept

def faults(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.zeros(16 << 20)  # 64 MiB, as a gradient of the embeddings is, and freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

faults(1)
print(faults(5))
with freed_memory_kept():
    faults(3)
    print(faults(5))
    inside = resident()
print(faults(5))
print(inside - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_what_is_freed_is_kept_while_entered_and_no_longer() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, within, after, given_back = map(int, done.stdout.split())
    assert before > 0
    assert within < before / 2
    assert after > before / 2  # a page is cleared again each time
    assert given_back > 48 << 20

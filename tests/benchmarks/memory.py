"""Peak memory of one call: `python -m tests.benchmarks.memory WHAT NETWORK BATCH SIZE DEVICE`, a process for each.

Prints the bytes by which the peak during the call lies above what was held before it. Before it the same was
done with one picture, so that libraries, kernels and prepared weights are part of what was held. On the CPU
these are resident pages of the process, on CUDA the bytes torch has handed out.
"""

from __future__ import annotations

import os
import subprocess
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import contextlib
import ctypes
import gc
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from analysis.explain.trace import explain
from tests.benchmarks import peers
from tests.benchmarks.subjects import last_four_stages, network, pictures

FORWARD = "forward"
FROZEN = "forward of frozen parameters"
SUBJECTS = {
    FORWARD: "forward pass, graph kept, parameters require gradients",
    FROZEN: "forward pass, graph kept, only x requires gradients",
    "no_grad": "forward pass, no graph",
    "fp32": "CAM Lens fp32",
    "bf16": "CAM Lens bf16",
    "torch-cam": "torch-cam",
    "captum": "captum",
    "pytorch-grad-cam": "pytorch-grad-cam, one object",
}


def peak_in_child(subject: str, network_name: str, batch: int, size: int, device: torch.device) -> int:
    """Bytes of one subject, measured in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", subject, network_name, str(batch), str(size)]
    child = subprocess.run([*command, str(device)], capture_output=True, text=True, check=False)
    if child.returncode:
        raise RuntimeError(f"the memory of {subject!r} could not be measured:\n{child.stderr}")
    return int(child.stdout.split()[-1])


def peak(subject: str, model: nn.Module, x: Tensor) -> int:
    """Peak bytes above those held before, of one call on x (B, 3, H, W) after a call on its first picture."""
    hold(call_of(subject, model, x[:1]))
    call = call_of(subject, model, x)
    gc.collect()
    if x.device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        hold(call)
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    settle()
    before, highest_before = psutil.Process().memory_info().rss, highest_resident()
    hold(call)
    if highest_resident() <= highest_before:
        raise RuntimeError("the call stayed below the peak of the warm-up; measure a larger batch")
    return highest_resident() - before


def settle() -> None:
    """What the C library holds of freed memory would hide a part of what comes next, and so would an old peak."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak of resident pages begins anew


def highest_resident() -> int:
    """Most bytes this process has had resident so far (on Linux: since `settle`)."""
    if sys.platform == "linux":
        # not ru_maxrss: a process inherits there what the one that started it had resident
        (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def hold(call: Callable[[], Any]) -> None:
    """Make the call and let go of what it returned."""
    call()


def call_of(subject: str, model: nn.Module, x: Tensor) -> Callable[[], Any]:
    """What is measured: a forward pass in three ways, or Grad-CAM at the last four stages."""
    if subject == "no_grad":
        return torch.no_grad()(lambda: model(x))
    if subject == FORWARD:
        return lambda: model(x)
    if subject == FROZEN:
        model.requires_grad_(False)
        return lambda: model(x.clone().requires_grad_())
    layers = last_four_stages(model, x[:1])
    if subject in {"fp32", "bf16"}:
        return lambda: explain(model, x, layers, ["gradcam"], 0, precision=subject)
    targets = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    if subject == "torch-cam":
        return peers.torchcam("gradcam", "", model, layers, x, targets).run
    if subject == "captum":
        return peers.captum("", model, layers, x, targets).run
    return peers.grad_cam("gradcam", "", model, layers, x, targets).run


def main(arguments: list[str]) -> None:
    subject, name, batch, size, device_name = arguments
    device = torch.device(device_name)
    torch.set_num_threads(2)
    print(peak(subject, network(name, device), pictures(int(batch), int(size), device)))


if __name__ == "__main__":
    main(sys.argv[1:])

"""Training whose weights are spread over processes (FSDP, DeepSpeed): a whole model beside it measures and exports."""

import copy

from accelerate import Accelerator
from accelerate.utils import DistributedType, broadcast_object_list
from torch import nn


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether no process holds the whole model that trains."""
    return accelerator.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED)


def whole_copy(accelerator: Accelerator, model: nn.Module) -> nn.Module:
    """What to train: ``model`` itself, or a copy where training takes its weights apart."""
    return copy.deepcopy(model) if is_sharded(accelerator) else model


def gather_weights(accelerator: Accelerator, module: nn.Module, model: nn.Module) -> None:
    """Copy the weights that the processes train together into each process' whole ``model``; all call this."""
    if not is_sharded(accelerator):
        return
    weights = broadcast_object_list([accelerator.get_state_dict(module)])[0]
    model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in weights.items()})

"""Networks translated for the GPU by torch.compile, and run as they are where that does not work."""

import logging
import warnings
from typing import Any

import torch
from torch import nn

from bench.component import FitContext


class Translated:
    """A network that is translated when it is first called; as it is, after one sentence, when that fails.

    Its parameters stay those of the network. Shapes are static: another shape is translated anew.
    """

    def __init__(self, network: nn.Module, context: FitContext) -> None:
        self.network, self.context = network, context
        self.call: Any = torch.compile(network, dynamic=False)
        self.tried = False

    def __call__(self, *inputs: torch.Tensor) -> Any:
        if self.tried:
            return self.call(*inputs)
        self.tried = True
        logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.call(*inputs)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # of the compiler, the C compiler it calls, or a driver: many kinds
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            self.context.reporter.say(f"the network is not translated for this GPU, which is slower: {why[:200]}")
            self.call = self.network
            return self.call(*inputs)


def translated(network: nn.Module, context: FitContext) -> Any:
    """The network as trainings call it: translated on a GPU, unless the context says otherwise."""
    if context.device.startswith("cuda") and context.compute.compile:
        return Translated(network, context)
    return network

"""PyTorch modules fitted without gradients.

Needs ``nelder[torch]``. PyTorch is imported when `minimize_module` is called.
"""

from nelder.models.result import ModelResult
from nelder.models.subspace import Subspace
from nelder.torch.module import minimize_module

__all__ = ["ModelResult", "Subspace", "minimize_module"]

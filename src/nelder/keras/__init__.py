"""Keras models fitted without gradients: any loss, on TensorFlow, JAX and PyTorch.

Needs ``nelder[keras]`` and a backend of Keras 3. Keras is imported when `fit` is called.
"""

from nelder.keras.model import fit
from nelder.models.result import ModelResult
from nelder.models.subspace import Subspace

__all__ = ["ModelResult", "Subspace", "fit"]

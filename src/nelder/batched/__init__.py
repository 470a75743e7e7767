"""Many simplex searches at once, in the array library of their starts."""

from nelder.batched.minimize import minimize
from nelder.batched.result import BatchResult

__all__ = ["BatchResult", "minimize"]

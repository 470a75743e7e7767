"""What the compiled core uses of Cython's pure-Python mode, as a type checker should see it."""

from contextlib import AbstractContextManager

compiled: bool
nogil: AbstractContextManager[None]
Py_ssize_t = int
double = float
bint = bool

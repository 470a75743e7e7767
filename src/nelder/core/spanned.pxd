cimport cython

from nelder.core.bounds cimport Box
from nelder.core.machine cimport UNBOUNDED, Machine, Stage, fabs

cdef double INF


cdef class Spanned(Stage):
    cdef readonly Machine machine
    cdef readonly Box box
    cdef readonly Py_ssize_t n
    cdef double[::1] _base, _basis, _z

    cdef void _take(self, double f) noexcept nogil
    @cython.final
    cdef void _follow(self) noexcept nogil
    @cython.final
    cdef bint _is_finite(self) noexcept nogil
    @cython.final
    cdef void _place(self, double[::1] y, Py_ssize_t at) noexcept nogil

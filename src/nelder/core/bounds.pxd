cimport cython

cdef extern from "math.h":
    cpdef double sin(double x) noexcept nogil
    cpdef double cos(double x) noexcept nogil

cdef int FREE, LOWER, UPPER, BOTH, CLIP

cdef class Box:
    cdef readonly Py_ssize_t dim, n
    cdef readonly object lower, upper, free
    cdef bint _clips
    cdef double[::1] _low, _high
    cdef Py_ssize_t[::1] _free
    cdef Py_ssize_t[::1] _kind
    @cython.final
    cdef void place(self, double[::1] z, Py_ssize_t row, double[::1] x, Py_ssize_t at) noexcept nogil

cimport cython

from nelder.core.machine cimport (
    EXPAND,
    INITIAL,
    INSIDE,
    OUTSIDE,
    REFLECT,
    REFRESH,
    SHRINK,
    UNBOUNDED,
    Machine,
)

cdef double INF, NAN


cdef class KWorstMachine(Machine):
    cdef readonly Py_ssize_t k
    cdef Py_ssize_t[::1] _reflections, _seconds, _chosen, _kinds, _movers

    cdef void _take(self, double f) noexcept nogil
    cdef void _reflect(self) noexcept nogil
    cdef Py_ssize_t _best_row(self) noexcept nogil
    @cython.final
    cdef Py_ssize_t _choice(self, Py_ssize_t i) noexcept nogil
    @cython.final
    cdef void _look_again(self) noexcept nogil
    @cython.final
    cdef Py_ssize_t _wanted(self, Py_ssize_t i) noexcept nogil
    @cython.final
    cdef double _factor(self, Py_ssize_t kind) noexcept nogil
    @cython.final
    cdef void _write(self, Py_ssize_t i, Py_ssize_t row, double factor) noexcept nogil
    @cython.final
    cdef void _add(self, Py_ssize_t kind, Py_ssize_t i, Py_ssize_t row) noexcept nogil
    @cython.final
    cdef void _begin(self, Py_ssize_t phase) noexcept nogil
    @cython.final
    cdef void _wait_at_head(self) noexcept nogil
    @cython.final
    cdef void _move(self) noexcept nogil
    @cython.final
    cdef Py_ssize_t _settle(self) noexcept nogil
    @cython.final
    cdef void _enter(self, Py_ssize_t row) noexcept nogil

cimport cython
cimport numpy as cnp
from numpy cimport import_array
from cpython.ref cimport PyObject
from libc.stdint cimport int64_t, intptr_t
from libc.string cimport memcmp, memcpy

from nelder.core.bounds cimport Box

cdef extern from "math.h":
    cpdef double sqrt(double x) noexcept nogil
    cpdef double fabs(double x) noexcept nogil

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(PyObject* o) noexcept
    int PyErr_CheckSignals() except -1

ctypedef double (*Native)(int64_t n, const double* x, void* data) noexcept nogil

cdef inline double call_native(
    intptr_t address, Py_ssize_t n, double[::1] x, Py_ssize_t at, intptr_t data
) noexcept nogil:
    return (<Native> address)(n, &x[at], <void*> data)


cdef inline int check_signals() except -1:
    return PyErr_CheckSignals()


cdef inline bint reusable(object array, Py_ssize_t n) noexcept:
    """Whether nobody else holds `array`, and it is still as it was handed out."""
    cdef cnp.ndarray a = <cnp.ndarray> array
    return (
        Py_REFCNT(<PyObject*> array) == 2  # the caller's variable and `a`
        and cnp.PyArray_NDIM(a) == 1
        and cnp.PyArray_DIM(a, 0) == n
        and cnp.PyArray_TYPE(a) == cnp.NPY_DOUBLE
        and cnp.PyArray_CHKFLAGS(a, cnp.NPY_ARRAY_CARRAY)
        and cnp.PyArray_ISNOTSWAPPED(a)
    )


cdef inline int fill(object array, double[::1] x, Py_ssize_t at, Py_ssize_t n) noexcept:
    memcpy(cnp.PyArray_DATA(<cnp.ndarray> array), &x[at], n * sizeof(double))
    return 0


cdef inline object new_row(Py_ssize_t n):
    cdef cnp.npy_intp shape[2]
    shape[0] = 1
    shape[1] = n
    return cnp.PyArray_SimpleNew(2, shape, cnp.NPY_DOUBLE)


cdef inline bint same_row(object array, double[::1] x, Py_ssize_t at, Py_ssize_t n):
    """Whether `array` is the row x[at : at + n], bit for bit."""
    if not isinstance(array, cnp.ndarray):
        return False
    cdef cnp.ndarray a = <cnp.ndarray> array
    cdef int ndim = cnp.PyArray_NDIM(a)
    return (
        1 <= ndim <= 2
        and cnp.PyArray_DIM(a, ndim - 1) == n
        and (ndim == 1 or cnp.PyArray_DIM(a, 0) == 1)
        and cnp.PyArray_TYPE(a) == cnp.NPY_DOUBLE
        and cnp.PyArray_CHKFLAGS(a, cnp.NPY_ARRAY_CARRAY_RO)
        and cnp.PyArray_ISNOTSWAPPED(a)
        and memcmp(cnp.PyArray_DATA(a), &x[at], n * sizeof(double)) == 0
    )


cdef int INITIAL, REFLECT, EXPAND, OUTSIDE, INSIDE, SHRINK
cdef int NO_RULE, BOTH, STANDARD_ERROR, EITHER
cdef int RUNNING, CONVERGED, UNBOUNDED
cdef double INF, NAN, EPS, HUGE, FAR, LARGEST

cdef Py_ssize_t REFRESH


cdef class Stage:
    cdef readonly Py_ssize_t dim, nfev, nfailed, nit
    cdef readonly bint done
    cdef double[::1] _x, _f
    cdef Py_ssize_t _pending, _room
    @cython.final
    cdef void _receive(self, double f) noexcept nogil
    cdef void _take(self, double f) noexcept nogil
    cdef void _remember(self, double f) noexcept nogil


cdef class Points(Stage):
    cdef readonly Py_ssize_t found, count
    cdef readonly double below
    cdef void _take(self, double f) noexcept nogil


cdef class Machine(Stage):
    cdef readonly Py_ssize_t n, nshrink
    cdef readonly object coefficients, test
    cdef readonly Box box
    cdef int _phase, _end, _rule
    cdef double _reflection, _expansion, _contraction, _shrinkage, _xatol, _fatol, _ulps, _per_kept, _far
    cdef bint _equal_outside, _equal_inside, _huge
    cdef double[::1] _z, _sum, _centroid, _past_z, _past_f
    cdef Py_ssize_t[::1] _order, _queue
    cdef Py_ssize_t _kept, _ranked, _head, _queued, _r, _t, _stale, _seen_rank, _seen_axis, _remembered

    @cython.final
    cdef void _go_on(self) noexcept nogil
    @cython.final
    cdef int _run_lanes(
        self, intptr_t address, intptr_t data, Py_ssize_t evaluations, double target, double[::1] z,
        double[::1] x, double[::1] best, double[::1] values, Py_ssize_t[::1] counts
    ) except -1
    @cython.final
    cdef void _begin_lane(self, double[::1] z, Py_ssize_t z_at, double[::1] x, Py_ssize_t x_at) noexcept nogil
    @cython.final
    cdef void _set_far(self) noexcept nogil
    cdef void _take(self, double f) noexcept nogil
    cdef void _remember(self, double f) noexcept nogil
    @cython.final
    cdef void _take_queued(self, double f) noexcept nogil
    @cython.final
    cdef void _place(self, Py_ssize_t row) noexcept nogil
    cdef void _reflect(self) noexcept nogil
    @cython.final
    cdef void _try(self, int phase, double factor) noexcept nogil
    @cython.final
    cdef void _wait_for(self, Py_ssize_t row) noexcept nogil
    @cython.final
    cdef bint _is_far(self, Py_ssize_t row) noexcept nogil
    @cython.final
    cdef void _accept(self, Py_ssize_t row) noexcept nogil
    @cython.final
    cdef void _shrink(self) noexcept nogil
    @cython.final
    cdef void _insert(self, Py_ssize_t row) noexcept nogil
    @cython.final
    cdef void _refresh(self) noexcept nogil
    @cython.final
    cdef void _sum_kept(self) noexcept nogil
    @cython.final
    cdef void _end_iteration(self) noexcept nogil
    @cython.final
    cdef void _finish(self, int end) noexcept nogil
    @cython.final
    cdef bint _converged(self) noexcept nogil
    @cython.final
    cdef bint _within(self, double xatol) noexcept nogil
    @cython.final
    cdef bint _apart(self, Py_ssize_t rank, Py_ssize_t axis, double xatol) noexcept nogil
    @cython.final
    cdef double _standard_error(self) noexcept nogil
    cdef Py_ssize_t _best_row(self) noexcept nogil

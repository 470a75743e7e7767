"""What an objective may return."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from nelder.core.real import as_real
from nelder.errors import ReturnValueError


class Tensor:
    """A scalar tensor of another library, or one that refuses to be a float."""

    def __init__(self, value=None, refusal=None):
        self.value, self.refusal = value, refusal

    def __float__(self):
        if self.refusal is not None:
            raise self.refusal
        return self.value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, 1.5),
        (-3, -3.0),
        (True, 1.0),
        (False, 0.0),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(0.25), 0.25),
        (np.longdouble(0.5), 0.5),
        (np.int64(7), 7.0),
        (np.uint8(255), 255.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (np.array([[2.5]], dtype=np.float32), 2.5),
        (np.array([3]), 3.0),
        (Fraction(1, 4), 0.25),
        (Decimal("0.125"), 0.125),
        (Tensor(4.5), 4.5),
        (math.inf, math.inf),
        (-math.inf, -math.inf),
        (np.array(np.inf), math.inf),
    ],
)
def test_real_scalars_are_taken(value, expected):
    taken = as_real(value)
    assert taken == expected
    assert type(taken) is float


def test_single_precision_is_not_rounded_again():
    assert as_real(np.float32(0.1)) == float(np.float32(0.1))


@pytest.mark.parametrize("value", [math.nan, np.float32("nan"), np.array(np.nan), Decimal("NaN")])
def test_nan_stays_nan(value):
    assert math.isnan(as_real(value))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None (is a return statement missing?)"),
        ("1.0", "'1.0'"),
        (b"1", "b'1'"),
        (1 + 0j, "(1+0j)"),
        (np.complex128(1.0), "complex128"),
        (np.complex64(1.0), "complex64"),
        (np.array([1.0, 2.0]), "array of shape (2,) and dtype float64"),
        (np.array([]), "array of shape (0,) and dtype float64"),
        (np.array([1j]), "array of shape (1,) and dtype complex128"),
        (np.array("1.0"), "array of shape () and dtype <U3"),
        (np.array([1.0], dtype=object), "array of shape (1,) and dtype object"),
        (np.datetime64(1, "s"), "datetime64"),
        ([1.0], "list"),
        ((1.0,), "tuple"),
        ({}, "dict"),
        (Tensor(refusal=TypeError("several elements")), "Tensor"),
        (Tensor(refusal=ValueError("complex")), "Tensor"),
        (Tensor(refusal=RuntimeError("needs a gradient")), "Tensor"),
        (Decimal("sNaN"), "Decimal"),
    ],
)
def test_anything_else_is_named(value, said):
    with pytest.raises(ReturnValueError) as error:
        as_real(value)
    text = str(error.value)
    assert text.startswith("the objective returned ")
    assert text.endswith(": expected a real scalar")
    assert said in text


@pytest.mark.parametrize("value", [10**400, Fraction(10**400)], ids=["int", "Fraction"])
def test_a_number_beyond_the_floats_is_refused(value):
    with pytest.raises(ReturnValueError):
        as_real(value)


def test_the_error_is_a_type_error():
    with pytest.raises(TypeError):
        as_real(None)

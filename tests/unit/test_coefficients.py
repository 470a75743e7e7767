"""The coefficients by hand."""

import math
from dataclasses import FrozenInstanceError

import pytest

from nelder.core.coefficients import Adaptive, Coefficients, Standard
from nelder.errors import InvalidArgumentError


def four(c):
    return c.reflection, c.expansion, c.contraction, c.shrinkage


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_standard_is_the_same_in_every_dimension(n):
    assert four(Standard()(n)) == (1.0, 2.0, 0.5, 0.5)


def test_defaults_are_the_standard_ones():
    assert Coefficients() == Standard()(3)


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, (1.0, 2.0, 0.5, 0.5)),  # the formulas would give 1, 3, 1/4, 0: a collapse
        (2, (1.0, 2.0, 0.5, 0.5)),  # 1 + 2/2, 3/4 - 1/4, 1 - 1/2
        (4, (1.0, 1.5, 0.625, 0.75)),  # 1 + 2/4, 3/4 - 1/8, 1 - 1/4
        (8, (1.0, 1.25, 0.6875, 0.875)),  # 1 + 2/8, 3/4 - 1/16, 1 - 1/8
    ],
)
def test_adaptive_follows_gao_and_han(n, expected):
    assert four(Adaptive()(n)) == expected


def test_adaptive_is_valid_in_a_large_dimension():
    c = Adaptive()(100_000)
    assert 1.0 < c.expansion < 1.0001
    assert 0.0 < c.contraction < 1.0
    assert 0.0 < c.shrinkage < 1.0


def test_coefficients_are_a_rule_themselves():
    c = Coefficients(1.5, 3.0, 0.25, 0.75)
    assert c(1) is c
    assert c(40) is c


def test_integers_become_floats():
    c = Coefficients(2, 3)
    assert four(c) == (2.0, 3.0, 0.5, 0.5)
    assert all(type(value) is float for value in four(c))


def test_values_just_inside_the_ranges_are_taken():
    tiny = 5e-324
    c = Coefficients(
        tiny, math.nextafter(1.0, 2.0), math.nextafter(1.0, 0.0), math.nextafter(1.0, 0.0)
    )
    assert c.reflection == tiny
    assert Coefficients(contraction=tiny, shrinkage=tiny).shrinkage == tiny


def test_they_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Coefficients().reflection = 2.0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("reflection", 0.0, "above 0"),
        ("reflection", -1.0, "above 0"),
        ("reflection", math.inf, "above 0"),
        ("reflection", math.nan, "above 0"),
        ("expansion", 1.0, "above 1"),
        ("expansion", 0.5, "above 1"),
        ("expansion", math.inf, "above 1"),
        ("contraction", 0.0, "above 0 and below 1"),
        ("contraction", 1.0, "above 0 and below 1"),
        ("contraction", math.nan, "above 0 and below 1"),
        ("shrinkage", 0.0, "above 0 and below 1"),
        ("shrinkage", 1.0, "above 0 and below 1"),
        ("shrinkage", "0.5", "above 0 and below 1"),
        ("shrinkage", None, "above 0 and below 1"),
    ],
)
def test_a_value_out_of_range_is_named(name, value, expected):
    with pytest.raises(InvalidArgumentError) as error:
        Coefficients(**{name: value})
    assert str(error.value) == f"{name}={value!r}: expected a number {expected}"

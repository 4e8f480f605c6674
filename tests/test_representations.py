"""Representations of estimators: text, and notebook tables that include the parameters of an initializer."""

import re

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skinit import MLPClassifier, MLPRegressor
from skinit.initializers import Hessian, Orthogonal, RandomNormal


def rows(html):
    """Return the names and values of all parameters in the tables of a representation."""
    cells = re.findall(r'<td class="param">(.*?)</td>\s*<td class="value">(.*?)</td>', html, flags=re.DOTALL)
    return {name.removesuffix("&nbsp;").strip(): value for name, value in cells}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_tables_have_the_parameters_of_an_initializer(estimator):
    model = estimator(init=RandomNormal(std=0.25))
    shown = rows(estimator_html_repr(model))
    assert shown["init"] == "RandomNormal(std=0.25)"
    assert shown["init__std"] == "0.25"
    assert shown.keys() == model.get_params(deep=True).keys()


def test_tables_have_the_parameters_of_nested_initializers():
    model = MLPClassifier(init=Hessian(base=Orthogonal(2.0)))
    for shown in (model, make_pipeline(StandardScaler(), model)):
        assert rows(estimator_html_repr(shown))["init__base__gain"] == "2.0"


def test_text_has_the_parameters_of_an_initializer():
    assert repr(MLPClassifier(init=RandomNormal(std=0.25))) == "MLPClassifier(init=RandomNormal(std=0.25))"
    assert repr(MLPRegressor(init=Hessian(base=Orthogonal(2.0)))) == (
        "MLPRegressor(init=Hessian(base=Orthogonal(gain=2.0)))"
    )


def test_there_is_no_link_to_a_missing_page():
    # scikit-learn's documentation has no page for these classes.
    for each in (MLPClassifier(), RandomNormal()):
        assert each._get_doc_link() == ""
        assert "href" not in estimator_html_repr(each)

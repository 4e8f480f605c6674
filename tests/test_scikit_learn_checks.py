"""scikit-learn's checks for estimators, with several initializations."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skinit import MLPClassifier, MLPRegressor
from skinit.initializers import RandomNormal

# No check is expected to fail.
ESTIMATORS = [
    estimator(init=init, max_iter=100)
    for estimator in (MLPClassifier, MLPRegressor)
    for init in ("auto", "sklearn", "xavier", "orthogonal", RandomNormal(std=0.1))
]


@parametrize_with_checks(ESTIMATORS)
def test_estimator_checks(estimator, check):
    check(estimator)

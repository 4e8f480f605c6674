"""The content of saved estimators: parameters, arrays, builtin objects, and the version that wrote them."""

from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from .label_columns import LabelColumns
from .training.state import restore_solver, solver_state
from .user_warnings import warn_user
from .version import __version__

# The classes of this package that a skops file may name. None of them runs code from the file or writes files.
TRUSTED_TYPES = [
    "skinit.activations.Activation",
    "skinit.callbacks.stopping.BestWeights",
    "skinit.callbacks.stopping.EarlyStopping",
    "skinit.cli.tables.reader.ColumnReader",
    "skinit.estimators.MLPClassifier",
    "skinit.estimators.MLPRegressor",
    "skinit.initializers.base.FunctionInitializer",
    "skinit.initializers.constant.Constant",
    "skinit.initializers.constant.Identity",
    "skinit.initializers.constant.Zeros",
    "skinit.initializers.hessian.Hessian",
    "skinit.initializers.layer_by_layer.LayerByLayer",
    "skinit.initializers.lsuv.LSUV",
    "skinit.initializers.orthogonal.Orthogonal",
    "skinit.initializers.random.RandomNormal",
    "skinit.initializers.random.RandomUniform",
    "skinit.initializers.random.TruncatedNormal",
    "skinit.initializers.scikit_learn.ScikitLearn",
    "skinit.initializers.sparse.Sparse",
    "skinit.initializers.variance_scaling.VarianceScaling",
]


class PersistenceMixin(BaseEstimator):
    """The state of an estimator for pickle, skops and copies."""

    def __getstate__(self) -> dict:
        state = super().__getstate__() | {"_skinit_version": __version__}
        # The weights are in `coefs_` and `intercepts_` already.
        state.pop("_network", None)
        if "_optimizer" in state:
            state["_optimizer"] = solver_state(state["_optimizer"])
        if isinstance(state.get("_label_binarizer"), LabelColumns):
            state["_label_binarizer"] = state["_label_binarizer"].classes_
        return state

    def __setstate__(self, state: dict) -> None:
        state = dict(state)
        version = state.pop("_skinit_version", "unknown")
        if version != __version__:
            warn_user(
                InconsistentVersionWarning(
                    estimator_name=f"{type(self).__module__.partition('.')[0]}.{type(self).__name__}",
                    current_sklearn_version=__version__,
                    original_sklearn_version=version,
                )
            )
        if isinstance(state.get("_optimizer"), dict):
            state["_optimizer"] = restore_solver(state["_optimizer"])
        if isinstance(state.get("_label_binarizer"), list):
            state["_label_binarizer"] = LabelColumns(state["_label_binarizer"])
        super().__setstate__(state)

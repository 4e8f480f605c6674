"""The names that `init` takes, and their initializers."""

import numpy as np
from sklearn.base import clone

from ..activations import Activation
from ..validation import wrong_name
from .base import FunctionInitializer, Initializer
from .constant import Constant, Identity, Zeros
from .gain import gain
from .hessian import Hessian
from .layer_by_layer import LayerByLayer
from .lsuv import LSUV
from .orthogonal import Orthogonal
from .random import RandomNormal, RandomUniform, TruncatedNormal
from .scikit_learn import ScikitLearn
from .sparse import Sparse
from .variance_scaling import VarianceScaling

_INITIALIZERS = {
    "zeros": Zeros(),
    "ones": Constant(1.0),
    "constant": Constant(),
    "identity": Identity(),
    "random_normal": RandomNormal(),
    "random_uniform": RandomUniform(),
    "truncated_normal": TruncatedNormal(),
    "xavier_normal": VarianceScaling(1.0, "fan_avg", "normal"),
    "xavier_uniform": VarianceScaling(1.0, "fan_avg", "uniform"),
    "he_normal": VarianceScaling(2.0, "fan_in", "normal"),
    "he_uniform": VarianceScaling(2.0, "fan_in", "uniform"),
    "lecun_normal": VarianceScaling(1.0, "fan_in", "normal"),
    "lecun_uniform": VarianceScaling(1.0, "fan_in", "uniform"),
    "orthogonal": Orthogonal(),
    "sparse": Sparse(),
    "lsuv": LSUV(),
    "hessian": Hessian("measured"),
    "hessian_jacobian": Hessian("jacobian"),
    "hessian_closed_form": Hessian("closed_form"),
    "sklearn": ScikitLearn(),
}

_ALIASES = {
    "zero": "zeros",
    "random": "random_normal",
    "xavier": "xavier_uniform",
    "glorot": "xavier_uniform",
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "he": "he_normal",
    "kaiming": "he_normal",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
}

# He for activations that are nearly flat on one side, LeCun for selu, Xavier otherwise.
_AUTO = {
    "relu": "he_normal",
    "leaky_relu": "he_normal",
    "elu": "he_normal",
    "silu": "he_normal",
    "gelu": "he_normal",
    "selu": "lecun_normal",
}


def get_initializer_names() -> list[str]:
    """All names that `init` takes.

    Returns
    -------
    names : list of str
        The names in alphabetical order, including other names of the same scheme.

    Examples
    --------
    >>> from skinit.initializers import get_initializer_names
    >>> get_initializer_names()[:4]
    ['auto', 'constant', 'glorot', 'glorot_normal']
    """
    return sorted([*_INITIALIZERS, *_ALIASES, "auto"])


def _automatic(activation) -> Initializer:
    """The initializer that "auto" stands for. If the activations need different schemes, it is a `LayerByLayer`."""
    if not isinstance(activation, (list, tuple)) or not activation:
        return _automatic_of_layer(activation)
    schemes = [_automatic_of_layer(each) for each in activation]
    if len(set(map(repr, schemes))) == 1:
        return schemes[0]
    # The output layer gets the scheme of the last hidden layer.
    return LayerByLayer([*schemes, clone(schemes[-1])])


def _automatic_of_layer(activation) -> Initializer:
    if isinstance(activation, Activation):
        scale = gain(activation) ** 2
        if 0 < scale < np.inf:
            return VarianceScaling(scale)
    name = _AUTO.get(activation, "xavier_uniform") if isinstance(activation, str) else "xavier_uniform"
    return clone(_INITIALIZERS[name])


def get_initializer(init, activation="relu") -> Initializer:
    r"""The initializer that `init` stands for.

    Parameters
    ----------
    init : str, Initializer or callable
        A name, an initializer (returned as it is), or a function ``(shape, rng) -> array``.
    activation : str or Activation, or list or tuple of these, default="relu"
        The hidden activation, or a list with the activation of each hidden layer. Only "auto" depends on it: He's
        scheme for the relu family, LeCun's for selu, Xavier's otherwise. For your own activation, it draws weights of
        variance :math:`g^2 / d_\mathrm{in}`, with the activation's :func:`~skinit.initializers.gain` `g`. If hidden
        layers need different schemes, each layer gets its own scheme, and the output layer gets the scheme of the last
        hidden layer.

    Returns
    -------
    initializer : Initializer

    Raises
    ------
    ValueError
        If there is no such name.
    TypeError
        If `init` is anything else, for example a class.

    Examples
    --------
    >>> from skinit.initializers import get_initializer
    >>> get_initializer("he")
    VarianceScaling(scale=2.0)
    >>> get_initializer("auto", activation="tanh")
    VarianceScaling(distribution='uniform', mode='fan_avg')
    >>> get_initializer("auto", activation=["relu", "selu"])
    LayerByLayer(initializers=[VarianceScaling(scale=2.0), VarianceScaling(),
                               VarianceScaling()])
    """
    if isinstance(init, Initializer):
        return init
    if isinstance(init, str):
        if init == "auto":
            return _automatic(activation)
        name = _ALIASES.get(init, init)
        if name not in _INITIALIZERS:
            raise ValueError(wrong_name("The initializer", init, get_initializer_names()))
        return clone(_INITIALIZERS[name])
    if callable(init) and not isinstance(init, type):
        return FunctionInitializer(init)
    hint = f" Pass an instance: {init.__name__}()." if isinstance(init, type) else ""
    raise TypeError(
        f"The initializer must be a name, an Initializer or a function (shape, rng) -> array, got {init!r}.{hint}"
    )


def initializers_with(parameter: str, init, activation) -> list[Initializer]:
    """Initializers to pass instead of a name, so that `parameter` can be set.

    This is the initializer that `init` names, if it has the parameter or if no initializer has it. Otherwise these are
    all initializers that have the parameter.
    """
    meant = [get_initializer(init, activation)] if isinstance(init, str) else []
    known = {type(each): type(each)() for each in _INITIALIZERS.values() if parameter in each._get_param_names()}
    return meant if any(type(each) in known for each in meant) or not known else list(known.values())

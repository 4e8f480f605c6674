"""Class weights as sample weights."""

from numbers import Real

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from .validation import NumberInterval, wrong_name

# scikit-learn's message.
NO_BALANCED_PARTIAL_FIT = (
    "class_weight 'balanced' is not supported for partial_fit. In order to use 'balanced' weights, use "
    "compute_class_weight('balanced', classes=classes, y=y). In place of y you can use a large enough sample of the "
    "full training set target to properly estimate the class frequency distributions. Pass the resulting weights as "
    "the class_weight parameter."
)


def class_weights_of_outputs(class_weight, classes: list[np.ndarray], numbers: np.ndarray) -> list[np.ndarray]:
    r"""The weight of each class, for each output.

    With :math:`n` rows and :math:`k` classes, "balanced" gives a class with :math:`n_c` rows the weight
    :math:`n / (k n_c)`.

    Parameters
    ----------
    class_weight : "balanced", dict, or list of dicts
        A dict from classes to weights. A class that is not in the dict has weight 1. Several outputs take a list with
        one dict for each output.
    classes : list of ndarray
        The classes of each output.
    numbers : ndarray of shape (n, n_outputs)
        The index of each row's class in `classes`, for each output.

    Returns
    -------
    weights : list of ndarray
        An array for each output, with one weight for each class.

    Raises
    ------
    ValueError
        If there is not one dict for each output, if a class is unknown, or if a weight is not a finite number >= 0.
    """
    if isinstance(class_weight, str):
        return [_balanced(len(names), column) for names, column in zip(classes, numbers.T, strict=True)]
    given = class_weight if isinstance(class_weight, (list, tuple)) else [class_weight]
    if len(given) != len(classes) or not all(isinstance(each, dict) for each in given):
        takes = "a dict" if len(classes) == 1 else f"a list of {len(classes)} dicts, one for each output"
        raise ValueError(f'class_weight must be "balanced" or {takes}, got {class_weight!r}.')
    return [_of_dict(each, names) for each, names in zip(given, classes, strict=True)]


def row_weights(weights: list[np.ndarray], numbers: np.ndarray) -> np.ndarray:
    """The weight of each row, which is the product over outputs of the weights of the row's classes."""
    columns = [weight[column] for weight, column in zip(weights, numbers.T, strict=True)]
    return np.prod(columns, axis=0)


def _balanced(n_classes: int, numbers: np.ndarray) -> np.ndarray:
    weights, present = np.ones(n_classes), np.unique(numbers)
    weights[present] = compute_class_weight("balanced", classes=present, y=numbers)
    return weights


def _of_dict(class_weight: dict, classes: np.ndarray) -> np.ndarray:
    known = classes.tolist()
    for name, weight in class_weight.items():
        if name not in known:
            raise ValueError(wrong_name("A class of class_weight", name, known))
        if not NumberInterval(Real, 0, None, closed="left").is_satisfied_by(weight):
            raise ValueError(f"class_weight[{name!r}] must be a finite number >= 0, got {weight!r}.")
    return np.array([float(class_weight.get(name, 1.0)) for name in known])

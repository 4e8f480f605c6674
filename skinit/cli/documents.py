"""The results of the commands as JSON documents."""

import argparse
import json
from pathlib import Path

import numpy as np

from ..inspection import SignalPropagation
from ..version import __version__
from .data import Table
from .metrics import DEFAULTS
from .network_options import network_parameters
from .results import Results


def comparison_document(table: Table, results: Results, arguments: argparse.Namespace, files: list[Path]) -> dict:
    """The results of `compare`.

    Parameters
    ----------
    table : Table
    results : Results
    arguments : argparse.Namespace
    files : list of Path
        The files that were written.

    Returns
    -------
    document : dict
        Its entries are described in `docs/grid_search.rst`.
    """
    return {
        **_heading(table, files),
        "training": {**network_parameters(arguments), "max_iter": arguments.max_iter, "seed": arguments.seed},
        "scoring": arguments.scoring or DEFAULTS[table.task],
        "folds": arguments.cv,
        "chance": results.chance.mean(),
        "candidates": results.frame.astype(object).to_dict("records"),
        "meaning": results.meaning(),
    }


def inspection_document(
    table: Table, signals: SignalPropagation, arguments: argparse.Namespace, files: list[Path]
) -> dict:
    """The results of `inspect`.

    Parameters
    ----------
    table : Table
    signals : SignalPropagation
    arguments : argparse.Namespace
    files : list of Path
        The files that were written.

    Returns
    -------
    document : dict
        Its entries are described in `docs/inspecting.rst`.
    """
    layers = [
        dict(zip(signals.arrays(), values, strict=True)) for values in zip(*signals.arrays().values(), strict=True)
    ]
    return {
        **_heading(table, files),
        "training": {**network_parameters(arguments), "epochs": arguments.epochs, "seed": arguments.seed},
        "init": arguments.init[0].text,
        "hidden": arguments.hidden,
        "rows_looked_at": signals.n_rows,
        "layers": layers,
        "findings": [vars(finding) for finding in signals.findings],
    }


def _heading(table: Table, files: list[Path]) -> dict:
    return {
        "skinit": __version__,
        "data": table.name,
        "rows": table.X.shape[0],
        "columns": table.X.shape[1],
        "target": table.target,
        "task": table.task,
        "classes": table.class_names,
        "taken_for": {column.name: column.taken_for for column in table.columns},
        "remarks": table.remarks,
        "files": list(map(str, files)),
    }


def to_json(document: dict) -> str:
    """A document as JSON text, with null for numbers that are not finite.

    Parameters
    ----------
    document : dict

    Returns
    -------
    text : str
    """
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, (str, bool, int)):
        return value
    return value if isinstance(value, float) and np.isfinite(value) else None

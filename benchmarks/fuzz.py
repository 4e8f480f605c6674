"""Fuzz the estimators: random parameters, data, containers, damages and sequences of calls.

The number of a case determines everything that it draws. Each case runs in a child process, so a crash or a hang
counts as a fault of the case.
"""

import argparse
import copy
import pickle
import re
import subprocess
import sys
import time
import traceback
from collections import Counter
from threading import Timer

import numpy as np
from sklearn.base import clone

from skinit import curvature
from skinit.inspection import signal_propagation

from .fuzz_cases import draw_container, draw_estimator, draw_targets, draw_values, draw_weights, is_untampered, tamper
from .fuzz_checks import Fault, call, check_against_scikit_learn, check_fitted, check_predictions

# Starting a child takes seconds, so each runs many cases.
CASES_PER_CHILD = 200
# A case that takes longer counts as a hang.
SECONDS_PER_CASE = 60
MEASURES = (
    "hessian_norm",
    "hessian_trace",
    "hessian_bound",
    "layer_hessian_norms",
    "layer_jacobian_norms",
    "spectral_density",
    "max_stable_step",
)


def run_case(number: int, seed: int, log) -> Counter:
    """Run a case, and call `log` with a line for each call.

    Returns
    -------
    outcomes : Counter
        The number of calls that succeeded, and of errors by class.

    Raises
    ------
    Fault
    """
    rng = np.random.default_rng((seed, number))
    model, kind = draw_estimator(rng)
    log(f"model = {model!r}  # {kind}")
    outcomes: Counter = Counter()
    n_features = int(rng.integers(1, 9))
    for _ in range(rng.integers(2, 7)):
        is_same_table = rng.random() < 0.95
        values = draw_values(rng, int(rng.integers(1, 60)), n_features if is_same_table else n_features + 1)
        X, y, weights = (
            draw_container(rng, values),
            draw_targets(rng, kind, len(values)),
            draw_weights(rng, len(values)),
        )
        action = rng.choice(["fit", "initialize", "partial_fit", "predict", "measure", "tamper", "copy"])
        try:
            succeeded, result = _act(rng, action, model, kind, values, X, y, weights, log)
        except (np.linalg.LinAlgError, AssertionError) as error:
            raise Fault(f"{action}: {type(error).__name__}: {error}") from error
        if action == "copy" and succeeded:
            model = result
        outcomes["success" if succeeded else type(result).__name__] += 1
    return outcomes


def _act(rng, action: str, model, kind: str, values, X, y, weights, log):
    description = f"{action} of {type(X).__name__} {values.shape} with weights {type(weights).__name__}"
    inputs = (X, y, weights)
    if action in ("fit", "initialize", "partial_fit"):
        keywords = {}
        if action == "partial_fit" and hasattr(model, "predict_proba"):
            classes = {"binary": [False, True], "strings": ["a", "b", "c"], "one class": [1]}
            keywords["classes"] = classes.get(kind, [0, 1, 2])
        log(description)
        # The attribute access is part of the call, because partial_fit does not exist for every solver.
        outcome = call(lambda: getattr(model, action)(X, y, weights, **keywords), model, inputs, description)
        if outcome[0]:
            check_fitted(model, action != "initialize")
        if outcome[0] and action == "fit":
            check_against_scikit_learn(model, X, y, weights)
        return outcome
    if action == "tamper":
        if is_untampered(model):
            log(f"tamper: {tamper(rng, model)}")
        return True, None
    if action == "copy":
        how = rng.choice(["pickle", "deepcopy", "copy", "clone"])
        log(how)
        make = {"pickle": lambda each: pickle.loads(pickle.dumps(each)), "deepcopy": copy.deepcopy}
        if how == "pickle" and any(callable(value) for value in model.get_params().values()):
            how = "copy"
        return True, make.get(how, copy.copy if how == "copy" else clone)(model)
    if action == "measure":
        name = str(rng.choice([*MEASURES, "signal_propagation"]))
        measure = getattr(curvature, name, signal_propagation)
        log(f"{name}, {description}")
        succeeded, result = call(lambda: measure(model, X, y, sample_weight=weights), model, inputs, name)
        if succeeded and name in MEASURES and name != "max_stable_step" and not np.isfinite(np.asarray(result)).all():
            raise Fault(f"{name} returned {result}")
        return succeeded, result
    method = "predict_proba" if hasattr(model, "predict_proba") and rng.random() < 0.7 else "predict"
    log(f"{method}, {description}")
    before = getattr(model, "coefs_", None)
    # A copy makes the call, because replaced weights become views of the same numbers when they are first used.
    succeeded, result = call(lambda: getattr(model, method)(X), copy.copy(model), inputs, method)
    if succeeded and before is not None:
        getattr(model, method)(X)
        if method == "predict_proba" or not hasattr(model, "predict_proba"):
            check_predictions(model, X, result)
    return succeeded, result


def run_cases(start: int, stop: int, seed: int) -> None:
    """Run cases in this process, and print two lines for each."""
    for number in range(start, stop):
        print(f"case {number}", flush=True)
        try:
            outcomes = run_case(number, seed, lambda line: None)
            print(f"ok {dict(outcomes)}", flush=True)
        except Fault as fault:
            print(f"FAULT {number}: {' '.join(str(fault).split())}", flush=True)


def show_case(number: int, seed: int) -> int:
    """Run a case, print what it does, and print its fault."""
    try:
        print(dict(run_case(number, seed, print)))
    except Fault:
        traceback.print_exc()
        return 1
    return 0


def fuzz(minutes: float, seed: int) -> int:
    """Run cases in child processes for some minutes, print a summary, and return the number of faults."""
    end, number, faults, outcomes = time.monotonic() + 60 * minutes, 0, [], Counter()
    while time.monotonic() < end:
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks", "fuzz", "--seed", str(seed)]
        command += ["--child", str(number), str(number + CASES_PER_CHILD)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:
            last, output = number, []
            killer = None
            for line in child.stdout:
                output.append(line)
                if line.startswith("case "):
                    last = int(line.split()[1])
                    killer = _restart(killer, child)
                elif line.startswith("FAULT"):
                    faults.append(line.strip())
                    print(line, end="", flush=True)
                for name, count in re.findall(r"'(\w+)': (\d+)", line if line.startswith("ok") else ""):
                    outcomes[name] += int(count)
                if time.monotonic() > end:
                    child.kill()
        if killer is not None:
            killer.cancel()
        if child.returncode != 0 and time.monotonic() < end:
            faults.append(f"FAULT {last}: the process crashed or hung, and ended with status {child.returncode}")
            print(faults[-1], *output[-5:], sep="\n", flush=True)
        number = last + 1
    print(f"{number} cases, {sum(outcomes.values())} calls: {dict(outcomes.most_common())}")
    print(f"{len(faults)} fault(s). Case N is shown by `python -m benchmarks fuzz --seed {seed} --case N`.")
    return len(faults)


def _restart(killer, child):
    """Restart the timer that kills the child if a case takes too long."""
    if killer is not None:
        killer.cancel()
    killer = Timer(SECONDS_PER_CASE, child.kill)
    killer.daemon = True
    killer.start()
    return killer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``python -m benchmarks fuzz``."""
    parser.add_argument("--minutes", type=float, default=10.0, help="minutes to run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all cases (default: %(default)s)")
    parser.add_argument("--case", type=int, help="number of a single case to run and print")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fuzz, or run one case; exit with status 1 if there is a fault."""
    if arguments.case is not None:
        sys.exit(show_case(arguments.case, arguments.seed))
    if arguments.child is not None:
        run_cases(*arguments.child, arguments.seed)
    else:
        sys.exit(1 if fuzz(arguments.minutes, arguments.seed) else 0)

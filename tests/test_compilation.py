"""Messages about compilation, and measured times of a search that do not include it."""

import itertools
import sys

import numpy as np
import pytest

from skinit import MLPClassifier
from skinit.cli import main
from skinit.cli.search import SchemeSearch
from skinit.kernels import cache, compilation
from skinit.kernels.compilation import MESSAGE, PATIENCE, Kernel, Making, announcing_compilation
from skinit.kernels.updates import UPDATES, update_signature

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = np.random.RandomState(0).normal(size=(40, 3)), np.arange(40) % 3


@pytest.fixture
def no_kernels():
    """Clear all kernels that this process has made, as in a new process."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("skinit.kernels.", "skinit.engine.network")) and module is not cache:
            for value in vars(module).values():
                getattr(value, "cache_clear", lambda: None)()


class Timer:
    """A timer that fires at once."""

    def __init__(self, seconds, function, arguments):
        self.function, self.arguments = function, arguments

    def start(self):
        self.function(*self.arguments)

    def cancel(self):
        pass


@pytest.fixture(autouse=True)
def _compilation_is_silent():
    """Let compilation be announced, in place of the fixture for all other tests."""


@pytest.fixture
def slow_compiler(monkeypatch):
    """Pretend that the cache is empty, and that each compilation takes longer than a second."""
    load, compile_anew = cache.load, Making._compile

    def compile_slowly(making):
        return load(cache.file_name(making._function, making._signature)) or compile_anew(making)

    monkeypatch.setattr(Making, "_compile", compile_slowly)
    monkeypatch.setattr(cache, "load", lambda name: None)
    monkeypatch.setattr(compilation.threading, "Timer", Timer)
    seconds = itertools.count()
    monkeypatch.setattr(compilation.time, "perf_counter", lambda: 2 * next(seconds))


def make_kernel():
    Kernel(UPDATES["sgd"], update_signature(np.dtype(np.float64)))


def test_long_compilation_is_announced_once(slow_compiler, capsys):
    make_kernel()
    assert capsys.readouterr().out == ""
    with announcing_compilation():
        make_kernel()
        make_kernel()
    assert capsys.readouterr().out == "Compiling, once for this machine ...\n"


def test_loading_from_disk_is_not_announced(monkeypatch):
    make_kernel()
    monkeypatch.setattr(compilation.threading, "Timer", Timer)
    monkeypatch.setattr(Making, "_compile", lambda making: pytest.fail("the kernel was compiled"))
    with announcing_compilation(lambda text: pytest.fail(text)):
        make_kernel()


def test_short_compilations_add_up_to_one_delay(monkeypatch):
    now, timers = [0.0], []

    class Clock(Timer):
        def __init__(self, seconds, function, arguments):
            timers.append(seconds)

        def start(self):
            now[0] += 0.4

    monkeypatch.setattr(compilation.threading, "Timer", Clock)
    monkeypatch.setattr(compilation.time, "perf_counter", lambda: now[0])
    announcement = compilation.Announcement(None)
    for _ in range(4):
        with announcement.during_compilation():
            pass
    np.testing.assert_allclose(timers, [PATIENCE, PATIENCE - 0.4, PATIENCE - 0.8])


@pytest.mark.parametrize("method", ["fit", "partial_fit", "initialize"])
@pytest.mark.parametrize("init", ["he", "hessian"])
@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_estimators_announce_compilation(no_kernels, slow_compiler, capsys, verbose, init, method):
    network = MLPClassifier((4,), init=init, max_iter=1, verbose=verbose, random_state=0)
    options = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    getattr(network, method)(X, Y, **options)
    # Drawing weights needs no compilation if the initializer does not look at the data.
    is_said = verbose and (init, method) != ("he", "initialize")
    assert capsys.readouterr().out.count(MESSAGE) == is_said


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_search_compiles_before_its_fits_are_timed(no_kernels, tmp_path, monkeypatch, capsys, solver):
    made = []
    make, run = Kernel.__init__, SchemeSearch.run

    def note(kernel, function, signature):
        made.append(function.__name__)
        make(kernel, function, signature)

    def run_and_note(*arguments):
        before = len(made)
        cv_results = run(*arguments)
        made_in_search.extend(made[before:])
        return cv_results

    made_in_search = []
    monkeypatch.setattr(Kernel, "__init__", note)
    monkeypatch.setattr(SchemeSearch, "run", run_and_note)
    options = ["--hidden", "4", "3,3", "--cv", "2", "--max-iter", "2", "--n-jobs", "1", "--out", str(tmp_path)]
    # Only the last scheme measures the Hessian.
    schemes = ["he", "lsuv", "hessian"] if solver == "lbfgs" else ["he", "lsuv", "hessian+auto"]
    assert main([*options, "--solver", solver, "--init", *schemes]) == 0
    assert made
    assert made_in_search == []


@pytest.mark.parametrize("command", [["--cv", "2", "--max-iter", "2", "--n-jobs", "1", "--out"], ["inspect", "--html"]])
def test_the_command_line_announces_compilation_on_standard_error(no_kernels, slow_compiler, tmp_path, capsys, command):
    assert main([*command, str(tmp_path / "results"), "--init", "he", "--hidden", "3", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count(MESSAGE) == 1
    assert MESSAGE not in captured.out

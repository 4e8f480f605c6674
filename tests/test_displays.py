"""Displays draw the measured values, within the axes that were given, and for any number of layers."""

import subprocess
import sys
import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinit import MLPClassifier, MLPRegressor
from skinit.curvature import (
    hessian_bound,
    hessian_operator,
    layer_hessian_norms,
    layer_jacobian_norms,
    spectral_density,
)
from skinit.initializers import Constant, RandomNormal
from skinit.inspection import (
    CurvatureDisplay,
    InitComparisonDisplay,
    SignalPropagationDisplay,
    signal_propagation,
)
from skinit.inspection.displays.curvature import N_STEPS
from skinit.inspection.displays.panels import LARGEST, line_style, scale_y

matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning", "ignore::sklearn.exceptions.FitFailedWarning"
)

X, y = load_iris(return_X_y=True)
X, y = ((X - X.mean(axis=0)) / X.std(axis=0))[::5], y[::5]
# For each panel, the labels of the lines and the fields of the report that they show.
LINES = [
    {"variance": "activation_variance", "due to rows": "row_variance"},
    {"saturated": "saturated", "dead": "dead"},
    {"variance of deltas": "delta_variance"},
    {"norm of gradient": "gradient_norm", "ratio to weights": "gradient_to_weight"},
]
NETWORKS = {
    "two layers": MLPClassifier((4,), "tanh"),
    "forty layers": MLPClassifier((3,) * 39, "tanh"),
    "no hidden layer": MLPClassifier(()),
    "vanishing": MLPClassifier((3,) * 39, "tanh", init="random"),
    "exploding": MLPClassifier((3,) * 39, "identity", init=RandomNormal(1e9)),
    "dead": MLPClassifier((4,) * 3, init=Constant(-1.0)),
    "zero": MLPClassifier((4,) * 3, "logistic", init="zero"),
}


@pytest.fixture(autouse=True)
def no_figure_is_shown_or_left_open(monkeypatch):
    monkeypatch.setattr(plt, "show", lambda *args: pytest.fail("show() was called"))
    # Examples in docstrings leave figures open.
    plt.close("all")
    yield
    plt.close("all")


def untrained(name, dtype=np.float64):
    return NETWORKS[name].set_params(random_state=0).initialize(X.astype(dtype), y)


@pytest.fixture(scope="module")
def report():
    return signal_propagation(untrained("two layers"), X, y)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def draw(figure):
    """Draw the figure, because some faults raise or warn only then."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Old versions of matplotlib call functions that new versions of pyparsing deprecate.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(matplotlib|pyparsing)\.")
        figure.canvas.draw()


def panels_of(display):
    return np.atleast_1d(display.ax_)


def curvature_display(ax=None, **changes):
    arrays = {name: np.array([1.0, 2.0]) for name in ("hessian_norm", "hessian_bound", "jacobian_norm")}
    spectrum = {"eigenvalues": np.linspace(-1, 3, 50), "density": np.ones(50) / 4}
    return CurvatureDisplay(**(arrays | spectrum | changes)).plot(ax)


def comparison_display(ax=None, **changes):
    arguments = {"inits": ["he", "zero"], "test_scores": [[0.8, 0.9], [0.1, 0.2]]}
    return InitComparisonDisplay(**(arguments | changes)).plot(ax)


MULTI_PANEL = {
    "signal propagation": (lambda report, ax=None: SignalPropagationDisplay(report).plot(ax), 4),
    "curvature": (lambda report, ax=None: curvature_display(ax, largest_eigenvalue=2.0, stability_limit=2.5), 3),
    "comparison": (lambda report, ax=None: comparison_display(ax, loss_curves=[[[2, 1]], [[3, 3]]]), 2),
}
multi_panel = pytest.mark.parametrize(("make", "n_panels"), MULTI_PANEL.values(), ids=MULTI_PANEL)


# --- Axes and figures


@multi_panel
def test_a_new_figure_is_made_without_axes(report, make, n_panels):
    display = make(report)
    assert plt.get_fignums() == [display.figure_.number]
    assert list(display.ax_) == display.figure_.axes
    assert len(display.ax_) == n_panels


@multi_panel
def test_given_axes_are_drawn_in_and_no_figure_is_made(report, make, n_panels):
    figure = Figure()
    axes = figure.subplots(1, n_panels)
    display = make(report, axes)
    assert display.figure_ is figure
    assert list(display.ax_) == list(axes) == figure.axes
    assert all(ax.has_data() and ax.get_xlabel() for ax in axes)
    # The y axis of the scores shows the names of schemes instead of a label.
    assert all(ax.get_ylabel() for ax in axes[: 4 if n_panels > 2 else 1])
    assert plt.get_fignums() == []


@multi_panel
@pytest.mark.parametrize("kind", ["subplot", "free", "subfigure", "constrained"])
def test_single_axes_are_divided_within_their_bounds(report, make, n_panels, kind):
    figure = Figure(layout="constrained" if kind == "constrained" else None)
    if kind == "free":
        ax = figure.add_axes((0.2, 0.3, 0.5, 0.4))
    else:
        ax = (figure.subfigures(1, 2)[1] if kind == "subfigure" else figure).subplots(1, 2)[1]
    bounds = ax.get_position()
    display = make(report, ax)
    assert display.figure_ is ax.figure
    assert len(display.ax_) == n_panels
    for panel in display.ax_:
        inside = panel.get_position()
        assert np.all(inside.min >= bounds.min - 1e-9)
        assert np.all(inside.max <= bounds.max + 1e-9)
    draw(figure)
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="ax=display.ax_"):
        make(report, ax)
    make(report, display.ax_)


@multi_panel
def test_wrong_axes_are_refused(report, make, n_panels):
    axes = Figure().subplots(1, n_panels + 1)
    with pytest.raises(ValueError, match=f"{n_panels} Axes, got {n_panels + 1}"):
        make(report, axes)
    with pytest.raises(TypeError, match="got str"):
        make(report, ["axes"] * n_panels)
    assert not any(ax.has_data() for ax in axes)
    assert plt.get_fignums() == []


def test_one_panel_is_drawn_in_the_axes_given():
    ax = Figure().subplots()
    display = comparison_display(ax)
    assert display.ax_ is ax
    assert ax.axison
    with pytest.raises(ValueError, match="ax must be 1 Axes, got 2"):
        comparison_display(Figure().subplots(2))


@multi_panel
@pytest.mark.parametrize("n_names", [1, 12])
def test_legends_are_outside_of_the_axes(report, make, n_panels, n_names):
    display = make(report)
    if n_panels == 2:
        names = [f"scheme number {number}" for number in range(n_names)]
        display = comparison_display(inits=names, test_scores=np.ones((n_names, 2)), loss_curves=[[[2, 1]]] * n_names)
    draw(display.figure_)
    legends = [ax.get_legend() for ax in display.ax_ if ax.get_legend()]
    assert legends
    for legend in legends:
        assert not any(legend.get_window_extent().shrunk(0.98, 0.98).overlaps(ax.bbox) for ax in display.ax_)
        assert display.figure_.bbox.containsx(legend.get_window_extent().x1)


@pytest.mark.parametrize("call", ["plot", "from_estimator", "from_cv_results"])
def test_missing_matplotlib_is_named_with_its_remedy(report, monkeypatch, call):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=rf"{call} requires matplotlib.*skinit\[plot\]"):
        {
            "plot": SignalPropagationDisplay(report).plot,
            "from_estimator": lambda: CurvatureDisplay.from_estimator(None, X, y),
            "from_cv_results": lambda: InitComparisonDisplay.from_cv_results({}),
        }[call]()


def test_matplotlib_is_not_imported_before_it_is_needed():
    code = "import sys, skinit.inspection; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --- Axes of layers


@pytest.mark.parametrize("n_layers", [1, 2, 40, 300])
def test_ticks_of_layers_are_few_whole_numbers_that_do_not_overlap(report, n_layers):
    arrays = {name: np.resize(values, n_layers) for name, values in report.arrays().items()}
    display = SignalPropagationDisplay(replace(report, **arrays)).plot()
    draw(display.figure_)
    for ax in display.ax_:
        labels = [label for label in ax.get_xticklabels() if -0.5 <= label.get_position()[0] <= n_layers - 0.5]
        ticks = [label.get_position()[0] for label in labels]
        assert ticks == [int(label.get_text()) for label in labels]
        assert min(2, n_layers) <= len(ticks) <= 12
        extents = [label.get_window_extent() for label in labels]
        assert all(left.x1 < right.x0 for left, right in zip(extents, extents[1:], strict=False))


values_of_any_size = st.one_of(
    st.sampled_from([0.0, np.nan, 5e-324, 1e-300, 1.4e-45]), st.floats(-250, 250).map(lambda power: 10**power)
)


@settings(max_examples=50)
@given(st.lists(values_of_any_size, min_size=1, max_size=6))
def test_every_value_is_visible_and_in_order(values):
    figure = Figure()
    ax = figure.subplots()
    values = np.array(values)
    scale_y(ax, values)
    ax.plot(values, "o")
    figure.draw_without_rendering()
    finite = np.sort(values[np.isfinite(values)])
    heights = ax.transAxes.inverted().transform(ax.transData.transform(np.column_stack([0 * finite, finite])))[:, 1]
    assert np.all((heights > 0) & (heights < 1))
    assert np.all(np.diff(heights) >= -1e-9)


def test_nearly_constant_values_look_flat():
    ax = Figure().subplots()
    scale_y(ax, [0.9, 1.1])
    low, high = ax.get_ylim()
    assert high / low == pytest.approx(100)


# --- Signal propagation


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", NETWORKS)
def test_signals_drawn_are_those_measured(name, dtype):
    network = untrained(name, dtype)
    with warnings.catch_warnings():
        # Some of these networks overflow, or their Hessian norms are only lower bounds. Both warn.
        warnings.simplefilter("ignore")
        display = SignalPropagationDisplay.from_estimator(network, X.astype(dtype), y)
        report = signal_propagation(network, X.astype(dtype), y)
    draw(display.figure_)
    n_layers = len(network.coefs_)
    for ax, names in zip(display.ax_, LINES, strict=True):
        for label, field in names.items():
            expected = getattr(report, field)
            expected = np.where(expected > LARGEST, np.nan, expected)
            if np.isnan(getattr(report, field)).all():
                assert label not in lines(ax)
            else:
                np.testing.assert_array_equal(lines(ax)[label].get_xdata(), np.arange(n_layers))
                np.testing.assert_array_equal(lines(ax)[label].get_ydata(), expected)
    with np.errstate(over="ignore"):
        expected = np.square(report.activation_mean, dtype=np.float64)
    expected = np.where(expected > LARGEST, np.nan, expected)
    np.testing.assert_array_equal(lines(display.ax_[0])["squared mean"].get_ydata(), expected)
    copies = 1 - report.distinct_units / report.n_units
    np.testing.assert_allclose(lines(display.ax_[1])["copies of others"].get_ydata(), copies, atol=1e-15)


def test_undefined_values_leave_a_gap(report):
    holed = replace(report, delta_variance=np.array([np.nan, 1.0]), gradient_norm=np.full(2, np.nan))
    display = SignalPropagationDisplay(replace(holed, gradient_to_weight=np.full(2, np.nan))).plot()
    draw(display.figure_)
    np.testing.assert_array_equal(lines(display.ax_[2])["variance of deltas"].get_ydata(), [np.nan, 1])
    assert [text.get_text() for text in display.ax_[3].texts] == ["not defined here"]


def test_infinite_values_are_marked_at_the_upper_edge(report):
    infinite = replace(report, gradient_to_weight=np.array([np.inf, 1.0]))
    display = SignalPropagationDisplay(infinite).plot()
    draw(display.figure_)
    mark = lines(display.ax_[3])["infinite, or nearly so"]
    assert mark.get_xdata() == [0]
    assert mark.get_transform().transform((0, mark.get_ydata()[0]))[1] == pytest.approx(display.ax_[3].bbox.y1)


def test_signal_propagation_takes_sample_weight():
    network = untrained("two layers")
    weights = np.arange(len(y)) % 3
    display = SignalPropagationDisplay.from_estimator(network, X, y, sample_weight=weights)
    repeated = SignalPropagationDisplay.from_estimator(network, X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(display.report.delta_variance, repeated.report.delta_variance, rtol=1e-10)


# --- Curvature


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["two layers", "no hidden layer", "dead", "zero"])
def test_curvature_drawn_is_that_of_the_functions(name, dtype):
    network, data = untrained(name, dtype), X.astype(dtype)
    display = CurvatureDisplay.from_estimator(network, data, y, n_vectors=2, random_state=3)
    draw(display.figure_)
    hessians, jacobians, spectrum = map(lines, display.ax_)
    norms = layer_hessian_norms(network, data, y, random_state=3)
    np.testing.assert_array_equal(hessians["norm of Hessian"].get_ydata(), norms)
    np.testing.assert_array_equal(hessians["bound"].get_ydata(), hessian_bound(network, data, y))
    np.testing.assert_array_equal(jacobians["norm of Jacobian"].get_ydata(), layer_jacobian_norms(network, data, y))
    eigenvalues, density = spectral_density(network, data, y, n_vectors=2, n_steps=N_STEPS, random_state=3)
    np.testing.assert_array_equal(spectrum["density"].get_xdata(), eigenvalues)
    np.testing.assert_array_equal(spectrum["density"].get_ydata(), density)
    hessian = hessian_operator(network, data, y)
    largest = np.linalg.eigvalsh(hessian.matmat(np.eye(hessian.shape[0], dtype=dtype)))[-1]
    assert display.largest_eigenvalue == pytest.approx(largest, rel=2e-3)
    (mark,) = [line for label, line in spectrum.items() if label.startswith("largest eigenvalue")]
    assert mark.get_xdata() == [display.largest_eigenvalue] * 2


@pytest.mark.parametrize(
    ("parameters", "factor"),
    [
        ({"solver": "sgd", "momentum": 0.0}, 2),
        ({"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": False}, 3),
        ({"solver": "sgd", "momentum": 0.5, "nesterovs_momentum": True}, 1.5),
        ({"solver": "sgd", "momentum": 1.0}, None),
        ({"solver": "adam"}, None),
        ({"solver": "lbfgs"}, None),
    ],
)
def test_the_limit_of_stable_steps_depends_on_the_solver(parameters, factor):
    network = MLPClassifier((4,), learning_rate_init=0.25, random_state=0, **parameters).initialize(X, y)
    limit = CurvatureDisplay.from_estimator(network, X, y, n_vectors=1).stability_limit
    assert limit is None if factor is None else limit == pytest.approx(factor / 0.25, rel=4e-3)


@pytest.mark.parametrize("name", ["two layers", "dead"])
def test_known_norms_are_not_measured_again(name, monkeypatch):
    network = untrained(name)
    weights = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    arguments = {"sample_weight": weights, "random_state": 2}
    measured = CurvatureDisplay.from_estimator(network, X, y, n_vectors=1, **arguments)
    signals = signal_propagation(network, X, y, **arguments)
    for function in ("layer_hessian_norms", "hessian_bound", "layer_jacobian_norms"):
        monkeypatch.setattr(f"skinit.inspection.displays.curvature.{function}", None)
    known = CurvatureDisplay.from_estimator(network, X, y, n_vectors=1, signals=signals, **arguments)
    for attribute, values in vars(measured).items():
        if attribute not in ("ax_", "figure_") and values is not None:
            np.testing.assert_allclose(getattr(known, attribute), values, rtol=1e-9, err_msg=attribute)


@pytest.mark.parametrize("init", ["random", "he"])
def test_the_spectrum_is_drawn_with_enough_lanczos_steps(init):
    network = MLPClassifier((10, 10), init=init, random_state=0).initialize(X, y)
    display = CurvatureDisplay.from_estimator(network, X, y)
    grid = display.eigenvalues
    # 200 steps either span all parameters or add nothing that shows.
    _, heights = spectral_density(network, X, y, n_vectors=3, n_steps=200)
    assert np.trapezoid(np.abs(display.density - heights), grid) < 0.01
    top = heights.max()
    decades = np.log10(np.maximum(display.density, 1e-7 * top) / np.maximum(heights, 1e-7 * top))
    assert np.abs(decades).max() < 0.1


def test_a_limit_far_off_does_not_squeeze_the_spectrum():
    spectra = [curvature_display(stability_limit=limit).ax_[2] for limit in (None, 4.0, 1e4)]
    widths = [np.ptp(ax.get_xlim()) for ax in spectra]
    assert widths[0] <= widths[1] < 1.5 * widths[0]
    assert widths[2] == pytest.approx(widths[0])
    assert "limit of stable steps 4" in lines(spectra[1])
    assert "limit of stable steps 1e+04 (far right)" in lines(spectra[2])


def test_unfitted_estimators_are_refused():
    for display in (CurvatureDisplay, SignalPropagationDisplay):
        with pytest.raises(NotFittedError):
            display.from_estimator(MLPClassifier(), X, y)
    assert plt.get_fignums() == []


def test_a_hessian_that_is_not_finite_is_refused():
    network = untrained("exploding", np.float32)
    with pytest.raises(ValueError, match="Hessian is not finite"):
        CurvatureDisplay.from_estimator(network, X.astype(np.float32), y)
    assert plt.get_fignums() == []


# --- Comparison of schemes


def bars(ax):
    """Return the mean and the standard deviation of each visible bar, in the order of drawing."""
    containers = [container for container in ax.containers if isinstance(container, ErrorbarContainer)]
    means = [data.get_xdata()[0] for data, _, _ in containers]
    ends = [segment[:, 0] for _, _, (bar,) in containers for segment in bar.get_segments() if len(segment)]
    return np.column_stack([[mean for mean in means if not np.isnan(mean)], np.diff(ends)[:, 0] / 2])


def search(grid, network=None, **parameters):
    network = network or MLPClassifier((4,), max_iter=2, random_state=0)
    return GridSearchCV(network, grid, cv=3, refit=False, **parameters).fit(X, y).cv_results_


def test_scores_drawn_are_those_of_the_search():
    results = search({"init": ["zero", "xavier", "he"]})
    display = InitComparisonDisplay.from_cv_results(results)
    draw(display.figure_)
    expected = np.column_stack([results["mean_test_score"], results["std_test_score"]])
    np.testing.assert_allclose(bars(display.ax_), expected, atol=1e-12)
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["zero", "xavier", "he"]
    folds = np.column_stack([results[f"split{i}_test_score"] for i in range(3)])
    np.testing.assert_array_equal(display.test_scores, folds)
    dots = [line.get_xdata() for line in display.ax_.lines if line.get_marker() == "."]
    np.testing.assert_array_equal(dots, folds)
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts == [f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in expected]


def test_other_parameters_of_the_grid_become_settings():
    grid = {"init": ["zero", "he"], "alpha": [0.0, 1.0], "hidden_layer_sizes": [(2,) * 3, (2, 3)], "max_iter": [2]}
    results = search(grid)
    display = InitComparisonDisplay.from_cv_results(results)
    by_init = np.argsort([parameters["init"] == "he" for parameters in results["params"]], kind="stable")
    np.testing.assert_allclose(bars(display.ax_)[:, 0], results["mean_test_score"][by_init], atol=1e-12)
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "alpha=0, hidden_layer_sizes=(2,) * 3",
        "alpha=0, hidden_layer_sizes=(2, 3)",
        "alpha=1, hidden_layer_sizes=(2,) * 3",
        "alpha=1, hidden_layer_sizes=(2, 3)",
    ]
    best = [results["mean_test_score"][by_init][:4].max(), results["mean_test_score"][by_init][4:].max()]
    assert [text.get_text()[:5] for text in display.ax_.texts] == [f"{mean:.3f}" for mean in best]


def test_many_settings_are_drawn_without_a_legend():
    candidates = {"init": ["zero", "he"], "learning_rate_init": np.geomspace(1e-4, 1, 30)}
    network = MLPClassifier((4,), max_iter=2, random_state=0)
    results = RandomizedSearchCV(network, candidates, n_iter=12, cv=2, random_state=0).fit(X, y).cv_results_
    display = InitComparisonDisplay.from_cv_results(results)
    draw(display.figure_)
    assert len(bars(display.ax_)) == 12
    assert display.ax_.get_legend() is None


def half(shape, rng):
    return rng.normal(size=shape) / 2


def test_schemes_of_every_form_are_named():
    grid = [
        {"network__init": ["he", half, Constant(0.5)]},
        {"network__init": [RandomNormal()], "network__init__std": [0.1, 1.0]},
        {"network__alpha": [1.0]},
    ]
    network = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=2, random_state=0))
    network.steps[-1] = ("network", network[-1])
    display = InitComparisonDisplay.from_cv_results(search(grid, network))
    names = ["he", "half", "Constant(value=0.5)", "RandomNormal(std=0.1)", "RandomNormal(std=1.0)", "default"]
    assert display.inits == names
    assert display.settings == ["default"] * 5 + ["alpha=1"]


def test_one_of_several_metrics_can_be_drawn():
    results = search({"init": ["zero", "he"]}, scoring=["accuracy", "neg_log_loss"])
    display = InitComparisonDisplay.from_cv_results(results, metric="neg_log_loss")
    np.testing.assert_allclose(bars(display.ax_)[:, 0], results["mean_test_neg_log_loss"], rtol=1e-12)
    assert display.ax_.get_xlabel().startswith("neg log loss")
    with pytest.raises(ValueError, match="Did you mean 'accuracy'?.*metric must be one of .*got 'acuracy'"):
        InitComparisonDisplay.from_cv_results(results, metric="acuracy")


def test_one_of_several_parameters_called_init_can_be_chosen():
    results = search({"init": ["zero", "he"]})
    results["params"] = [parameters | {"kmeans__init": "random"} for parameters in results["params"]]
    with pytest.raises(ValueError, match=r"choose param_name from \['init', 'kmeans__init'\]"):
        InitComparisonDisplay.from_cv_results(results)
    assert InitComparisonDisplay.from_cv_results(results, param_name="init").inits == ["zero", "he"]
    with pytest.raises(ValueError, match="Did you mean 'init'.*got 'int'"):
        InitComparisonDisplay.from_cv_results(results, param_name="int")


def test_the_axis_of_losses_runs_from_right_to_left():
    losses = np.array([[3.0, 3.2], [1.0, 1.2], [0.02, 0.04]])
    display = comparison_display(
        inits=["bad", "good", "best"], test_scores=losses, loss_curves=None, settings=None, greater_is_better=False
    )
    (ax,) = np.ravel(display.ax_)
    left, right = ax.get_xlim()
    assert left > right
    mirrored = comparison_display(inits=["bad", "good", "best"], test_scores=-losses, loss_curves=None, settings=None)
    (other,) = np.ravel(mirrored.ax_)
    np.testing.assert_allclose((left, right), -np.array(other.get_xlim()))
    # Losses of any size are printed with significant digits.
    assert {text.get_text() for text in ax.texts} == {"3.100 ± 0.100", "1.100 ± 0.100", "3.00e-02 ± 1.00e-02"}
    for text, twin in zip(ax.texts, other.texts, strict=True):
        assert text.get_horizontalalignment() == twin.get_horizontalalignment()


def test_failed_fits_have_dots_and_no_mean():
    display = comparison_display(inits=["a", "b", "c"], test_scores=[[0.5, np.nan], [0.6, 0.8], [np.nan, -np.inf]])
    draw(display.figure_)
    np.testing.assert_allclose(bars(display.ax_), [[0.7, 0.1]])
    assert [text.get_text() for text in display.ax_.texts] == ["1 of 2 failed", "0.700 ± 0.100", "2 of 2 failed"]
    dots = [line.get_xdata() for line in display.ax_.lines if line.get_marker() == "."]
    np.testing.assert_array_equal(dots[0], [0.5, np.nan])


def test_far_worse_scores_are_drawn_at_the_edge():
    scores = [[-1e6, -1e6], [0.89, 0.91], [0.79, 0.81]]
    display = comparison_display(inits=["a", "b", "c"], test_scores=scores)
    draw(display.figure_)
    assert display.ax_.get_xlim()[0] > 0
    assert [line.get_marker() for line in display.ax_.lines].count("<") == 1
    assert [text.get_text() for text in display.ax_.texts][0] == "-1.00e+06 ± 0.00e+00"
    tied = comparison_display(inits=["a", "b", "c"], test_scores=[[0.9, 0.9], [0.9, 0.9], [0.1, 0.1]])
    assert "<" not in [line.get_marker() for line in tied.ax_.lines]


def cross_validations(network=None, **parameters):
    early = {"max_iter": 20, "learning_rate_init": 0.1, "tol": 0.02, "n_iter_no_change": 1}
    network = network or MLPClassifier((4,), random_state=0, **early)
    return {
        init: cross_validate(network.set_params(**{name: init}), X, y, cv=3, **parameters)
        for init in ("zero", "xavier", "he")
        for name in [name for name in network.get_params() if name.split("__")[-1] == "init"]
    }


def test_learning_curves_are_mean_and_range_of_the_fits():
    results = cross_validations(return_estimator=True)
    display = InitComparisonDisplay.from_cv_results(results)
    draw(display.figure_)
    curves, scores = display.ax_
    n_epochs = max(network.n_iter_ for result in results.values() for network in result["estimator"])
    assert {network.n_iter_ for result in results.values() for network in result["estimator"]} != {n_epochs}
    for (init, result), band in zip(results.items(), curves.collections, strict=True):
        losses = [network.loss_curve_ for network in result["estimator"]]
        losses = np.array([loss + [loss[-1]] * (n_epochs - len(loss)) for loss in losses])
        np.testing.assert_allclose(lines(curves)[init].get_ydata(), losses.mean(axis=0))
        np.testing.assert_array_equal(lines(curves)[init].get_xdata(), np.arange(1, n_epochs + 1))
        outline = band.get_paths()[0].vertices
        for epoch in range(1, n_epochs + 1):
            heights = outline[outline[:, 0] == epoch, 1]
            np.testing.assert_allclose([heights.min(), heights.max()], np.sort(losses[:, epoch - 1])[[0, -1]])
    np.testing.assert_allclose(bars(scores)[:, 0], [result["test_score"].mean() for result in results.values()])


def test_curves_of_networks_within_other_estimators_are_found():
    network = TransformedTargetRegressor(
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=3), transformer=StandardScaler()
    )
    results = cross_validations(make_pipeline(StandardScaler(), network), return_estimator=True)
    display = InitComparisonDisplay.from_cv_results(results)
    expected = [estimator[-1].regressor_.loss_curve_ for estimator in results["zero"]["estimator"]]
    assert display.loss_curves[0] == expected


@pytest.mark.parametrize("parameters", [{}, {"return_estimator": True}])
def test_without_curves_scores_are_drawn_alone(parameters):
    network = MLPClassifier((4,), solver="lbfgs", max_iter=5) if parameters else None
    display = InitComparisonDisplay.from_cv_results(cross_validations(network, **parameters))
    assert display.loss_curves is None
    assert display.figure_.axes == [display.ax_]


def test_schemes_whose_fits_all_failed_have_no_curve():
    results = cross_validations(return_estimator=True)
    results["he"] = {"test_score": np.full(3, np.nan), "estimator": [MLPClassifier()] * 3}
    display = InitComparisonDisplay.from_cv_results(results)
    assert set(lines(display.ax_[0])) == {"zero", "xavier"}
    assert display.ax_[1].texts[2].get_text() == "3 of 3 failed"


@pytest.mark.parametrize("scale", [1e-3, 1, 1e30])
def test_losses_decades_apart_have_a_logarithmic_axis(scale):
    def scale_of(*curves):
        return comparison_display(loss_curves=[[np.array(curve) * scale] for curve in curves]).ax_[0].get_yscale()

    assert scale_of([1, 0.5], [1, 0.2]) == "linear"
    assert scale_of([1, 0.5], [1, 0.01]) == "log"
    assert scale_of([1, 0.5], [1, 0]) == "symlog"
    assert scale_of([1, 0.5], [1, -1]) == "linear"
    assert scale_of([1, 0.5], [np.nan, np.inf]) == "linear"
    assert scale_of([], []) == "linear"


def test_every_scheme_has_its_own_line_style():
    styles = [tuple(line_style(number).values()) for number in range(28)]
    assert len(set(styles)) == 28


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inits": [], "test_scores": np.empty((0, 3))}, "inits is empty"),
        ({"test_scores": [[1, 2]]}, r"test_scores must have the shape \(2, n_fits\).*got \(1, 2\)"),
        ({"test_scores": [1, 2]}, r"got \(2,\)"),
        ({"settings": ["a"]}, "settings must have 2 entries"),
        ({"loss_curves": [[[1]]] * 3}, "loss_curves must have 2 entries.*got 3"),
    ],
)
def test_inconsistent_candidates_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        comparison_display(**changes)
    assert plt.get_fignums() == []


def test_other_results_are_refused():
    from_cv_results = InitComparisonDisplay.from_cv_results
    with pytest.raises(ValueError, match=r"search over 'init', got one over \['alpha'\]"):
        from_cv_results(search({"alpha": [1.0]}))
    with pytest.raises(ValueError, match="cv_results is empty"):
        from_cv_results({})
    with pytest.raises(ValueError, match="dict from names of schemes to results.*got ndarray for 'fit_time'"):
        from_cv_results(cross_validations()["he"])
    with pytest.raises(TypeError, match="got GridSearchCV. Pass its cv_results_"):
        from_cv_results(GridSearchCV(MLPClassifier((4,), max_iter=2), {"init": ["he"]}, cv=2).fit(X, y))
    with pytest.raises(TypeError, match="must be a dict, got list.$"):
        from_cv_results([])
    with pytest.raises(ValueError, match="Did you mean 'score'?.*metric must be one of .*'score'.*got 'scor'"):
        from_cv_results(cross_validations(), metric="scor")
    uneven = cross_validations()
    uneven["he"]["test_score"] = uneven["he"]["test_score"][1:]
    with pytest.raises(ValueError, match="same number of folds"):
        from_cv_results(uneven)
    assert plt.get_fignums() == []

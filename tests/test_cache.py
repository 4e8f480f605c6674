"""Code on disk is complete and of this version, or it is compiled again. A cache changes no bit."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import skinit
from skinit.kernels import cache
from skinit.kernels.activations import Formulas, _make_activate, _tanh_slope, activate_signature
from skinit.kernels.compilation import Kernel, Making
from skinit.kernels.elementary import jittable, tanh
from skinit.kernels.updates import UPDATES, update_signature

FLOAT64 = np.dtype(np.float64)
SOURCES = Path(skinit.__file__).parent

# Takes steps of Adam, whose inner function is not inlined, and prints a digest of the parameters.
STEP = """
import hashlib
import numpy as np
from skinit.kernels.updates import compile_update
step, rng = compile_update("adam", np.dtype(np.float64)), np.random.RandomState(0)
theta, slots, constants = rng.normal(size=1003), np.zeros((2, 1003)), np.array([0.9, 0.999, 1e-8])
for number in range(1, 201):
    step(theta, rng.normal(size=1003), slots, 0, constants, 1e-3, number, 1e-3, 1.0, 0.02)
print(hashlib.sha256(theta.tobytes()).hexdigest())
"""

# Applies tanh, and prints whether it had to be compiled.
ACTIVATE = """
import numpy as np
from numba.core.event import install_recorder
from skinit.kernels.activations import compile_activate
with install_recorder("numba:compile") as recorder:
    kernel = compile_activate("tanh", np.dtype(np.float64))
values = np.full((2, 3), 0.5)
kernel(values, np.zeros(3))
print(round(values[1, 2], 6), bool(recorder.buffer))
"""
COMPILED, LOADED = "0.462117 True", "0.462117 False"


def run(code, folder, path=SOURCES.parent, **environment):
    """Return the output of a new process that caches machine code in a folder."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(path), **environment}
    command = [sys.executable, "-c", code]
    result = subprocess.run(
        command, env=environment, cwd=path, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip(), result.stderr


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Give this process an empty cache."""
    monkeypatch.setattr(cache, "root", lambda: tmp_path)
    monkeypatch.setattr(cache, "failure", None)
    cache.folder.cache_clear()
    yield tmp_path
    cache.folder.cache_clear()


def machine_code(function, signature):
    return Making(function, signature).machine_code()


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Return a cache that holds one kernel."""
    folder = tmp_path_factory.mktemp("warm")
    assert run(ACTIVATE, folder)[0] == COMPILED
    return folder


def copy_of(warm, tmp_path):
    return Path(shutil.copytree(warm, tmp_path / "copy"))


def only_file(folder):
    (path,) = (path for path in folder.rglob("*") if path.is_file())
    return path


def test_steps_have_the_same_bits_with_and_without_a_cache(tmp_path):
    cold, _ = run(STEP, tmp_path)
    loaded, _ = run(STEP, tmp_path)
    in_memory, warning = run(STEP, "/proc/no-such-folder")
    assert cold == loaded == in_memory
    assert warning.count("Compiled code cannot be kept in /proc/no-such-folder") == 1


def test_a_second_process_compiles_nothing(warm):
    assert run(ACTIVATE, warm)[0] == LOADED


def test_two_versions_of_a_kernel_are_cached_side_by_side(tmp_path):
    new = tmp_path / "new"
    shutil.copytree(SOURCES, new / "skinit", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "cache"
    assert run(ACTIVATE, folder)[0] == COMPILED
    elementary = new / "skinit" / "kernels" / "elementary.py"
    source = elementary.read_text()
    stamps = os.stat(elementary)
    elementary.write_text(source.replace("return e / (e + Float(2))", "return e / (e + Float(3))"))
    # The files have the same time and size, so only their content differs.
    os.utime(elementary, (stamps.st_atime, stamps.st_mtime))
    assert len(elementary.read_text()) == len(source)
    changed = np.expm1(1.0) / (np.expm1(1.0) + 3)
    assert run(ACTIVATE, folder, new)[0] == f"{changed:.6f} True"
    assert run(ACTIVATE, folder, new)[0] == f"{changed:.6f} False"
    assert run(ACTIVATE, folder)[0] == LOADED


@pytest.mark.parametrize("setting", [{"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, {"NUMBA_OPT": "1"}])
def test_each_processor_and_setting_has_its_own_code(warm, tmp_path, setting):
    folder = copy_of(warm, tmp_path)
    assert run(ACTIVATE, folder, **setting)[0] == COMPILED
    assert run(ACTIVATE, folder, **setting)[0] == run(ACTIVATE, folder)[0] == LOADED


def flip(place):
    def damage(path):
        data = bytearray(path.read_bytes())
        data[int(place * (len(data) - 1))] ^= 16
        path.write_bytes(data)

    return damage


def replace_by_folder(path):
    path.unlink()
    path.mkdir()
    (path / "file").write_text("in the way")


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "cut in the header": lambda path: path.write_bytes(path.read_bytes()[:20]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "garbage": lambda path: path.write_bytes(b"garbage" * 1000),
    "a folder": replace_by_folder,
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    **{f"bit at {place}": flip(place) for place in (0, 0.0005, 0.001, 0.01, 0.3, 0.6, 0.9, 1)},
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_compiled_again_and_replaced(folder, damage):
    signature = update_signature(FLOAT64)
    whole = machine_code(UPDATES["sgd"], signature)
    path = only_file(folder)
    DAMAGES[damage](path)
    assert cache.load(path.name) is None
    assert machine_code(UPDATES["sgd"], signature)
    assert len(cache.load(path.name)) == pytest.approx(len(whole), rel=0.01)
    assert only_file(folder) == path


def test_the_code_of_one_kernel_is_not_taken_for_another(folder):
    machine_code(UPDATES["sgd"], update_signature(FLOAT64))
    path = only_file(folder)
    other = cache.file_name(UPDATES["adam"], update_signature(FLOAT64))
    shutil.copy(path, path.parent / other)
    assert cache.load(path.name) is not None
    assert cache.load(other) is None


def test_closures_and_precisions_have_files_of_their_own():
    functions = [_make_activate(value) for value in (tanh, _tanh_slope)]
    names = {
        cache.file_name(function, activate_signature(dtype))
        for function in functions
        for dtype in (FLOAT64, np.float32)
    }
    assert len(names) == 4


def test_functions_of_users_are_compiled_but_not_kept(folder):
    @jittable
    def double(u):
        return u + u

    values = np.ones((2, 2))
    Kernel(_make_activate(double), activate_signature(FLOAT64))(values, np.zeros(2))
    assert (values == 2).all()
    assert not any(path.is_file() for path in folder.rglob("*"))
    assert Formulas(double, double, double)


def test_eight_processes_can_share_a_cache_at_once(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda _: run(ACTIVATE, tmp_path), range(8)))
    assert {output.split()[0] for output, _ in outputs} == {"0.462117"}
    assert run(ACTIVATE, tmp_path)[0] == LOADED
    only_file(tmp_path)


AS_ROOT = """
import numba, skinit.estimators
from skinit.kernels import cache
cache.folder()
numba.njit(lambda values: values * 2.0)(skinit.estimators.np.ones((2, 2)))
"""
AS_NOBODY = "import os; os.setgid(65534); os.setuid(65534)\n"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")
def test_another_user_can_read_a_read_only_cache(warm, tmp_path):
    # The code starts as root, because the other user may not be allowed to read the installed packages and the sources.
    code = AS_ROOT + AS_NOBODY + ACTIVATE
    readable = Path(shutil.copytree(warm, Path("/tmp") / f"skinit-test-{os.getpid()}"))
    try:
        for path in (readable, *readable.iterdir()):
            path.chmod(0o755)
        assert run(code, readable)[0] == LOADED
        for path in readable.rglob("*"):
            if path.is_file():
                path.write_bytes(b"")
        output, warning = run(code, readable)
        assert output == COMPILED
        assert (
            "(Permission denied), so every process spends a few seconds on compilation. Set NUMBA_CACHE_DIR" in warning
        )
        assert only_file(readable).read_bytes() == b""
    finally:
        shutil.rmtree(readable)


def test_an_empty_setting_of_the_cache_folder_is_ignored(tmp_path):
    run(ACTIVATE, "", XDG_CACHE_HOME="", HOME=str(tmp_path))
    assert only_file(tmp_path).is_relative_to(tmp_path / ".cache" / "skinit")


@pytest.mark.parametrize("home", ["/nonexistent", None])
def test_without_a_home_code_is_compiled_in_memory(home):
    unset = "import os; os.environ.pop('HOME', None)\n" if home is None else ""
    environment = {"XDG_CACHE_HOME": "/proc/none", "HOME": home or ""}
    output, warning = run(unset + ACTIVATE, "", **environment)
    assert output == COMPILED
    assert warning.count("Compiled code cannot be kept in /proc/none/skinit") == 1


def test_a_full_disk_leaves_no_file_behind(folder, monkeypatch):
    def full(path, data):
        with open(path, "wb") as file:
            file.write(data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(UserWarning, match=r"No space left on device\), so every process spends a few seconds"):
        assert machine_code(UPDATES["sgd"], update_signature(FLOAT64))
    assert not any(path.is_file() for path in folder.rglob("*"))


def test_only_the_most_recently_used_folders_are_kept(folder):
    others = [folder / f"{cache.PREFIX}{number:016}" for number in range(12)]
    for age, path in enumerate(others):
        path.mkdir()
        (path / "kernel").write_bytes(b"code")
        os.utime(path, (1e9 - age, 1e9 - age))
    foreign = folder / "something-else"
    foreign.mkdir()
    machine_code(UPDATES["sgd"], update_signature(FLOAT64))
    kept = set(folder.iterdir()) - {foreign, cache.folder()}
    assert kept == set(others[: cache.N_FOLDERS - 1])
    assert foreign.is_dir()


def test_reading_a_folder_counts_as_use(folder):
    machine_code(UPDATES["sgd"], update_signature(FLOAT64))
    os.utime(cache.folder(), (1e9, 1e9))
    cache._touch.cache_clear()
    machine_code(UPDATES["sgd"], update_signature(FLOAT64))
    assert cache.folder().stat().st_mtime > 1e9


def test_without_numbas_compiler_the_error_says_so(tmp_path):
    code = """
import skinit
try:
    skinit.MLPClassifier().fit([[0.0], [1.0]], [0, 1])
except RuntimeError as error:
    print(error)
"""
    output, _ = run(code, tmp_path, NUMBA_DISABLE_JIT="1")
    assert output.startswith("skinit needs numba's compiler: unset NUMBA_DISABLE_JIT")


# Sends SIGINT during a compilation, then compiles again without it.
INTERRUPT = """
import signal, sys, threading, time
import numpy as np
import skinit
from skinit.kernels.updates import compile_update
main = threading.main_thread().ident
threading.Timer(float(sys.argv[1]), signal.pthread_kill, (main, signal.SIGINT)).start()
began = time.perf_counter()
try:
    compile_update("adam", np.dtype(np.float64))
    print("not interrupted", end=" ")
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted", time.perf_counter() - began < float(sys.argv[1]) + 2, end=" ")
compile_update("adam", np.dtype(np.float64))
print("compiled")
"""


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.2, 0.4])
def test_ctrl_c_stops_a_compilation_and_the_next_one_succeeds(tmp_path, seconds):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", INTERRUPT, str(seconds)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "interrupted True" in result.stdout
    assert result.stdout.endswith("compiled\n")
    assert "ignored" not in result.stderr

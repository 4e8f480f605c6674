"""Run code that is compiled for another processor."""

import json
import os
import subprocess
import sys
from pathlib import Path


def run_for(cpu_name, code, folder):
    """Run code in a new process, and return the JSON that it prints.

    The process compiles for `cpu_name`, or for this processor if that is None. It keeps machine code in `folder`.
    The code may import the tests.
    """
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    if cpu_name:
        environment |= {"NUMBA_CPU_NAME": cpu_name, "NUMBA_CPU_FEATURES": ""}
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{code}"
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)

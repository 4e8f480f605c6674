"""Networks as ONNX graphs. Importing this module registers `MLPClassifier` and `MLPRegressor` with skl2onnx.

After the import, ``skl2onnx.to_onnx`` and ``skl2onnx.convert_sklearn`` convert networks, and pipelines and ensembles
that contain them, with all options. :func:`skinit.to_onnx` imports this module.
"""

try:
    import skl2onnx as skl2onnx
except ImportError as error:
    raise ImportError(f"ONNX needs onnx and skl2onnx ({error}): pip install 'skinit[onnx]'.") from error

from .converters import register

register()

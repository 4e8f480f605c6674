"""Write files that later versions must be able to read: ``python tests/models/write.py``, once for each release.

They go to a folder named after this version: a partly trained classifier and regressor, each as a pickle and as a
skops file, and their predictions.
"""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import skops.io

from skinit import MLPClassifier, MLPRegressor, __version__
from skinit.initializers import RandomNormal

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
LABELS = np.where(X[:, 0] > 0.5, "high", np.where(X[:, 0] < -0.5, "low", "middle"))
TARGETS = X[:, 0] * X[:, 1] + X[:, 2]
MODELS = {
    "classifier": (MLPClassifier((4,), random_state=0), X, LABELS),
    "regressor": (
        MLPRegressor("huber", (3, 2), ["tanh", "silu"], init=RandomNormal(0.5), average=0.5, random_state=0),
        X.astype(np.float32),
        TARGETS.astype(np.float32),
    ),
}


def main() -> None:
    """Write the files of this version."""
    folder = Path(__file__).parent / __version__
    folder.mkdir(exist_ok=True)
    arrays = {}
    for name, (model, X, y) in MODELS.items():
        for _ in range(5):
            model.partial_fit(X, y, **({"classes": np.unique(y)} if name == "classifier" else {}))
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(model))
        skops.io.dump(model, folder / f"{name}.skops", compression=zipfile.ZIP_DEFLATED, compresslevel=9)
        predictions = getattr(model, "predict_proba", model.predict)(X)
        arrays |= {f"{name}_X": X, f"{name}_y": y, f"{name}_predictions": predictions}
    np.savez_compressed(folder / "data.npz", **arrays)


if __name__ == "__main__":
    main()

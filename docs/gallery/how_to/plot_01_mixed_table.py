"""
Train on a data frame with text and missing values
==================================================

A network needs finite numbers. A column transformer of scikit-learn fills in missing
values and turns text into numbers. A pipeline keeps it together with the network, so
new rows are transformed in the same way.

.. index:: ! missing values, ! NaN, ! categories, ! pipeline
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinit import MLPRegressor

# %%
# The script makes 2,000 houses. A tenth of the years of construction is missing. Prices
# are in thousands.

rng = np.random.default_rng(0)
houses = pd.DataFrame(
    {
        "area": rng.gamma(9, 12, 2_000),
        "year": rng.integers(1900, 2021, 2_000).astype(float),
        "district": rng.choice(["center", "harbor", "hills"], 2_000),
    }
)
rates = houses["district"].map({"center": 6.0, "harbor": 3.0, "hills": 4.5})
age_factor = 0.7 + 0.3 * ((houses["year"] - 1960) / 60) ** 2
price = houses["area"] * rates * age_factor * rng.normal(1, 0.1, 2_000)
houses.loc[rng.random(2_000) < 0.1, "year"] = np.nan
X_train, X_test, y_train, y_test = train_test_split(houses, price, random_state=0)

# %%
# Fill in missing numbers, scale the numbers, and encode the text. The network finds its
# learning rate by itself, so the prices need no scaling.

numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
columns = make_column_transformer(
    (numbers, ["area", "year"]),
    (OneHotEncoder(handle_unknown="ignore"), ["district"]),
)
network = MLPRegressor(init="hessian", learning_rate_init="auto", random_state=0)
model = make_pipeline(columns, network).fit(X_train, y_train)
print(f"R² on new houses: {model.score(X_test, y_test):.2f}")

# %%
# Each point is a house that the network has not seen.

predicted = model.predict(X_test)
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
for district in ["center", "hills", "harbor"]:
    rows = X_test["district"] == district
    ax.scatter(y_test[rows], predicted[rows], s=18, alpha=0.6, label=district)
ax.axline((0, 0), slope=1, color="black", linestyle="--")
ax.set(xlabel="price, in thousands", ylabel="predicted price")
ax.legend(title="district")
plt.show()

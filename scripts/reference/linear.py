"""Linear models and discriminants."""

import numpy as np
from reference import Case
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    OrthogonalMatchingPursuit,
    Ridge,
    RidgeClassifier,
)
from sklearn.naive_bayes import BernoulliNB


class OfVarianceOne(RegressorMixin, BaseEstimator):
    """A regression of a target that was brought to mean 0 and variance 1, as ours are penalised."""

    def __init__(self, model):
        self.model = model

    def fit(self, x, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        self.mean_ = np.average(y, weights=weights)
        self.spread_ = np.sqrt(np.average((y - self.mean_) ** 2, weights=weights))
        more = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.model_ = clone(self.model).fit(x, (y - self.mean_) / self.spread_, **more)
        return self

    def predict(self, x):
        return self.mean_ + self.spread_ * self.model_.predict(x)


class WithinScaled(ClassifierMixin, BaseEstimator):
    """A linear discriminant on columns in units of their spread within classes, as ours are shrunk; by
    Ledoit and Wolf for all classes together when `shrinkage` is None."""

    def __init__(self, shrinkage=None):
        self.shrinkage = shrinkage

    def fit(self, x, y):
        within = x - np.array([x[y == code].mean(axis=0) for code in np.unique(y)])[y.astype(int)]
        self.scale_ = np.sqrt((within**2).mean(axis=0))
        shrinkage = self.shrinkage
        if shrinkage is None:
            shrinkage = ledoit_wolf_shrinkage(within / self.scale_, assume_centered=True)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
        self.model_ = model.fit(x / self.scale_, y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, x):
        return self.model_.predict_proba(x / self.scale_)


def logistic(l1_ratio, c, solver="saga"):
    return LogisticRegression(l1_ratio=l1_ratio, C=c, solver=solver, tol=1e-9, max_iter=200_000, random_state=0)


EXACT = {"tol": 1e-12, "max_iter": 1_000_000}
HUBER = {"tol": 1e-8, "max_iter": 100_000}
SMALL = ("alcohol", "texture")
SHRUNK = {"covariance": "shrunk"}

CASES = [
    Case("logistic", LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000), 2e-5, {"l2": 1.0}),
    Case("logistic", LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000), 2e-5, {"l2": 1.0}, weighted=True),
    Case("logistic", logistic(1.0, 1.0), 1e-4, {"penalty": "l1", "l2": 1.0}),
    Case("logistic", logistic(1.0, 0.1), 1e-4, {"penalty": "l1", "l2": 10.0}, weighted=True),
    Case("logistic", logistic(0.5, 1.0), 1e-4, {"penalty": "elastic_net", "l1_ratio": 0.5, "l2": 1.0}),
    Case(
        "logistic",
        logistic(0.2, 0.5),
        1e-4,
        {"penalty": "elastic_net", "l1_ratio": 0.2, "l2": 2.0},
        weighted=True,
    ),
    Case("ridge", Ridge(alpha=1.0), 1e-4, {"l2": 1.0}),
    Case("ridge", Ridge(alpha=10.0), 1e-4, {"l2": 10.0}, weighted=True),
    Case("linear", LinearRegression(), 1e-4),
    Case("linear", LinearRegression(), 1e-4, weighted=True),
    Case("bayesian_ridge", BayesianRidge(tol=1e-12, max_iter=100_000), 1e-3),
    Case("bayesian_ridge", BayesianRidge(tol=1e-12, max_iter=100_000), 1e-3, weighted=True),
    Case("lasso", OfVarianceOne(Lasso(alpha=0.01, **EXACT)), 1e-4, {"alpha": 0.01}),
    Case("lasso", OfVarianceOne(Lasso(alpha=0.2, **EXACT)), 1e-4, {"alpha": 0.2}),
    Case("lasso", OfVarianceOne(Lasso(alpha=0.03, **EXACT)), 1e-4, {"alpha": 0.03}, weighted=True),
    Case(
        "elastic_net",
        OfVarianceOne(ElasticNet(alpha=0.02, l1_ratio=0.5, **EXACT)),
        1e-4,
        {"alpha": 0.02, "l1_ratio": 0.5},
    ),
    Case(
        "elastic_net",
        OfVarianceOne(ElasticNet(alpha=0.1, l1_ratio=0.2, **EXACT)),
        1e-4,
        {"alpha": 0.1, "l1_ratio": 0.2},
        weighted=True,
    ),
    Case("omp", OrthogonalMatchingPursuit(n_nonzero_coefs=3), 1e-4, {"columns": 3}),
    Case("omp", OrthogonalMatchingPursuit(n_nonzero_coefs=8), 1e-4, {"columns": 8}),
    # scikit-learn's stops within 1e-4 of a standard deviation, which is 77 for diabetes.
    Case("huber", OfVarianceOne(HuberRegressor(alpha=1e-4, **HUBER)), 8e-3, {"l2": 1e-4}, data=("diabetes",)),
    Case("huber", OfVarianceOne(HuberRegressor(alpha=1e-4, **HUBER)), 2e-3, {"l2": 1e-4}, data=SMALL),
    Case(
        "huber",
        OfVarianceOne(HuberRegressor(epsilon=2.0, alpha=5.0, **HUBER)),
        8e-3,
        {"epsilon": 2.0, "l2": 5.0},
        weighted=True,
        data=("diabetes",),
    ),
    Case(
        "huber",
        OfVarianceOne(HuberRegressor(epsilon=2.0, alpha=5.0, **HUBER)),
        1e-3,
        {"epsilon": 2.0, "l2": 5.0},
        weighted=True,
        data=SMALL,
    ),
    # scikit-learn's has no probabilities: those of its own calibration, in five folds.
    Case("ridge_classifier", CalibratedClassifierCV(RidgeClassifier(alpha=1.0)), 0.03, metric="accuracy", one_sided=True),
    Case("ridge_classifier", CalibratedClassifierCV(RidgeClassifier(alpha=1.0)), 0.1, metric="log_loss", one_sided=True),
    Case("lda", WithinScaled(), 1e-5),
    Case("lda", WithinScaled(0.25), 1e-5, SHRUNK | {"shrinkage": 0.25}),
    Case("lda", LinearDiscriminantAnalysis(solver="lsqr"), 1e-5, SHRUNK | {"shrinkage": 0.0}),
    Case("qda", QuadraticDiscriminantAnalysis(reg_param=0.01), 1e-5, {"regularisation": 0.01}),
    Case("qda", QuadraticDiscriminantAnalysis(reg_param=0.3), 1e-5, {"regularisation": 0.3}),
    Case("bernoulli_nb", BernoulliNB(), 1e-6),
    Case("bernoulli_nb", BernoulliNB(alpha=0.1, binarize=0.5), 1e-6, {"alpha": 0.1, "threshold": 0.5}),
    Case("bernoulli_nb", BernoulliNB(), 1e-6, weighted=True),
]

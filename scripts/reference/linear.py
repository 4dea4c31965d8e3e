"""Linear models."""

from reference import Case
from sklearn.linear_model import LogisticRegression, Ridge

CASES = [
    Case("logistic", LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000), 2e-5, {"l2": 1.0}),
    Case("logistic", LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000), 2e-5, {"l2": 1.0}, weighted=True),
    Case("ridge", Ridge(alpha=1.0), 1e-4, {"l2": 1.0}),
    Case("ridge", Ridge(alpha=10.0), 1e-4, {"l2": 10.0}, weighted=True),
]

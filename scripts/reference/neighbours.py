"""Neighbours and naive Bayes."""

from reference import Case
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

CASES = [
    Case("knn", KNeighborsClassifier(7), 1e-6, {"neighbours": 7}),
    Case("knn", KNeighborsClassifier(7, weights="distance"), 1e-5, {"neighbours": 7, "weights": "distance"}),
    Case("knn", KNeighborsRegressor(7), 1e-4, {"neighbours": 7}),
    Case("naive_bayes", GaussianNB(), 1e-5, {"var_smoothing": 1e-9}),
    Case("naive_bayes", GaussianNB(), 1e-5, {"var_smoothing": 1e-9}, weighted=True),
]

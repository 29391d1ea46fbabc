"""Variance components of greatest restricted likelihood, by average information.

Gilmour, Thompson & Cullis (1995, Biometrics 51:1440). What a likelihood is made of is the
caller's: here is only how its maximum is found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Most steps, and the gain in log-likelihood that a step is worth.
STEPS, TOLERANCE = 200, 1e-6


@dataclass(frozen=True)
class Point:
    """The log-likelihood at some variances, or what covariances follow from, up to a constant.

    gradient: (components,); information: (components, components), the average of the observed
    and the expected one.
    """

    variances: np.ndarray
    likelihood: float
    gradient: np.ndarray
    information: np.ndarray


#: From a point to a better one, or to the same.
Step = Callable[[Point], Point]


def maximise(
    at: Callable[[np.ndarray], Point], start: np.ndarray, least: np.ndarray, ranks: np.ndarray
) -> Point:
    """The point of greatest likelihood, each variance being `least` of its own or more.

    at: the likelihood at variances; ranks: (components,) of the components' covariances.
    """
    return climb(
        at(start),
        lambda point: along_information(at, point, least),
        lambda point: _by_expectation(at, point, least, ranks),
    )


def climb(point: Point, *steps: Step, tolerance: float = TOLERANCE) -> Point:
    """The point where no step gains `tolerance`; each is tried where those before it do not."""
    for _ in range(STEPS):
        for step in steps:
            better = step(point)
            gain = better.likelihood - point.likelihood
            point = better
            if gain >= tolerance:
                break
        else:
            return point
    return point


def along_information(at: Callable[[np.ndarray], Point], point: Point, least: np.ndarray) -> Point:
    """A better point in the direction of the average information, halved until it is better."""
    # components at their bound that would leave it stay
    free = (point.variances > least) | (point.gradient > 0)
    direction = np.zeros_like(point.variances)
    information = point.information[np.ix_(free, free)]
    direction[free] = np.linalg.lstsq(information, point.gradient[free], rcond=None)[0]
    for halvings in range(8):
        tried = at(np.maximum(point.variances + direction / 2**halvings, least))
        if tried.likelihood > point.likelihood:
            return tried
    return point


def _by_expectation(
    at: Callable[[np.ndarray], Point], point: Point, least: np.ndarray, ranks: np.ndarray
) -> Point:
    """The step of expectation-maximisation, which never makes the likelihood smaller.

    It is slow, and goes on where no part of the other step does, or where the information is
    singular and that step ends short of the maximum.
    """
    expected = point.variances + 2 * point.variances**2 * point.gradient / ranks
    tried = at(np.maximum(expected, least))
    return tried if tried.likelihood > point.likelihood else point

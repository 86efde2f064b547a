"""Where a network looked: Grad-CAM, occlusion, and how far either is to be believed.

Light but for `ml.explanation.proof`, which needs Keras and is imported by name.
"""

from ml.explanation.agreement import Agreement, agreement
from ml.explanation.gradcam import (
    ExplanationError,
    class_map,
    enlarge,
    normalise,
    overlay,
    saliency,
)
from ml.explanation.localisation import localisation_figures, localise
from ml.explanation.occlusion import FILLS, occlude
from ml.explanation.sanity import SanityCheck, randomise_cascading

__all__ = [
    "FILLS",
    "Agreement",
    "ExplanationError",
    "SanityCheck",
    "agreement",
    "class_map",
    "enlarge",
    "localisation_figures",
    "localise",
    "normalise",
    "occlude",
    "overlay",
    "randomise_cascading",
    "saliency",
]

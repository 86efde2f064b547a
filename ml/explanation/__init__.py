"""Where a network looked: Grad-CAM, occlusion, and how far either is to be believed.

Light but for two modules that are imported by name: `proof` needs Keras, `pictures` Matplotlib.
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
from ml.explanation.methods import compare_methods, watch
from ml.explanation.occlusion import FILLS, occlude
from ml.explanation.sanity import SanityCheck, randomise_cascading

__all__ = [
    "FILLS",
    "Agreement",
    "ExplanationError",
    "SanityCheck",
    "agreement",
    "class_map",
    "compare_methods",
    "enlarge",
    "localisation_figures",
    "localise",
    "normalise",
    "occlude",
    "overlay",
    "randomise_cascading",
    "saliency",
    "watch",
]

"""The Checklist for Artificial Intelligence in Medical Imaging, 2024 update, and where the card answers it.

Tejani, Klontzas, Gatti, Mongan, Moy, Park, Kahn et al.: Checklist for Artificial Intelligence in Medical Imaging
(CLAIM): 2024 Update. Radiology: Artificial Intelligence 6(4), 2024. The items are shortened here.
"""

from __future__ import annotations

from typing import Final

CLAIM_ITEMS: Final = (
    (1, "Title says that it is AI, and of which kind", "title"),
    (2, "Structured summary", "In short"),
    (3, "Background, intended use and role", "Background, What it is for"),
    (4, "Aims and hypotheses", "Background"),
    (5, "Prospective or retrospective", "Study design"),
    (6, "Study goal", "Study design"),
    (7, "Data sources", "Data"),
    (8, "Inclusion and exclusion", "Data"),
    (9, "Preprocessing", "What it is"),
    (10, "Selection of data subsets", "Data, Parts"),
    (11, "De-identification", "Data"),
    (12, "Missing data", "Data"),
    (13, "Image acquisition", "Data"),
    (14, "How the reference standard was obtained", "Reference standard"),
    (15, "Why this reference standard", "Reference standard"),
    (16, "Who annotated", "Reference standard"),
    (17, "Annotation of the test set", "Reference standard"),
    (18, "Variability between and within raters", "Reference standard (not known)"),
    (19, "How data were assigned to parts", "Parts"),
    (20, "Level at which parts are disjoint", "Parts"),
    (21, "Sample size", "Parts"),
    (22, "Description of the model", "What it is"),
    (23, "Software", "Reproducing it"),
    (24, "Initial parameters", "Training"),
    (25, "Training", "Training"),
    (26, "How the final model was chosen", "Training"),
    (27, "Ensembles", "Training (none)"),
    (28, "Measures of performance", "Figures"),
    (29, "Significance and uncertainty", "Figures, Two networks beside each other"),
    (30, "Robustness", "Another hospital"),
    (31, "Explanation", "Does the map point at the tumour?"),
    (32, "Evaluation on internal data", "Figures"),
    (33, "Evaluation on external data", "Another hospital (sources left out; no external cohort)"),
    (34, "Trial registration", "Study design (none)"),
    (35, "Numbers included and excluded", "Data, Parts"),
    (36, "Demographic and clinical characteristics", "Data (not recorded)"),
    (37, "Performance and its uncertainty", "Figures"),
    (38, "Diagnostic performance and its precision", "Figures"),
    (39, "Failure analysis", "Where it fails"),
    (40, "Limitations", "Limits"),
    (41, "Implications for practice", "What it is for, Limits"),
    (42, "Full protocol or further details", "Reproducing it"),
    (43, "Availability of software, model and data", "Reproducing it, Data"),
    (44, "Funding", "Study design (not stated)"),
)
"""Number, item, and the sections of the card that answer it."""

"""The Checklist for Artificial Intelligence in Medical Imaging, 2024 update, and where the card answers it.

Tejani, Klontzas, Gatti, Mongan, Moy, Park, Kahn et al.: Checklist for Artificial Intelligence in Medical Imaging
(CLAIM): 2024 Update. Radiology: Artificial Intelligence 6(4), e240300. The numbers are the checklist's, the words
our own and shorter.
"""

from __future__ import annotations

from typing import Final

CLAIM_ITEMS: Final = (
    (1, "Title says that it is AI, and of which kind", "title"),
    (2, "Structured summary", "In short"),
    (3, "Scientific and clinical background, intended use and role", "Background, What it is for"),
    (4, "Aims, objectives, hypotheses", "Background"),
    (5, "Prospective or retrospective", "Study design"),
    (6, "Study goal", "Study design"),
    (7, "Data sources", "Data"),
    (8, "Inclusion and exclusion", "Data"),
    (9, "Preprocessing", "What it is"),
    (10, "Selection of data subsets", "Data, Parts"),
    (11, "De-identification", "Data"),
    (12, "What was done about missing data", "Data"),
    (13, "Protocol of image acquisition", "Data"),
    (14, "How the reference standard was obtained", "Reference standard"),
    (15, "Why this reference standard was chosen", "Reference standard"),
    (16, "Who annotated for the reference standard", "Reference standard"),
    (17, "Annotation of the test set", "Reference standard"),
    (18, "Variability between and within annotators", "Reference standard (not known)"),
    (19, "How data were assigned to parts", "Parts"),
    (20, "Level at which parts are disjoint", "Parts"),
    (21, "Intended size of the test sample", "Parts (none was calculated)"),
    (22, "Description of the model", "What it is"),
    (23, "Software", "Reproducing it"),
    (24, "How parameters were initialised", "Training"),
    (25, "Training", "Training"),
    (26, "How the final model was chosen", "Training"),
    (27, "Ensembles", "Training (none)"),
    (28, "Measures of performance", "Figures"),
    (29, "Statistics of significance and uncertainty", "Figures, Networks beside each other"),
    (30, "Robustness or sensitivity", "Another hospital"),
    (31, "Methods of explanation", "Does the map point at the tumour?"),
    (32, "Evaluation on internal data", "Figures"),
    (33, "Evaluation on external data", "Another hospital (sources left out; no external cohort)"),
    (34, "Trial registration", "Study design (none)"),
    (35, "Numbers of patients or examinations, in and out", "Data, Parts"),
    (36, "Demographic and clinical characteristics by part", "Data (not recorded)"),
    (37, "Measures of performance with their uncertainty", "Figures"),
    (38, "Estimates of diagnostic performance and their precision", "Figures"),
    (39, "Analysis of what was misclassified", "Where it fails"),
    (40, "Limitations", "Limits"),
    (41, "Implications for practice, intended use", "What it is for, Limits"),
    (42, "Where the full protocol or further detail is", "Reproducing it"),
    (43, "Availability of software, model and data", "Reproducing it, Data"),
    (44, "Funding, support, and the role of funders", "Study design (not stated)"),
)
"""Number, item, and the sections of the card that answer it."""

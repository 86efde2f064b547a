"""What a page's form may hold. What it means, and whether it may be said, is the services' to decide."""

from reviews.forms.learning import (
    NETWORK_CHOICES,
    RECIPES,
    PlanForm,
    PolicyForm,
    RescoreForm,
    RetrainForm,
    ShadowForm,
    recipe_of,
)
from reviews.forms.reading import (
    DecisionForm,
    DraftForm,
    FirstReadForm,
    RevealForm,
    UndoForm,
    VerdictForm,
    WithdrawForm,
    WorklistFilterForm,
)
from reviews.forms.rules import KnownCaseForm, ProtocolForm, TakeBackForm
from reviews.forms.said import Said

__all__ = [
    "NETWORK_CHOICES",
    "RECIPES",
    "DecisionForm",
    "DraftForm",
    "FirstReadForm",
    "KnownCaseForm",
    "PlanForm",
    "PolicyForm",
    "ProtocolForm",
    "RescoreForm",
    "RetrainForm",
    "RevealForm",
    "Said",
    "ShadowForm",
    "TakeBackForm",
    "UndoForm",
    "VerdictForm",
    "WithdrawForm",
    "WorklistFilterForm",
    "recipe_of",
]

"""What a recipe holds, with the range of every value."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

NetworkName = Literal["mobilenet_v2", "cnn", "efficientnet_b0", "resnet50", "small_cnn"]

FIXED_WIDTH: Final = ("efficientnet_b0", "resnet50", "small_cnn")
FROM_SCRATCH_ONLY: Final = ("cnn", "small_cnn")

Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Side = Annotated[int, Field(ge=32, le=512, multiple_of=32)]


class Checked(BaseModel):
    """Values that are looked at when they come in and never change afterwards."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class NetworkSpec(Checked):
    """Which network: all that its layers depend on, and exactly what a checkpoint states of it."""

    name: NetworkName = "mobilenet_v2"
    """Its family."""
    size: Side = 224
    """Side of the square input in pixels."""
    width: Annotated[float, Field(ge=0.25, le=2)] = 1.0
    """Factor on the number of channels, where the family can be made narrower or wider."""
    dropout: ShareBelowOne = 0.2
    """Rate in front of the head, while training; the custom CNN has it between its blocks too."""
    fine_map: bool = False
    """Last activations at a 16th of the input's side instead of a 32nd: maps of 14 × 14 at 224 pixels."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.width != 1.0 and self.name in FIXED_WIDTH:
            raise ValueError(f"width: {self.name} exists at width 1 only, got {self.width}")
        return self


class Stage(Checked):
    """Some epochs at one input side. Small first, full size last, costs half of full size throughout."""

    size: Side = 224
    """Side of the square input in pixels."""
    epochs: Annotated[int, Field(ge=1, le=500)] = 4
    """How often the training part is shown."""


class Augmentation(Checked):
    """How an image is changed at random, each time it is shown.

    `rotation` to `brightness` are extents, drawn evenly up to there; `mirror` and `bias_field` to `erase` are the
    share of images to which it happens.
    """

    rotation: Annotated[float, Field(ge=0, le=180)] = 20.0
    """Degrees to either side."""
    shear: Annotated[float, Field(ge=0, le=45)] = 6.0
    """Degrees to either side."""
    zoom: Share = 0.18
    """Logarithm of the factor, in or out."""
    aspect: Share = 0.12
    """Logarithm of the ratio of width to height."""
    shift: Annotated[float, Field(ge=0, le=0.5)] = 0.06
    """Share of the side, in x and in y."""
    crop: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Share of the side that a window anywhere in the image loses."""
    gamma: Share = 0.4
    """Logarithm of the exponent."""
    contrast: ShareBelowOne = 0.2
    """Share of the factor, up or down."""
    brightness: ShareBelowOne = 0.08
    """Share of the range, up or down."""
    mirror: Share = 0.5
    """Left to right."""
    bias_field: Share = 0.3
    """A smooth change of light by up to 30 % across the image, as coils make it."""
    resolution: Share = 0.0
    """Sampled down, to two fifths of the side at worst, and up again: a coarser matrix."""
    blur: Share = 0.2
    """By a Gaussian of 0.4 to 1.3 pixels."""
    noise: Share = 0.3
    """Gaussian, of 2 to 9 levels of 255."""
    erase: Share = 0.0
    """A rectangle of a tenth to a quarter of each side becomes one grey (Zhong et al. 2020)."""


HEAD_ONLY: Final[tuple[Stage, ...]] = ()
"""The stages of a recipe that fits the head on frozen features and leaves everything else as given."""


class TrainRecipe(Checked):
    """Everything that decides a training besides its data and its seed."""

    network: NetworkSpec = NetworkSpec(fine_map=True)
    """Which network."""
    start: Literal["imagenet", "scratch"] = "imagenet"
    """From ImageNet weights, the head fitted on the features that they give; or from random ones."""
    frozen_blocks: Annotated[int, Field(ge=0, le=32)] = 3
    """How many of the first blocks keep the weights they start with."""
    tuned_layers: Annotated[int, Field(ge=1)] | None = None
    """Only the last so many layers that have weights learn, and of them none that `frozen_blocks` fixes."""
    batch_norm: Literal["inference", "train"] = "inference"
    """Batch normalisation as given and fixed, or learning; from scratch it always learns."""
    stages: tuple[Stage, ...] = (Stage(size=160, epochs=6), Stage(size=224, epochs=6))
    """Epochs by input side; empty for the head alone, on frozen features."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 32
    """Images of one step."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-4
    """The largest one, of AdamW."""
    schedule: Literal["cosine", "constant", "step"] = "cosine"
    """How the learning rate falls over all stages together; step: to a tenth after each third."""
    warm_up: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    """Share of all steps over which the learning rate rises from 0; not with the schedule step."""
    weight_decay: Share = 0.02
    """Decoupled, of kernels only (Loshchilov and Hutter 2019)."""
    averaging: ShareBelowOne = 0.0
    """Momentum of the running average of all weights that is kept instead of the last ones; 0 for none."""
    label_smoothing: ShareBelowOne = 0.05
    """Mass of the truth that is spread evenly over the classes."""
    focal_gamma: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Exponent by which well-named images weigh less (Lin et al. 2017, eq. 4); 0 is plain cross-entropy."""
    class_balance: Share = 0.5
    """0 leaves the classes as they are, 1 weights them to equal mass."""
    attention: Annotated[float, Field(ge=0, le=100)] = 0.3
    """Weight of the attention loss, for images with a tumour mask; 0 for none."""
    containment: Annotated[float, Field(ge=0, le=100)] = 0.0
    """Weight, within the attention loss, of the share of the map's positive evidence outside the tumour."""
    head_penalty: Annotated[float, Field(ge=0, le=100)] = 1e-3
    """L2 penalty of the head that is fitted on frozen features."""
    validation_share: Annotated[float, Field(gt=0, lt=0.5)] = 0.08
    """Share of the training subjects set aside for early stopping and calibration."""
    patience: Annotated[int, Field(ge=0, le=500)] = 12
    """Epochs of the last stage without a better validation loss before it stops."""
    augmentation: Augmentation = Augmentation()
    """How images are changed at random."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        name = self.network.name
        if self.start == "imagenet" and name in FROM_SCRATCH_ONLY:
            raise ValueError(f"start: there are no ImageNet weights of {name}; expected 'scratch'")
        if self.start == "imagenet" and name != "mobilenet_v2" and self.network.width != 1.0:
            raise ValueError(f"start: there are no ImageNet weights of {name} at another width than 1")
        if not self.stages and (self.start == "scratch" or self.network.fine_map):
            raise ValueError(
                "stages: expected at least one stage; only a head on features of given weights, without "
                "fine_map, needs none"
            )
        return self

    @property
    def epochs(self) -> int:
        """All epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)


class HeadRecipe(Checked):
    """How the head alone is retrained from stored embeddings."""

    penalty: Annotated[float, Field(ge=0, le=100)] = 3e-5
    """Pull towards the head in force, so that a handful of corrections changes little else."""
    correction_share: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Mass of all corrections together beside a replay mass of 1, when there are many."""
    correction_weight: Annotated[float, Field(gt=0, le=1000)] = 10.0
    """Mass of one correction, in replay images, when there are few."""
    iterations: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """Bound on the optimiser's steps; it ends by itself after some hundred, at the minimum."""


class TuneRecipe(Checked):
    """How a whole network is trained on from a checkpoint, on reviewed images."""

    network: NetworkName | None = None
    """Another family than the checkpoint's, trained anew; by default the checkpoint's own network goes on learning."""
    epochs: Annotated[int, Field(ge=1, le=200)] = 4
    """How often the training part is shown."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    """The largest one, of AdamW."""
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 32
    """Images of one step."""
    frozen_blocks: Annotated[int, Field(ge=0, le=32)] | None = None
    """How many of the first blocks keep the weights they start with; by default those that novelty is told by."""
    keep: ShareBelowOne = 0.5
    """Share of the checkpoint's own weights in the result: the mean of both forgets less (Wortsman et al. 2022)."""
    patience: Annotated[int, Field(ge=0, le=200)] = 2
    """Epochs without a better validation loss before it stops."""
    class_balance: Share = 0.5
    """0 leaves the classes as they are, 1 weights them to equal mass."""

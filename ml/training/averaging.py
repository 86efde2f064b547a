"""The running average of all weights: measured and kept after an epoch, and never trained on."""

from __future__ import annotations

from typing import Any

import keras


class RunningAverage(keras.callbacks.Callback):  # type: ignore[misc]  # Keras tells no types
    """Between the end of an epoch, where Keras puts the running average in place of the weights, and the next."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Keeps the weights of the last step."""
        used = self.model.optimizer.use_ema
        self.last = [value.numpy().copy() for value in self.model.trainable_variables] if used else None

    def detach(self) -> None:
        """Gives the weights memory of their own: on JAX they share the average's, and predicting gives it away."""
        if self.last is not None:
            for variable in self.model.trainable_variables:
                variable.assign(variable.numpy().copy())

    def put_back(self) -> None:
        """Goes on from the last step's weights; what was measured and kept in between was the average."""
        if self.last is not None:
            for variable, value in zip(self.model.trainable_variables, self.last, strict=True):
                variable.assign(value)

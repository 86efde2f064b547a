"""The networks. Each ends in global average pooling and one linear layer, so that its Grad-CAM is closed form."""

from ml.networks.building import ClassMaps, Network, build_network
from ml.networks.errors import NetworkError
from ml.networks.freezing import blocks_until, fix_batch_norm, freeze_blocks, tune_last
from ml.networks.weights import Kernel, Weights, load_imagenet, round_weights

__all__ = [
    "ClassMaps",
    "Kernel",
    "Network",
    "NetworkError",
    "Weights",
    "blocks_until",
    "build_network",
    "fix_batch_norm",
    "freeze_blocks",
    "load_imagenet",
    "round_weights",
    "tune_last",
]

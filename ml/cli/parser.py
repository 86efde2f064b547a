"""Arguments of `python -m ml` and where each command lives."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.config import SHIPPED_CHECKPOINT
from ml.labels import CLASSES, InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 0, or 2 with one sentence on standard error."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    # Imported when it runs: looking through a folder does not wait for TensorFlow.
    command = getattr(importlib.import_module(f"ml.cli.{options.module}"), options.command)
    try:
        return int(command(options))
    except (InputError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of all commands."""
    parser = argparse.ArgumentParser(prog="python -m ml", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    _data_commands(commands)
    _reading_commands(commands)
    _measuring_commands(commands)
    _training_commands(commands)
    return parser


def _data_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspect = _command(commands, "inspect", "data", "look at images: damage, duplicates, leaks, shortcuts")
    inspect.add_argument("paths", nargs="*", type=Path, help="folders and image files")
    inspect.add_argument("--manifest", type=Path, help="look at what it lists instead")
    inspect.add_argument("--root", type=Path, help="what its paths are relative to; by default its folder")
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument("--html", type=Path, help="also write a report there, with pictures of the images")
    manifest = _command(commands, "manifest", "data", "list images with label, split and group")
    manifest.add_argument("root", type=Path, help="a folder with one sub-folder for each class")
    manifest.add_argument("--out", type=Path, required=True, help="CSV, or JSON Lines for a name in .jsonl")
    manifest.add_argument("--keep-splits", action="store_true", help="take splits from the folders' names")
    manifest.add_argument("--validation", type=float, default=0.15, help="share of each class")
    manifest.add_argument("--test", type=float, default=0.15, help="share of each class")
    manifest.add_argument("--seed", type=int, default=0)


def _reading_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    predict = _command(commands, "predict", "predicting", "read images")
    predict.add_argument("paths", nargs="+", type=Path, help="folders and image files")
    predict.add_argument("--json", action="store_true", help="print one JSON object for each image")
    explain = _command(commands, "explain", "explaining", "show where the model looked, or measure it")
    _explain_arguments(explain)
    export = _command(commands, "export", "predicting", "write a checkpoint's model for other tools")
    export.add_argument("--out", type=Path, required=True, help="a name in .onnx, .h5 or .weights.h5")
    for command in (predict, explain, export):
        command.add_argument("--checkpoint", type=Path, default=SHIPPED_CHECKPOINT)


def _measuring_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    evaluate = _command(commands, "evaluate", "evaluating", "measure a checkpoint, or the mean of several")
    evaluate.add_argument("checkpoints", nargs="*", type=Path, help="by default the shipped one")
    evaluate.add_argument("--ensemble", action="store_true", help="average the checkpoints' probabilities")
    compare = _command(
        commands, "compare", "evaluating", "measure checkpoints on the same images and ask the gate"
    )
    compare.add_argument(
        "checkpoints",
        nargs="+",
        help="A,B is the mean of two; the first is the incumbent, for one alone the shipped",
    )
    for command in (evaluate, compare):
        command.add_argument("--manifest", type=Path, help="by default the checkpoints' own reference part")
        command.add_argument("--root", type=Path, help="what the manifest's paths are relative to")
        command.add_argument("--split", default="test")
        command.add_argument(
            "--allow-trained-on", action="store_true", help="measure on images it was trained on"
        )
        command.add_argument("--seed", type=int, default=0, help="of the bootstrap")
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--json-file", type=Path, help="also write the JSON there")
        command.add_argument("--html", type=Path, help="also write an HTML report there")
    for command, text in ((evaluate, "the same as naming it alone"), (compare, "the incumbent")):
        command.add_argument("--checkpoint", type=Path, help=text)
    evaluate.add_argument("--subgroup", action="append", metavar="COLUMN", help="of the manifest; repeatable")
    compare.set_defaults(subgroup=None)


def _explain_arguments(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("paths", nargs="*", type=Path, help="folders and image files")
    explain.add_argument("--out", type=Path, help="folder for overlays (PNG) and raw maps (npz)")
    explain.add_argument("--class", "--label", dest="label", choices=CLASSES, help="by default the likeliest")
    explain.add_argument("--against", choices=CLASSES, help="explain the class rather than this one")
    explain.add_argument("--method", choices=("gradcam", "occlusion", "both"), default="gradcam")
    explain.add_argument(
        "--fill", choices=("blurred", "mean", "grey"), default="blurred", help="for occlusion"
    )
    explain.add_argument("--patch", type=int, default=32, help="side of the covered square, in input pixels")
    explain.add_argument("--stride", type=int, default=16, help="step of the square, in input pixels")
    explain.add_argument(
        "--sanity", action="store_true", help="randomise weights and see whether maps change"
    )
    explain.add_argument("--manifest", type=Path, help="measure the maps of its images against tumour masks")
    explain.add_argument("--masks", type=Path, help="folder of masks named like the images, in .png")
    explain.add_argument("--root", type=Path, help="what the manifest's paths are relative to")
    explain.add_argument("--split", default="test", help="part of the manifest")
    explain.add_argument("--json", action="store_true", help="print JSON")


def _training_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    train = _command(commands, "train", "making", "train a network on a manifest")
    train.add_argument("--manifest", type=Path, required=True)
    train.add_argument("--root", type=Path, help="what its paths are relative to; by default its folder")
    train.add_argument(
        "--out", type=Path, required=True, help="the checkpoint to write; with --folds a folder"
    )
    train.add_argument("--recipe", help="name or path of a JSON file; by default the shipped model's")
    train.add_argument("--init", default="imagenet", help="first weights: a file, 'imagenet' or 'none'")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--folds", type=int, help="cross-validate in so many folds of whole groups instead")
    train.add_argument(
        "--allow-leak",
        default="",
        metavar="KIND,…",
        help="kinds of leak to let pass, of exact, near, mirrored, group; every figure says so",
    )
    train.add_argument(
        "--drop-conflicts", action="store_true", help="leave out identical pixels with two labels"
    )
    reproduce = _command(
        commands,
        "reproduce",
        "reproducing",
        "train and measure what the model card states, or the training run that a folder holds",
    )
    reproduce.add_argument(
        "runs",
        nargs="*",
        help="fold-1 … fold-5, fold-5-again, fold-5-plain, roboflow, sources; or one folder that "
        "`manage.py export_run` wrote: exit status 1 where a figure differs by more than 0.2 points",
    )
    source = reproduce.add_mutually_exclusive_group()
    source.add_argument(
        "--from-pixels", action="store_true", help="of a folder: make its embeddings anew (the default)"
    )
    source.add_argument(
        "--from-embeddings", action="store_true", help="of a folder: take the embeddings that it holds"
    )
    reproduce.add_argument("--json", action="store_true", help="of a folder: print JSON")
    reproduce.add_argument(
        "--recipe", action="append", help="name or path, once for each; by default what ships"
    )
    reproduce.add_argument("--data", type=Path, help="folder of the public data")
    reproduce.add_argument("--ship", type=Path, help="write the checkpoint that ships there")
    reproduce.add_argument(
        "--records", type=Path, help="write the model card's records of all finished runs there"
    )
    reproduce.add_argument("--older-code", action="store_true", help="take finished trainings of older code")
    card = _command(commands, "card", "describing", "render the model card from its records")
    card.add_argument("checkpoints", nargs="*", help="file names; by default what ships")
    card.add_argument("--records", type=Path, default=SHIPPED_CHECKPOINT.parent, help="folder of the records")
    card.add_argument("--out", type=Path, help="write it there; by default it is printed")
    for command in (train, reproduce):
        command.add_argument("--work", type=Path, default=Path("var/ml"), help="caches and states")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, module: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(module=module)
    return parser

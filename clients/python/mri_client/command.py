"""`mri`: the client on the command line. What it finds goes to standard output as JSON, what it says to the error."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from mri_client.client import Client, Failed
from mri_client.output import write_whole
from mri_client.requests import ApiError

REFUSED, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0; 1 where the platform refused, failed or cannot be reached; 2 where it was called wrongly.
    """
    asked = _parser().parse_args(arguments)
    try:
        token = _token(asked)
    except (OSError, UnicodeError) as error:
        return _say(f"The file of the token cannot be read: {error}", MISUSED)
    if not asked.address or not token:
        return _say(
            "Set MRI_ADDRESS and MRI_TOKEN (or MRI_TOKEN_FILE), or use --address and --token-file.", MISUSED
        )
    if not token.isascii() or not token.isprintable():
        return _say("This is no token of the platform.", MISUSED)
    try:
        with Client(asked.address, token) as client:
            asked.act(client, asked)
    except ApiError as error:
        fields = "".join(f"\n  {name}: {words}" for name, words in error.errors.items())
        return _say(f"{error}{fields}\n  request {error.request_id}", REFUSED)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        return _say(
            "The address cannot be read; it is such as https://portal.example.org, without a path.", MISUSED
        )
    except (Failed, httpx.HTTPError, OSError) as error:
        return _say(str(error) or type(error).__name__, REFUSED)
    except json.JSONDecodeError:
        return _say("What answers at this address is not the platform.", REFUSED)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mri", description="Works with an MRI review platform by its API.")
    parser.add_argument("--address", default=os.environ.get("MRI_ADDRESS", ""), help="or MRI_ADDRESS")
    parser.add_argument("--token-file", default=os.environ.get("MRI_TOKEN_FILE", ""), help="or MRI_TOKEN")
    commands = parser.add_subparsers(required=True, metavar="command")

    one = commands.add_parser("collections", help="list your collections")
    one.set_defaults(act=_collections)

    one = commands.add_parser("upload", help="send images")
    one.add_argument("collection", help="its identifier")
    one.add_argument("files", nargs="+", type=Path)
    one.add_argument("--study-each", action="store_true", help="each file as a study of its own")
    one.add_argument("--pseudonym", default="", help="a code of your own for the subject, never a name")
    one.add_argument("--wait", action="store_true", help="until they are analysed")
    one.set_defaults(act=_upload)

    one = commands.add_parser("wait", help="wait until studies are analysed")
    one.add_argument("studies", nargs="+")
    one.add_argument("--seconds", type=float, default=600.0)
    one.set_defaults(act=_wait)

    one = commands.add_parser("labels", help="fetch every label of a collection")
    one.add_argument("collection")
    one.add_argument("--format", choices=["json", "csv", "jsonl"], default="json")
    one.add_argument("--output", type=Path, help="a file; standard output without it")
    one.set_defaults(act=_labels)

    one = commands.add_parser("retrain", help="train on a collection's labels, or on one label set")
    which = one.add_mutually_exclusive_group(required=True)
    which.add_argument("--collection", help="freeze its labels first")
    which.add_argument("--label-set")
    one.add_argument("--recipe", choices=["head", "fine_tune"], default="head")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--wait", action="store_true", help="until the training has ended")
    one.set_defaults(act=_retrain)
    return parser


def _collections(client: Client, asked: argparse.Namespace) -> None:
    for collection in client.collections():
        _show(collection)


def _upload(client: Client, asked: argparse.Namespace) -> None:
    sent = client.upload(
        asked.collection, asked.files, study_each=asked.study_each, pseudonym=asked.pseudonym
    )
    for verdict in sent["files"]:
        _show(verdict)
    if asked.wait:
        for study in dict.fromkeys(verdict["study"] for verdict in sent["files"] if verdict["study"]):
            _show(client.wait(study))
    if any(verdict["outcome"] == "refused" for verdict in sent["files"]):
        raise Failed("Some files were refused; the others are stored.")


def _wait(client: Client, asked: argparse.Namespace) -> None:
    for study in asked.studies:
        _show(client.wait(study, seconds=asked.seconds))


def _labels(client: Client, asked: argparse.Namespace) -> None:
    pieces = client.labels(asked.collection, asked.format)
    if asked.output is None:
        sys.stdout.buffer.writelines(pieces)
        return
    write_whole(asked.output, pieces)


def _retrain(client: Client, asked: argparse.Namespace) -> None:
    label_set = asked.label_set or client.freeze(asked.collection)["id"]
    run = client.retrain(label_set, recipe=asked.recipe, seed=asked.seed)
    _show(client.wait_run(run["id"]) if asked.wait else run)


def _token(asked: argparse.Namespace) -> str:
    """From a file or the environment: on the command line everybody on the machine would see it."""
    if asked.token_file:
        return Path(asked.token_file).read_text(encoding="utf-8").strip()
    return os.environ.get("MRI_TOKEN", "").strip()


def _show(found: Any) -> None:
    sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _say(sentence: str, status: int) -> int:
    sys.stderr.write(f"mri: {sentence}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())

"""Commands that measure: `evaluate` and `compare`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ml.checkpoint import Checkpoint, read_checkpoint
from ml.cli.parts import Floats, Part, manifest_part, reference_part
from ml.comparison import KnownImagesError
from ml.comparison import compare as compare_models
from ml.comparison import ensemble as mean_of
from ml.config import SHIPPED_CHECKPOINT
from ml.gate import judge
from ml.inspection.leakage import stamp
from ml.labels import InputError
from ml.metrics import evaluate as measure
from ml.metrics import evaluate_subgroups, measure_curves
from ml.report import Section, figures_sections, render_report, to_text
from ml.report.comparison import comparison_headline, comparison_sections
from ml.report.evaluation import caveats, headline

JOINED: Final = ","
"""Joins the members of an ensemble on the command line of `compare`."""


@dataclass(frozen=True)
class Model:
    """A checkpoint, or several whose probabilities are averaged: a name, and which of the checkpoints."""

    name: str
    members: tuple[int, ...]


def evaluate(options: argparse.Namespace) -> int:
    """Measures one checkpoint, or the ensemble of several."""
    if options.checkpoints and options.checkpoint:
        raise InputError("Name the checkpoint once: alone, or with --checkpoint.")
    paths = options.checkpoints or [options.checkpoint or SHIPPED_CHECKPOINT]
    if len(paths) > 1 and not options.ensemble:
        raise InputError("Several checkpoints: give --ensemble to average them, or use `compare`.")
    checkpoints, (model,) = _models([[*paths]])
    part = _part(checkpoints, options)
    stamps = _stamps(checkpoints, part, options)
    scores = _scores(model, part)
    figures = measure(scores, part.labels, part.groups, options.seed)
    curves = measure_curves(scores, part.labels)
    subgroups = {
        column: evaluate_subgroups(scores, part.labels, values, part.groups, options.seed)
        for column, values in part.columns.items()
    }
    history = _history(checkpoints)
    facts = {
        **figures,
        **_described(checkpoints, part, stamps),
        "model": model.name,
        "curves": curves,
        "subgroups": subgroups,
        "history": history,
        "seed": options.seed,
    }
    sections = figures_sections(figures, curves=curves, history=history, subgroups=subgroups)

    def page() -> str:
        return render_report(
            f"Evaluation of {model.name}", sections, stamps=stamps, figures=headline(figures),
            lead="How well the model names brain MRI slices, how it errs, and how far its certainty can be believed.",
            caveats=[*_unchecked(checkpoints, part), *caveats(figures)],
            facts=_printed(checkpoints, part, figures, options),
        )  # fmt: skip

    return _write(facts, sections, stamps, page, options)


def compare(options: argparse.Namespace) -> int:
    """Measures any number of checkpoints and ensembles on the same part, and asks the gate."""
    given = [[Path(name) for name in word.split(JOINED)] for word in options.checkpoints]
    if options.checkpoint is not None or len(given) == 1:
        given.insert(0, [options.checkpoint or SHIPPED_CHECKPOINT])
    # The incumbent comes last, so that every difference is a candidate's gain over it.
    checkpoints, models = _models([*given[1:], given[0]])
    part = _part(checkpoints, options)
    stamps = _stamps(checkpoints, part, options)
    found = compare_models(
        {model.name: _scores(model, part) for model in models}, part.labels, part.groups, seed=options.seed
    )
    *candidates, incumbent = models
    gates = [_gate(part, model, incumbent, options.seed) for model in candidates]
    facts = {**found, "gates": gates, **_described(checkpoints, part, stamps)}
    sections = comparison_sections(found, gates)

    def page() -> str:
        first = found["models"][incumbent.name]
        return render_report(
            _title(models), sections, stamps=stamps,
            lead="Which model names the same brain MRI slices better, and how sure that is.",
            figures=comparison_headline(found), caveats=[*_unchecked(checkpoints, part), *caveats(first)],
            facts=_printed(checkpoints, part, first, options),
        )  # fmt: skip

    return _write(facts, sections, stamps, page, options)


def _models(given: Sequence[Sequence[Path]]) -> tuple[list[Checkpoint], list[Model]]:
    checkpoints: list[Checkpoint] = []
    models: list[Model] = []
    for paths in given:
        first = len(checkpoints)
        checkpoints += [read_checkpoint(path) for path in paths]
        names = [_name(one) for one in checkpoints[first:]]
        name = names[0] if len(names) == 1 else f"mean of {', '.join(names)}"
        if name in {model.name for model in models}:
            name = f"{name} ({', '.join(path.name for path in paths)})"
        if name in {model.name for model in models}:
            raise InputError(f"{name} is given twice.")
        models.append(Model(name, tuple(range(first, len(checkpoints)))))
    return checkpoints, models


def _name(checkpoint: Checkpoint) -> str:
    return str(checkpoint.metadata.get("name") or checkpoint.sha256[:12])


def _part(checkpoints: Sequence[Checkpoint], options: argparse.Namespace) -> Part:
    if options.manifest is not None:
        return manifest_part(
            checkpoints, options.manifest, options.split, options.root, options.subgroup or []
        )
    if options.subgroup:
        raise InputError("Subgroups are columns of a manifest: give --manifest.")
    return reference_part(checkpoints)


def _scores(model: Model, part: Part) -> Floats:
    return mean_of([part.answers[index].probabilities for index in model.members])


def _stamps(checkpoints: Sequence[Checkpoint], part: Part, options: argparse.Namespace) -> list[str]:
    """What spoils the figures. Images that a model was trained on must be allowed by name."""
    pairs = list(zip(checkpoints, part.answers, strict=True))
    known = [answers.known.sentence(_name(one)) for one, answers in pairs if answers.known.spoils]
    if known and not options.allow_trained_on:
        raise KnownImagesError(
            f"{' '.join(known)} Figures on known images say nothing about others. Give --allow-trained-on to measure "
            "all the same; every figure is then stamped with this."
        )
    leaks = [stamp(one.metadata.get("leakage")) for one in checkpoints if _own_part(one, part)]
    return list(dict.fromkeys([*known, *(sentence for sentence in leaks if sentence)]))


def _own_part(checkpoint: Checkpoint, part: Part) -> bool:
    """Whether the part is the one that the checkpoint's leak check was about."""
    return part.manifest_sha256 in ("", checkpoint.metadata.get("manifest_sha256"))


def _unchecked(checkpoints: Sequence[Checkpoint], part: Part) -> list[str]:
    if part.manifest_sha256:
        pairs = zip(checkpoints, part.answers, strict=True)
        told = [said.known.sentence(_name(one)) for one, said in pairs if not said.known.spoils]
        return [f"{sentence} So few look alike by chance." for sentence in dict.fromkeys(told) if sentence]
    if all("leakage" in one.metadata for one in checkpoints):
        return []
    return [
        "No leak check is on record for this part: no image of it is pixel for pixel among the training images, but "
        "near and mirrored copies were not looked for here."
    ]


def _history(checkpoints: Sequence[Checkpoint]) -> list[dict[str, float]]:
    training = checkpoints[0].metadata.get("training", {}) if len(checkpoints) == 1 else {}
    return list(training.get("history", []))


def _described(checkpoints: Sequence[Checkpoint], part: Part, stamps: Sequence[str]) -> dict[str, Any]:
    pairs = zip(checkpoints, part.answers, strict=True)
    return {
        "stamps": list(stamps),
        "part": {"name": part.name, "manifest_sha256": part.manifest_sha256, "images": len(part.labels)},
        "checkpoints": [
            {
                "name": _name(one),
                "sha256": one.sha256,
                "leakage": one.metadata.get("leakage"),
                "trained_on": {"exact": int(said.known.exact.sum()), "copies": int(said.known.copies.sum())},
                "turned_away": said.turned_away,
            }
            for one, said in pairs
        ],
    }


def _printed(
    checkpoints: Sequence[Checkpoint], part: Part, figures: Mapping[str, Any], options: argparse.Namespace
) -> list[tuple[str, str]]:
    facts = [("Part", part.name + (f" (sha256 {part.manifest_sha256})" if part.manifest_sha256 else ""))]
    facts.append(("Images", f"{figures['n']} of {figures['subjects']} subjects or clusters of like images"))
    for one, said in zip(checkpoints, part.answers, strict=True):
        facts.append(("Checkpoint", f"{_name(one)}, sha256 {one.sha256}"))
        if said.turned_away is not None:
            facts.append(("Would be turned away", f"{said.turned_away} of {len(part.labels)}, as unlike a brain MRI; "
                          "the figures count them with the class they would have got"))  # fmt: skip
    facts.append(("Intervals", f"95 %, bootstrap of whole subjects, seed {options.seed}"))
    intended = dict.fromkeys(
        str(one.metadata["intended_use"]) for one in checkpoints if "intended_use" in one.metadata
    )
    facts = list(dict.fromkeys(facts))
    return [*facts, *(("Intended use", text) for text in intended)]


def _title(models: Sequence[Model]) -> str:
    names = [model.name for model in models]
    return f"{names[0]} beside {names[1]}" if len(names) == 2 else f"{len(names)} models side by side"


def _gate(part: Part, candidate: Model, incumbent: Model, seed: int) -> dict[str, Any]:
    found = judge(
        _scores(candidate, part), _scores(incumbent, part), part.labels, part.groups, seed=seed
    )  # fmt: skip
    return {
        "candidate": candidate.name,
        "incumbent": incumbent.name,
        "verdict": found.verdict,
        "criteria": [one.as_dict() for one in found.criteria],
    }


def _write(
    facts: Mapping[str, Any],
    sections: Sequence[Section],
    stamps: Sequence[str],
    page: Any,
    options: argparse.Namespace,
) -> int:
    data = json.dumps(facts, indent=1, allow_nan=False)
    print(data if options.json else to_text(sections, stamps), end="\n" if options.json else "")
    if options.json_file:
        options.json_file.write_text(data + "\n", encoding="utf-8")
    if options.html:
        options.html.write_text(page(), encoding="utf-8")
    return 0

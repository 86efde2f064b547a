from django.urls import path

from reviews.views import (
    adjudication,
    eligibility,
    figures,
    image_trace,
    imports,
    label_errors,
    label_set_downloads,
    label_sets,
    labels,
    plans,
    protocol,
    reading,
    rescoring,
    results,
    retraining,
    shadows,
    training_runs,
    worklist,
)

urlpatterns = [
    path("collections/<uuid:collection_id>/worklist", worklist.worklist, name="worklist"),
    path("collections/<uuid:collection_id>/read-next", worklist.read_next, name="read-next"),
    path("images/<uuid:image_id>/read", worklist.read_image, name="read-image"),
    path("readings/<uuid:reading_id>", reading.reading, name="reading"),
    path("readings/<uuid:reading_id>/ahead", reading.ahead, name="reading-ahead"),
    path("readings/<uuid:reading_id>/first-read", reading.first_read, name="reading-first-read"),
    path("readings/<uuid:reading_id>/reveal", reading.reveal, name="reading-reveal"),
    path("readings/<uuid:reading_id>/verdict", reading.verdict, name="reading-verdict"),
    path("readings/<uuid:reading_id>/undo", reading.undo, name="reading-undo"),
    path("readings/<uuid:reading_id>/amend", reading.amend, name="reading-amend"),
    path("readings/<uuid:reading_id>/withdraw", reading.withdraw, name="reading-withdraw"),
    path("readings/<uuid:reading_id>/draft", reading.draft, name="reading-draft"),
    path("readings/<uuid:reading_id>/identity", reading.identity, name="reading-identity"),
    path("collections/<uuid:collection_id>/labels", labels.labels, name="labels"),
    *(
        path(
            f"collections/<uuid:collection_id>/labels.{form}",
            labels.labels_download,
            {"form": form},
            name="labels-download",
        )
        for form in ("csv", "json", "jsonl")
    ),
    path("collections/<uuid:collection_id>/label-sets", label_sets.label_sets, name="label-sets"),
    path("collections/<uuid:collection_id>/label-sets/freeze", label_sets.freeze, name="label-set-freeze"),
    path("collections/<uuid:collection_id>/eligibility", eligibility.eligibility, name="eligibility"),
    path("label-sets/<uuid:label_set_id>", label_sets.label_set, name="label-set"),
    *(
        path(
            f"label-sets/<uuid:label_set_id>/entries.{form}",
            label_set_downloads.entries_download,
            {"form": form},
            name="label-set-entries-download",
        )
        for form in ("csv", "jsonl")
    ),
    path("label-sets/<uuid:label_set_id>/compare", label_sets.compare, name="label-set-compare"),
    path("collections/<uuid:collection_id>/import-labels", imports.import_labels, name="import-labels"),
    path("label-sets/<uuid:label_set_id>/errors", label_errors.label_errors, name="label-errors"),
    path(
        "label-sets/<uuid:label_set_id>/errors/live", label_errors.label_errors_live, name="label-errors-live"
    ),
    path(
        "label-sets/<uuid:label_set_id>/errors/send-back",
        label_errors.label_errors_send,
        name="label-errors-send",
    ),
    path("label-sets/<uuid:label_set_id>/export.zip", label_errors.label_set_export, name="label-set-export"),
    path(
        "label-sets/<uuid:label_set_id>/compare.json",
        label_sets.compare_download,
        name="label-set-compare-download",
    ),
    path("collections/<uuid:collection_id>/disagreements", adjudication.disagreements, name="disagreements"),
    path(
        "collections/<uuid:collection_id>/disagreements/<uuid:image_id>",
        adjudication.disagreement,
        name="disagreement",
    ),
    path("collections/<uuid:collection_id>/protocol", protocol.protocol, name="protocol"),
    path("collections/<uuid:collection_id>/known-cases", protocol.known_cases, name="known-cases"),
    path(
        "collections/<uuid:collection_id>/known-cases/<uuid:image_id>/take-back",
        protocol.take_back,
        name="known-case-take-back",
    ),
    path("collections/<uuid:collection_id>/figures", figures.figures, name="figures"),
    path("collections/<uuid:collection_id>/figures/mine", figures.own_figures, name="own-figures"),
    path("collections/<uuid:collection_id>/figures/compute", figures.compute, name="figures-compute"),
    *(
        path(f"collections/<uuid:collection_id>/{address}.{form}", view, {"form": form}, name=name)
        for form in ("csv", "json")
        for address, view, name in (
            ("figures", figures.figures_download, "figures-download"),
            ("figures/mine", figures.own_figures_download, "own-figures-download"),
        )
    ),
    path("collections/<uuid:collection_id>/shadows", shadows.shadows, name="shadows"),
    path("shadows/<uuid:shadow_id>/end", shadows.shadow_end, name="shadow-end"),
    path("collections/<uuid:collection_id>/rescores", rescoring.rescores, name="rescores"),
    path("collections/<uuid:collection_id>/rescores/live", rescoring.rescores_live, name="rescores-live"),
    *(
        path(
            f"rescores/<uuid:rescore_id>/{change}",
            rescoring.rescore_change,
            {"change": change},
            name=f"rescore-{change}",
        )
        for change in rescoring.CHANGES
    ),
    path("label-sets/<uuid:label_set_id>/retrain", retraining.retrain, name="label-set-retrain"),
    path("collections/<uuid:collection_id>/retraining-plan", plans.plan, name="retraining-plan"),
    path("images/<uuid:image_id>/trace", image_trace.where_it_went, name="image-trace"),
    path("images/<uuid:image_id>/image.dcm", results.image_dicom, name="image-dicom"),
    path("images/<uuid:image_id>/report.dcm", results.image_report, name="image-report"),
    path("images/<uuid:image_id>/saliency.dcm", results.image_saliency, name="image-saliency"),
    path("studies/<uuid:study_id>/report.dcm", results.study_report, name="study-report"),
    path("studies/<uuid:study_id>/results.zip", results.study_results, name="study-results"),
    path("training-runs", training_runs.runs, name="training-runs"),
    path("training-runs/<uuid:run_id>", training_runs.run, name="training-run"),
    path("training-runs/<uuid:run_id>/live", training_runs.run_live, name="training-run-live"),
    path("training-runs/<uuid:run_id>/cancel", training_runs.run_cancel, name="training-run-cancel"),
    path("training-runs/<uuid:run_id>/learning-curve", training_runs.run_curve, name="training-run-curve"),
    path("training-runs/<uuid:run_id>/trace", training_runs.run_trace, name="training-run-trace"),
    *(
        path(
            f"training-runs/<uuid:run_id>/trace.{form}",
            training_runs.run_trace_download,
            {"form": form},
            name="training-run-trace-download",
        )
        for form in ("csv", "json")
    ),
]

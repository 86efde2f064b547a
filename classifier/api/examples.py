"""Examples for the API documentation: made up, and of nobody."""

from drf_spectacular.utils import OpenApiExample

_STUDY_ID = "019b1f6e-8a01-7c3e-9d55-0a6f1e2b7f3a"
_IMAGE_ID = "019b1f6e-8a02-7b11-8f20-4c9d8e7a6b5c"
_VERSION = {"id": "019b1f00-0000-7000-8000-000000000001", "number": 1, "name": "mobilenetv2-v2"}
_PREDICTION = {
    "id": "019b1f6e-8a03-7d42-a1b2-c3d4e5f60718",
    "image": _IMAGE_ID,
    "study": _STUDY_ID,
    "status": "succeeded",
    "model_version": _VERSION,
    "for_comparison": False,
    "label": "meningioma",
    "probabilities": {"glioma": 0.141, "meningioma": 0.832, "notumor": 0.004, "pituitary": 0.023},
    "novelty": 0.41,
    "runtime": "onnxruntime",
    "device": "cpu",
    "queued_at": "2026-03-02T10:42:00.120Z",
    "finished_at": "2026-03-02T10:42:00.180Z",
    "failure": None,
}
_IMAGE = {
    "id": _IMAGE_ID,
    "study": _STUDY_ID,
    "collection": "019b1e00-0000-7000-8000-0000000000c0",
    "number": 1,
    "width": 512,
    "height": 512,
    "bits": 16,
    "plane": "axial",
    "window": {"centre": 812.0, "width": 1490.0},
    "dicom": {
        "series_uid": "2.25.207946035528192649010023567419087653120",
        "instance_uid": "2.25.130029485617402938475610293847561029384",
        "frame": 1,
        "modality": "MR",
        "sequence_family": "t1_contrast",
        "slice_position": 42.5,
        "row_spacing": 0.45,
        "column_spacing": 0.45,
        "orientation": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "bits_stored": 12,
    },
    "pixel_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "created_at": "2026-03-02T10:42:00.110Z",
    "hidden": False,
    "pixels": f"/api/v1/images/{_IMAGE_ID}/pixels",
    "status": "succeeded",
    "failure": None,
    "prediction": _PREDICTION,
    "final_label": None,
}
_STUDY = {
    "id": _STUDY_ID,
    "collection": "019b1e00-0000-7000-8000-0000000000c0",
    "status": "succeeded",
    "ahead": 0,
    "origin": "api",
    "synthetic": False,
    "uploaded_by": "uma",
    "study_uid": "2.25.61304827719461930542875039614829437021",
    "age_band": "40-49",
    "created_at": "2026-03-02T10:42:00.100Z",
    "final": False,
    "removed": False,
    "images": [_IMAGE],
}
_QUEUED = _STUDY | {
    "status": "queued",
    "ahead": 3,
    "images": [_IMAGE | {"status": "queued", "prediction": None}],
}

STUDY_EXAMPLE = OpenApiExample(
    "A study that is analysed", value=_STUDY, response_only=True, status_codes=["200"]
)
PREDICTION_EXAMPLE = OpenApiExample(
    "A prediction", value=_PREDICTION, response_only=True, status_codes=["200"]
)
UPLOADED_EXAMPLE = OpenApiExample(
    "Stored",
    value={
        "studies": [_QUEUED],
        "files": [
            {
                "number": 1,
                "outcome": "stored",
                "code": "stored",
                "detail": "Stored; its prediction is in line.",
                "study": _STUDY_ID,
                "image": _IMAGE_ID,
                "images": [_IMAGE_ID],
                "quarantined": 0,
                "url": f"/api/v1/studies/{_STUDY_ID}",
            }
        ],
    },
    response_only=True,
    status_codes=["202"],
)
REFUSED_EXAMPLE = OpenApiExample(
    "Refused",
    value={
        "type": "about:blank",
        "title": "Wrong type",
        "status": 415,
        "code": "type_mismatch",
        "detail": "The file says JPEG but contains PNG.",
        "request_id": "019b1f6e-8a01-7c3e-9d55-0a6f1e2b0000",
    },
    media_type="application/problem+json",
    response_only=True,
    status_codes=["415"],
)

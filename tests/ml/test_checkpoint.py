import contextlib
import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ml.calibration import probabilities
from ml.checkpoint import (
    Checkpoint,
    CheckpointError,
    read_checkpoint,
    reader_with_signatures,
    replace_head,
    signature_layers,
)
from ml.checkpoint.arrays import pack
from ml.checkpoint.graph import answer, open_session, with_temperature
from ml.checkpoint.signatures import tapped
from ml.checkpoint.weights import demand_self_contained, load_weights
from ml.checkpoint.writing import demand_equal, differences
from ml.config import NetworkSpec
from ml.export import export_onnx
from ml.inference import KerasPredictor, OnnxPredictor, Outputs, verify_golden
from ml.networks import build_network
from ml.preprocessing import scale
from tests.checkpoints import of_schema_1


def rebuilt(data: bytes, changes: dict[str, bytes], *, drop: str = "", repair: bool = False) -> bytes:
    """The archive with other members; `repair` states their right sha256, as an attacker would."""
    import hashlib

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != drop}
    members |= changes
    if repair:
        metadata = json.loads(members["metadata.json"])
        for name in changes:
            if name != "metadata.json":
                metadata["members"][name] = hashlib.sha256(members[name]).hexdigest()
        members["metadata.json"] = json.dumps(metadata).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return file.getvalue()


def with_metadata(data: bytes, **changes: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        metadata = json.loads(archive.read("metadata.json"))
    return rebuilt(data, {"metadata.json": json.dumps({**metadata, **changes}).encode()})


def test_round_trip(tiny: Checkpoint) -> None:
    assert tiny.classes == ("glioma", "meningioma", "notumor", "pituitary")
    assert tiny.temperature == 1.5
    assert tiny.replay().embeddings.shape == (200, 24)
    assert tiny.reference().groups[:4] == ("subject-0", "subject-0", "subject-0", "subject-1")
    assert tiny.training_hashes().sha256[1] == f"{1:064x}"
    kernel, bias = tiny.head()
    keras_kernel, keras_bias = tiny.build_network().head.get_weights()
    assert np.array_equal(kernel, keras_kernel)
    assert np.array_equal(bias, keras_bias)


def test_keras_and_onnx_answer_alike_and_as_when_made(tiny: Checkpoint) -> None:
    predictors = OnnxPredictor(tiny, threads=1), KerasPredictor(tiny)
    batch = np.random.default_rng(0).uniform(-1, 1, (5, 64, 64, 1)).astype(np.float32)
    served, trained = (predictor.predict(batch) for predictor in predictors)
    for name in ("probabilities", "maps", "embeddings"):
        assert np.abs(getattr(served, name) - getattr(trained, name)).max() <= 1e-5
    assert served.novelty is not None
    assert trained.novelty == pytest.approx(served.novelty, rel=1e-3)
    assert served.not_assessable.tolist() == [True] * 5, "noise is no brain MRI"
    assert not predictors[0].predict(scale(tiny.golden().levels)).not_assessable.any()
    for predictor in predictors:
        verify_golden(predictor, tiny)
    assert (predictors[0].runtime, predictors[1].runtime) == ("onnxruntime", "keras-tensorflow")


def test_golden_replay_notices_another_model(tiny: Checkpoint) -> None:
    kernel, bias = tiny.head()
    other = read_checkpoint(replace_head(tiny, kernel * 1.001, bias))
    with pytest.raises(CheckpointError, match="answers otherwise"):
        verify_golden(OnnxPredictor(other), tiny)


def test_another_head_keeps_novelty(tiny: Checkpoint) -> None:
    kernel, bias = tiny.head()
    other = read_checkpoint(replace_head(tiny, 0 * kernel, bias))
    assert other.metadata["novelty"] == tiny.metadata["novelty"]
    assert other.members["novelty.npz"] == tiny.members["novelty.npz"]
    assert np.array_equal(other.golden().novelty, tiny.golden().novelty)


def test_golden_replay_notices_another_novelty(tiny_bytes: bytes, tiny: Checkpoint) -> None:
    with np.load(io.BytesIO(tiny.members["novelty.npz"])) as stored:
        file = io.BytesIO()
        np.savez(file, mean=stored["mean"], whitening=1.1 * stored["whitening"])
    other = read_checkpoint(rebuilt(tiny_bytes, {"novelty.npz": file.getvalue()}, repair=True))
    with pytest.raises(CheckpointError, match="answers otherwise"):
        verify_golden(OnnxPredictor(other), other)


def test_a_checkpoint_without_golden_images_or_with_odd_novelty_is_refused(
    tiny_bytes: bytes, tiny: Checkpoint
) -> None:
    none = {name: values[:0] for name, values in vars(tiny.golden()).items()}
    other = read_checkpoint(rebuilt(tiny_bytes, {"golden.npz": pack(none)}, repair=True))
    with pytest.raises(CheckpointError, match="golden images prove nothing"):
        verify_golden(OnnxPredictor(other), other)
    odd = pack({"mean": np.zeros(4), "whitening": np.zeros((4, 3))})
    with pytest.raises(CheckpointError, match=r"novelty\.npz does not fit"):
        read_checkpoint(rebuilt(tiny_bytes, {"novelty.npz": odd}, repair=True)).novelty()


def test_a_checkpoint_of_schema_1_is_read_and_tells_no_novelty(tiny_bytes: bytes) -> None:
    first = read_checkpoint(of_schema_1(tiny_bytes))
    assert first.metadata["schema"] == 1
    assert first.novelty() is None
    for predictor in OnnxPredictor(first), KerasPredictor(first):
        verify_golden(predictor, first)
        answers = predictor.predict(scale(first.golden().levels))
        assert answers.novelty is None
        assert not answers.not_assessable.any()


def test_replace_head_changes_both_models_and_nothing_else(tiny: Checkpoint) -> None:
    kernel = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
    bias = np.arange(4, dtype=np.float32)
    other = read_checkpoint(replace_head(tiny, kernel, bias, {"name": "tiny-2"}))
    assert np.array_equal(other.head()[0], kernel)
    assert np.array_equal(other.build_network().head.get_weights()[1], bias)
    assert other.metadata["name"] == "tiny-2"
    assert other.metadata["parent_sha256"] == tiny.sha256
    assert other.members["replay.npz"] == tiny.members["replay.npz"]
    batch = scale(tiny.golden().levels)
    before, after = OnnxPredictor(tiny).predict(batch), OnnxPredictor(other).predict(batch)
    assert np.array_equal(before.embeddings, after.embeddings)
    logits = (after.embeddings @ kernel + bias) / 1.5
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert np.allclose(after.probabilities, shares / shares.sum(axis=1, keepdims=True), atol=1e-5)
    verify_golden(KerasPredictor(other), other)
    back = read_checkpoint(replace_head(other, *tiny.head(), {"name": "tiny"}))
    assert np.array_equal(OnnxPredictor(back).predict(batch).probabilities, before.probabilities)


def test_replace_head_refuses_what_is_no_head(tiny: Checkpoint) -> None:
    kernel, bias = tiny.head()
    with pytest.raises(CheckpointError, match=r"shape \(24, 4\)"):
        replace_head(tiny, kernel[:-1], bias)
    with pytest.raises(CheckpointError, match="finite"):
        replace_head(tiny, kernel * np.nan, bias)


def test_the_same_checkpoint_has_the_same_bytes(tiny: Checkpoint, tiny_bytes: bytes) -> None:
    kernel, bias = tiny.head()
    assert replace_head(tiny, kernel, bias) == replace_head(read_checkpoint(tiny_bytes), kernel, bias)


def test_one_changed_byte_is_noticed(tiny_bytes: bytes, tiny: Checkpoint) -> None:
    with zipfile.ZipFile(io.BytesIO(tiny_bytes)) as archive:
        onnx_bytes = bytearray(archive.read("model.onnx"))
    onnx_bytes[len(onnx_bytes) // 2] ^= 1
    altered = rebuilt(tiny_bytes, {"model.onnx": bytes(onnx_bytes)})
    with pytest.raises(CheckpointError, match=r"model\.onnx was altered"):
        read_checkpoint(altered)
    with pytest.raises(CheckpointError, match=f"expected sha256 {tiny.sha256[:12]}"):
        read_checkpoint(altered, tiny.sha256)
    flipped = bytearray(tiny_bytes)
    flipped[len(flipped) // 2] ^= 1
    with pytest.raises(CheckpointError):
        read_checkpoint(bytes(flipped))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema": 3}, "schema 3; this version reads 1 and 2"),
        ({"novelty": None}, "novelty without its numbers, or holds them unstated"),
        ({"novelty": {"method": "guess", "threshold": 1.0, "layers": []}}, "novelty is not usable"),
        ({"novelty": {"method": "mahalanobis", "threshold": -1, "layers": []}}, "novelty is not usable"),
        ({"classes": ["glioma", "meningioma", "pituitary", "notumor"]}, "classes are"),
        ({"members": {}}, "does not state the sha256"),
        ({"members": None}, "does not state the sha256"),
        ({"classes": 4}, "classes are 4"),
        ({"calibration": {}}, "temperature must be a number above 0, got None"),
        ({"calibration": {"temperature": 0}}, "temperature must be a number above 0, got 0"),
        ({"preprocessing_sha256": "0" * 64}, "preprocessing was altered"),
        ({"preprocessing": {"size": 64}}, "preprocessing is not usable"),
    ],
)
def test_unfit_metadata_is_refused(tiny_bytes: bytes, changes: dict, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(with_metadata(tiny_bytes, **changes))


def test_unknown_network_is_refused(tiny_bytes: bytes) -> None:
    checkpoint = read_checkpoint(with_metadata(tiny_bytes, network={"name": "lambda_net"}))
    with pytest.raises(CheckpointError, match=r"network\.name: expected .* got 'lambda_net'"):
        checkpoint.build_model()


def test_what_is_no_archive_is_refused(tiny_bytes: bytes, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a readable archive"):
        read_checkpoint(b"PK, but no more")
    with pytest.raises(CheckpointError, match="not a readable archive"):
        read_checkpoint(tiny_bytes[: len(tiny_bytes) // 2])
    with pytest.raises(CheckpointError, match="exactly the members"):
        read_checkpoint(rebuilt(tiny_bytes, {}, drop="golden.npz"))
    with pytest.raises(CheckpointError, match="exactly the members"):
        read_checkpoint(rebuilt(tiny_bytes, {"model.keras": b"lambda"}))
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_checkpoint(tmp_path / "none.ckpt.zip")


def test_every_damage_to_an_archive_is_told_in_a_sentence(tiny_bytes: bytes) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(tiny_bytes)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] ^= int(rng.integers(1, 256))
        with contextlib.suppress(CheckpointError):
            read_checkpoint(bytes(damaged))
    last_entry = tiny_bytes.rindex(b"PK\x01\x02")
    for place in range(last_entry, len(tiny_bytes)):
        damaged = bytearray(tiny_bytes)
        damaged[place] ^= 0xFF
        with contextlib.suppress(CheckpointError):
            read_checkpoint(bytes(damaged))


@pytest.mark.parametrize("member", [b"no archive", b"PK\x03\x04 broken", b"\x93NUMPY\x01\x00"])
def test_members_that_are_no_arrays_are_refused(tiny_bytes: bytes, member: bytes) -> None:
    checkpoint = read_checkpoint(rebuilt(tiny_bytes, {"replay.npz": member}, repair=True))
    with pytest.raises(CheckpointError, match=r"replay\.npz cannot be read"):
        checkpoint.replay()


def test_answers_that_are_no_numbers_are_not_equal() -> None:
    answers = {"probabilities": np.full((2, 4), np.nan), "maps": np.zeros(3), "embeddings": np.zeros(3)}
    for ours, theirs in ((answers, {**answers, "probabilities": np.ones((2, 4))}), (answers, answers)):
        with pytest.raises(CheckpointError, match="they differ"):
            demand_equal(differences(ours, theirs), "they differ")
    assert differences({"maps": np.zeros((2, 3))}, {"maps": np.zeros(3)}) == {"maps": np.inf}
    empty = np.zeros((2, 4), np.float32)
    said = Outputs(empty, empty, empty, np.array([0.9, np.nan], np.float32), 1.0)
    assert said.not_assessable.tolist() == [False, True]


def test_pickled_arrays_are_refused(tiny_bytes: bytes) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (pytest.fail, ("a pickle was loaded",))

    file = io.BytesIO()
    np.savez(file, embeddings=np.array([Evil()], object), labels=np.zeros(1), hashes=np.zeros((1, 32)))
    checkpoint = read_checkpoint(rebuilt(tiny_bytes, {"replay.npz": file.getvalue()}, repair=True))
    with pytest.raises(CheckpointError, match=r"replay\.npz cannot be read"):
        checkpoint.replay()


def test_weights_with_links_to_elsewhere_are_refused(tiny_bytes: bytes, tmp_path: Path) -> None:
    outside = tmp_path / "secret.h5"
    with h5py.File(outside, "w") as file:
        file["vars"] = np.zeros(3, np.float32)
    for link in (h5py.ExternalLink(str(outside), "/vars"), h5py.SoftLink("/other")):
        crafted = io.BytesIO()
        with h5py.File(crafted, "w") as file:
            file.create_group("layers/head")["vars"] = link
        checkpoint = read_checkpoint(
            rebuilt(tiny_bytes, {"model.weights.h5": crafted.getvalue()}, repair=True)
        )
        with pytest.raises(CheckpointError, match="link to elsewhere at /layers/head/vars"):
            checkpoint.build_model()


def test_weights_stored_outside_or_as_objects_are_refused(tmp_path: Path) -> None:
    crafted = tmp_path / "external.h5"
    with h5py.File(crafted, "w") as file:
        file.create_dataset("w", (4,), "f4", external=[(str(tmp_path / "raw"), 0, 16)])
    with pytest.raises(CheckpointError, match="another kind at /w"):
        demand_self_contained(crafted.read_bytes())
    with pytest.raises(CheckpointError, match="not an HDF5 file"):
        demand_self_contained(b"\x80\x04pickle")


def test_weights_of_another_network_do_not_fit(tiny: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match="do not fit"):
        load_weights(build_network(NetworkSpec(), size=64).trainable, tiny.members["model.weights.h5"])


def test_weights_without_a_layer_do_not_fit(tiny: Checkpoint) -> None:
    file = io.BytesIO(tiny.members["model.weights.h5"])
    with h5py.File(file, "r+") as stored:
        del stored["layers/head" if "layers/head" in stored else "layers/dense"]
    with pytest.raises(CheckpointError, match="do not fit"):
        load_weights(build_network(NetworkSpec(name="small_cnn"), size=64).trainable, file.getvalue())


def test_graph_that_reaches_outside_is_refused(tiny: Checkpoint) -> None:
    model = onnx.load_model_from_string(tiny.onnx)
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(CheckpointError, match="another file"):
        open_session(model.SerializeToString())
    foreign = onnx.load_model_from_string(tiny.onnx)
    foreign.graph.node.append(helper.make_node("PyOp", ["image"], ["evil"], domain="com.evil"))
    with pytest.raises(CheckpointError, match=r"foreign operators: \['PyOp', 'com\.evil\.PyOp'\]"):
        open_session(foreign.SerializeToString())
    branching = onnx.load_model_from_string(tiny.onnx)
    branching.graph.node.append(helper.make_node("Loop", ["image"], ["for_ever"]))
    with pytest.raises(CheckpointError, match=r"foreign operators: \['Loop'\]"):
        open_session(branching.SerializeToString())
    with pytest.raises(CheckpointError, match="cannot be"):
        open_session(b"not onnx")


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2"])
def test_networks_with_fine_maps_answer_alike_in_both_runtimes(name: str) -> None:
    network = build_network(NetworkSpec(name=name, width=0.25, fine_map=True), size=64)
    layers = signature_layers(network)
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 1)).astype(np.float32)
    served = answer(open_session(export_onnx(network, signature_layers=layers)), batch)
    trained = reader_with_signatures(network, layers).predict_on_batch(batch)
    assert served["maps"].shape == (2, 4, 4, 4)
    assert set(served) == {"probabilities", "maps", "embeddings", "signatures"}
    for output, values in served.items():
        assert np.abs(values - trained[output]).max() <= 1e-5 * max(1, np.abs(values).max()), output


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50"])
def test_every_network_has_the_layers_that_its_signatures_are_made_of(name: str) -> None:
    network = build_network(NetworkSpec(name=name), size=64)
    sides = [tap.shape[1] for tap in tapped(network, signature_layers(network))]
    assert sides == [64 // 8, 64 // 16]


def test_another_temperature_softens_and_changes_nothing_else(tiny: Checkpoint) -> None:
    batch = scale(tiny.golden().levels)
    cool, warm = (answer(open_session(data), batch) for data in (tiny.onnx, with_temperature(tiny.onnx, 3.0)))
    kernel, bias = tiny.head()
    assert warm["probabilities"] == pytest.approx(
        probabilities(cool["embeddings"] @ kernel + bias, 3.0), abs=1e-6
    )
    assert np.array_equal(warm["maps"], cool["maps"])


def test_predictors_refuse_other_shapes(tiny: Checkpoint) -> None:
    with pytest.raises(CheckpointError, match=r"\(N, 64, 64, 1\)"):
        OnnxPredictor(tiny).predict(np.zeros((1, 32, 32, 1), np.float32))

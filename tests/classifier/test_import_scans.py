"""`manage.py import_scans`: a folder or a ZIP on this machine comes in, by the same checks as through the portal."""

import os
import traceback
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from classifier.intake import IntakeRefused, refused_bytes_key
from classifier.models import Image, Prediction, Study
from classifier.selectors import bytes_stored_for
from classifier.services import decoding, room, scan_imports
from mriplatform.accounts.roles import Role
from mriplatform.audit.models import AuditEvent
from reviews.models import ImportedLabel
from tests.classifier.intake.archive_cases import archive, good, ten_and_one
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(collection):
    return make_user("ann", collection=collection, role=Role.ADMIN)


def run(source, *arguments: str) -> str:
    out = StringIO()
    call_command("import_scans", str(source), "--collection", "Neuro", *arguments, stdout=out)
    return out.getvalue()


def filled(folder, **files: bytes):
    for name, data in files.items():
        place = folder / name.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


@pytest.fixture
def scans(tmp_path):
    names = ("Glioma__a.png", "no_tumor__b.png", "ward 7__c.png")
    files = {name: good(840 + number).data for number, name in enumerate(names)}
    return filled(tmp_path / "scans", **files, **{".DS_Store": b"x", "Glioma__again.png": files[names[0]]})


def test_a_dry_run_counts_and_stores_nothing(admin, scans):
    said = run(scans, "--labels-from-folders", "--dry-run")
    assert "Would be: 3 new; 1 already here; 1 left out." in said
    assert "1 of those already here repeat another file" in said
    assert "By folder: 2 Glioma; 1 No tumour; 1 without a label." in said
    assert not Study.objects.exists()
    assert not ImportedLabel.objects.exists()


def test_a_folder_is_stored_with_labels_once_however_often_it_is_imported(admin, scans):
    said = run(scans, "--labels-from-folders", "--as", "ann")
    assert "Files: 3 new; 1 already here; 1 left out." in said
    assert "4 of 4 stored" in said
    assert (Study.objects.count(), Prediction.objects.count()) == (3, 3)
    assert set(Study.objects.values_list("origin", flat=True)) == {"import"}
    labels = sorted(ImportedLabel.objects.values_list("label", "dataset"))
    assert [label for label, _ in labels] == ["glioma", "notumor"]
    assert all(dataset.startswith("Scans of ") for _, dataset in labels)
    assert "Files: 4 already here" in run(scans, "--labels-from-folders", "--as", "ann")
    assert (Study.objects.count(), ImportedLabel.objects.count()) == (3, 2)


def test_a_folder_that_cannot_be_read_is_said_and_not_named(admin, scans, monkeypatch):
    real = os.scandir

    def closed(place):
        if str(place).endswith("ward 7"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(CommandError, match="A folder below cannot be read") as refused:
        run(scans)
    assert "ward 7" not in str(refused.value)
    assert not Study.objects.exists()


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_cannot_be_looked_at_is_said_and_not_named(admin, scans, monkeypatch, gone):
    """As in a folder that may be listed and not entered, which no test can make for root."""
    real = Path.lstat

    def closed(path):
        if path.name == "c.png":
            raise (FileNotFoundError if gone else PermissionError)(13, "No", str(path))
        return real(path)

    monkeypatch.setattr(Path, "lstat", closed)
    with pytest.raises(
        CommandError, match="A folder below cannot be read, or what was in it is gone"
    ) as refused:
        run(scans)
    told = "".join(traceback.format_exception(refused.value))
    assert "ward 7" not in told
    assert "c.png" not in told
    assert not Study.objects.exists()


def test_a_source_that_cannot_be_looked_at_is_said_and_not_named(admin, scans, monkeypatch):
    def closed(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", closed)
        patched.setattr(Path, "stat", closed)
        patched.setattr(Path, "open", closed)
        with pytest.raises(CommandError, match="Permission denied") as refused:
            run(scans / "ward 7")
    assert "ward 7" not in str(refused.value)


def test_refused_files_are_in_the_audit_by_their_hashes(admin, scans, settings):
    bad = b"Only words.\n"
    (scans / "bad.png").write_bytes(bad)

    def refusals():
        return [event.data for event in AuditEvent.objects.filter(action="upload.refused")]

    with pytest.raises(CommandError):
        run(scans, "--dry-run")
    assert refusals() == []
    with pytest.raises(CommandError):
        run(scans)
    key = refused_bytes_key(bad, settings.SUBJECT_KEY.encode())
    (said,) = refusals()
    assert said["codes"][said["bytes_keys"].index(key)] == "wrong_type"
    assert not Study.objects.exists()


def test_what_was_stopped_is_begun_anew(admin, tmp_path, monkeypatch):
    folder = filled(tmp_path, **{f"{n:02}.png": good(850 + n).data for n in range(24)})
    real, done = scan_imports.store_entries, []

    def stops(**arguments):
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(1)
        return real(**arguments)

    monkeypatch.setattr(scan_imports, "store_entries", stops)
    with pytest.raises(KeyboardInterrupt):
        run(folder)
    assert Image.objects.count() == 10
    assert audited() == [("scans.import_begun", {"files": 24}), ("scans.imported", {"new": 10, "left": 14})]
    monkeypatch.setattr(scan_imports, "store_entries", real)
    assert "Files: 14 new; 10 already here." in run(folder)
    assert Image.objects.count() == 24
    assert audited()[-1] == ("scans.imported", {"new": 14, "duplicate": 10, "left": 0})


def test_an_import_that_fills_the_storage_is_audited(admin, tmp_path, settings):
    run(filled(tmp_path, **{f"{n:02}.png": good(880 + n).data for n in range(10)}))
    settings.UPLOAD_BYTES_PER_USER = bytes_stored_for(admin)
    filled(tmp_path, **{f"{n:02}.png": good(880 + n).data for n in range(10, 12)})
    with pytest.raises(CommandError, match="What came before is stored"):
        run(tmp_path)
    assert audited()[-1] == ("scans.imported", {"duplicate": 10, "left": 2})
    assert Image.objects.count() == 10


def test_files_that_unpack_to_much_are_stored_in_portions(admin, tmp_path, monkeypatch):
    folder = filled(tmp_path, **{f"{n:02}.png": good(880 + n).data for n in range(6)})
    real, portions = scan_imports.store_entries, []

    def counted(**arguments):
        portions.append(len(arguments["entries"]))
        return real(**arguments)

    monkeypatch.setattr(scan_imports, "store_entries", counted)
    monkeypatch.setattr(room, "PORTION_BYTES", 1)
    assert "Files: 6 new" in run(folder)
    assert portions == [2, 2, 2]
    assert audited()[-1] == ("scans.imported", {"new": 6, "left": 0})


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("decoder_down", "No decoder of images could be started for 0 seconds"),
        ("decoder_busy", "The decoder of images had no room for 0 seconds"),
    ],
)
def test_an_import_waits_for_a_decoder_for_a_while_and_then_says_so(admin, scans, monkeypatch, code, said):
    tried, real = [], decoding.take_in

    def refuses(*arguments):
        tried.append(1)
        if len(tried) > 20:
            return real(*arguments)
        raise IntakeRefused(code, "Not now.")

    monkeypatch.setattr(decoding, "take_in", refuses)
    monkeypatch.setattr(scan_imports, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(scan_imports, "_DOWN_SECONDS", 0.0)
    monkeypatch.setattr(scan_imports, "_BUSY_SECONDS", 0.0)
    with pytest.raises(CommandError, match=said):
        run(scans)
    monkeypatch.setattr(scan_imports, "_DOWN_SECONDS", 60.0)
    monkeypatch.setattr(scan_imports, "_BUSY_SECONDS", 60.0)
    assert "Files: 3 new; 1 already here" in run(scans)
    assert len(tried) > 20


def audited() -> list[tuple[str, dict[str, int]]]:
    rows = AuditEvent.objects.filter(action__startswith="scans.").order_by("pk")
    return list(rows.values_list("action", "data"))


def test_one_bad_file_keeps_all_out_unless_partial(admin, tmp_path):
    source = tmp_path / "scans.zip"
    source.write_bytes(ten_and_one().data)
    with pytest.raises(CommandError, match="1 of 11 files were refused"):
        run(source)
    assert not Study.objects.exists()
    with pytest.raises(CommandError, match="The others are stored"):
        run(source, "--partial")
    assert Study.objects.count() == 10
    assert AuditEvent.objects.get(action="scans.imported").data["new"] == 10


def test_a_zip_gets_the_checks_of_every_zip(admin, tmp_path):
    source = tmp_path / "scans.zip"
    source.write_bytes(archive([good(1), good(2), good(3, "../3.png")]))
    with pytest.raises(CommandError, match="Entry 3 has an unsafe path"):
        run(source)
    assert not Study.objects.exists()


def test_links_are_not_followed(admin, tmp_path):
    outside = filled(tmp_path / "outside", **{"secret.png": good(860).data})
    folder = filled(tmp_path / "scans", **{"1.png": good(861).data})
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "folder").symlink_to(outside)
    assert "Files: 1 new; 2 left out." in run(folder)
    assert Study.objects.count() == 1


def test_who_may_not_and_what_is_not_there(admin, uploader, scans, tmp_path, collection):
    make_user("other", collection=collection, role=Role.RADIOLOGIST)
    for arguments, words in (
        (("--as", "nobody"), "no active user nobody"),
        (("--as", "other"), "may not import"),
        (("--as", "uma", "--labels-from-folders"), "freeze_labels"),
    ):
        with pytest.raises(CommandError, match=words):
            run(scans, *arguments)
    with pytest.raises(CommandError, match="neither a folder nor a ZIP"):
        run(tmp_path / "nothing")
    with pytest.raises(CommandError, match="There is no file"):
        run(filled(tmp_path / "empty", **{".DS_Store": b"x"}))
    make_user("zoe", collection=collection, role=Role.ADMIN)
    with pytest.raises(CommandError, match="--as USER"):
        run(scans)
    assert not Study.objects.exists()


def test_names_are_nowhere(admin, tmp_path, caplog):
    folder = filled(tmp_path, **{"Musterfrau__Musterfrau.png": good(870).data, "Musterfrau__x.png": b"words"})
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("import_scans", str(folder), "--collection", "Neuro", "--partial", stdout=out)
    assert "File 2: " in out.getvalue()
    assert "Musterfrau" not in out.getvalue() + str(caught.value) + caplog.text

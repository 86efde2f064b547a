"""Files that their own hash names: half of one is never used, and what no row names does not stay."""

import hashlib
import os
from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage, storages

from classifier.jobs import reaping
from classifier.jobs.training.workplace import folder_of, sweep_workplaces, workplace
from classifier.models import StoredFile
from classifier.services.files import keep_file, sweep_files
from classifier.services.training import cancel_run, start_run
from tests.factories import make_version

pytestmark = pytest.mark.django_db

NOW = timedelta(0)
CONTENT = b"a whole checkpoint"
PATH = f"checkpoints/{hashlib.sha256(CONTENT).hexdigest()}.zip"


@pytest.fixture(params=["postgres", "folder"])
def storage(request, settings, tmp_path):
    """The checkpoints' storage, in the database and in a folder."""
    if request.param == "folder":
        backend = {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path},
        }
        settings.STORAGES = settings.STORAGES | {"checkpoints": backend}
    return storages["checkpoints"]


def test_half_a_file_under_the_final_name_is_written_anew(storage, tmp_path):
    if isinstance(storage, FileSystemStorage):
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / PATH).write_bytes(CONTENT[:5])
    else:
        StoredFile.objects.create(name=PATH, content=CONTENT[:5], size=5)
    assert keep_file(PATH, CONTENT) == PATH
    assert storage.open(PATH).read() == CONTENT
    assert keep_file(PATH, CONTENT) == PATH
    assert storage.listdir("checkpoints") == ([], [PATH.removeprefix("checkpoints/")])


def test_what_no_row_names_is_swept_away_once_it_is_old_enough(storage, settings):
    version = make_version()
    run = start_run(actor=None, manifest=b"{}", base=version)
    keep_file(PATH, CONTENT)
    assert sweep_files() == []
    swept = sweep_files(left_alone=NOW)
    assert swept == [PATH]
    assert storage.exists(run.manifest.name)
    assert storage.exists(version.checkpoint.name)


def test_a_run_leaves_its_folder_only_while_it_is_active(tmp_path, settings):
    settings.CHECKPOINT_CACHE = tmp_path
    run = start_run(actor=None, manifest=b"{}", base=make_version())
    with workplace(run) as folder:
        assert folder == folder_of(run)
        kept = folder / "last.npz"
        kept.write_bytes(b"epochs")
        assert sweep_workplaces() == []
        assert kept.exists()
    assert not folder.exists()
    (folder / "tmp").mkdir(parents=True)
    assert sweep_workplaces() == []
    cancel_run(actor=None, run=run)
    assert sweep_workplaces() == [folder]
    assert not folder.exists()


def test_a_half_written_copy_of_a_checkpoint_does_not_stay(tmp_path, settings):
    settings.CHECKPOINT_CACHE = tmp_path
    half, whole, fresh = tmp_path / "tmpabc", tmp_path / "abc.zip", tmp_path / "tmpnew"
    for path in (half, whole, fresh):
        path.write_bytes(b"x")
    os.utime(half, (0, 0))
    os.utime(whole, (0, 0))
    assert sweep_workplaces() == [half]
    assert whole.exists()
    assert fresh.exists()


def test_the_reaper_looks_for_what_was_left_lying_now_and_then(monkeypatch):
    calls = []
    monkeypatch.setattr(reaping, "sweep_files", lambda: calls.append("files"))
    monkeypatch.setattr(reaping, "sweep_workplaces", lambda: calls.append("folders"))
    monkeypatch.setattr(reaping, "_swept", float("-inf"))
    reaping.reap()
    reaping.reap()
    assert calls == ["files", "folders"]

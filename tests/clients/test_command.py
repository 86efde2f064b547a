"""`mri` against the platform itself, in one process: what it prints and how it ends."""

import json

import httpx
import pytest
from django.core.wsgi import get_wsgi_application

from classifier.models import Study, TrainingRun
from mriplatform.accounts.services import make_token
from tests.mriplatform.api.storm import own_connection
from tests.pictures import picture_png


@pytest.fixture
def house(db):
    from tests.classifier.doors import build_house

    return build_house()


@pytest.fixture
def mri(house, monkeypatch, capfd, tmp_path):
    """Runs the command as somebody: the status, what it printed, what it said."""
    from mri_client import client, command

    class Within(client.Client):
        def __init__(self, address, token):
            transport = httpx.WSGITransport(app=get_wsgi_application())
            super().__init__(address, token, transport=transport, tries=1)

    monkeypatch.setattr(command, "Client", Within)
    monkeypatch.setenv("MRI_ADDRESS", "http://testserver")

    def run(name, *arguments, scopes=()):
        monkeypatch.setenv("MRI_TOKEN", make_token(user=house.people[name], name="t", scopes=scopes)[1])
        capfd.readouterr()
        with own_connection():
            status = command.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return status, out, err[err.rfind("mri: ") :] if "mri: " in err else ""

    return run


def test_collections(mri, house):
    status, out, _ = mri("alice", "collections")
    assert (status, json.loads(out)["id"]) == (0, str(house.collection.pk))


def test_upload_and_wait(mri, house, tmp_path):
    for number, data in enumerate((picture_png(1), picture_png(2), b"GIF89a"), start=1):
        (tmp_path / f"ursula-{number}.png").write_bytes(data)
    files = sorted(tmp_path.glob("*.png"))
    before = Study.objects.count()
    status, out, err = mri("alice", "upload", house.collection.pk, *files[:2], "--pseudonym", "S-1")
    assert (status, err) == (0, "")
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["stored", "stored"]
    assert Study.objects.count() == before + 1
    status, out, err = mri("alice", "upload", house.collection.pk, *files, "--study-each")
    assert [json.loads(line)["outcome"] for line in out.splitlines()] == ["duplicate", "duplicate", "refused"]
    assert (status, err) == (1, "mri: Some files were refused; the others are stored.\n")
    status, out, _ = mri("erin", "wait", house.study.pk)
    assert json.loads(out)["images"][0]["prediction"]["label"] == "meningioma"
    waiting = Study.objects.exclude(pk=house.study.pk).latest("created_at")
    status, _, err = mri("alice", "wait", waiting.pk, "--seconds", "0.1")
    assert (status, err) == (1, "mri: After 0.1 seconds it is still queued.\n")


def test_more_files_than_one_request_takes(mri, house, tmp_path, monkeypatch):
    from mri_client import client

    monkeypatch.setattr(client, "FILES_AT_ONCE", 2)
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(picture_png(60 + number))
    status, out, _ = mri("alice", "upload", house.collection.pk, *sorted(tmp_path.iterdir()), "--study-each")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (status, [row["number"] for row in rows]) == (0, [1, 2, 3, 4, 5])
    assert len({row["study"] for row in rows}) == 5


@pytest.mark.parametrize("form", ["json", "csv", "jsonl"])
def test_labels(mri, house, tmp_path, form):
    target = tmp_path / "labels"
    assert mri("erin", "labels", house.collection.pk, "--format", form, "--output", target)[0] == 0
    _, out, _ = mri("erin", "labels", house.collection.pk, "--format", form)
    if form == "json":
        assert json.loads(out)["collection"] == json.loads(target.read_bytes())["collection"]
    else:
        assert out.encode() == target.read_bytes()


def test_retrain(mri, house):
    from tests.factories import analysed_image
    from tests.reviews.acts import Read
    from tests.reviews.runs import freeze

    for label in ("glioma", "meningioma", "pituitary", "notumor"):
        Read().finished(house.people["bob"], analysed_image(house.collection, label=label), label)
    label_set = freeze(house.collection)
    status, out, err = mri("erin", "retrain", "--label-set", label_set.pk)
    assert (status, err) == (0, "")
    assert TrainingRun.objects.get(pk=json.loads(out)["id"]).status == "queued"
    status, _, err = mri("erin", "retrain", "--label-set", label_set.pk)
    assert status == 1
    assert "409 run_active" in err


def test_what_is_refused_and_what_is_called_wrongly(mri, house, monkeypatch, tmp_path):
    from mri_client import command

    status, out, err = mri("charlie", "wait", house.study.pk)
    assert (status, out) == (1, "")
    assert err.startswith("mri: There is nothing here, or it is not yours to see. (404 not_found)")
    assert "request 0" in err
    status, _, err = mri("erin", "upload", house.collection.pk, tmp_path / "none.png")
    assert (status, "none.png" in err) == (1, True)
    status, _, err = mri("erin", "retrain", "--label-set", house.study.pk, scopes=("read",))
    assert "403 scope_missing" in err
    monkeypatch.delenv("MRI_TOKEN")
    assert command.main(["collections"]) == 2
    with pytest.raises(SystemExit) as ended:
        command.main(["retrain"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("address", "token", "said"),
    [
        ("portal.example.org", "0" * 64, "address cannot be read"),
        ("https://portal.example.org:x", "0" * 64, "address cannot be read"),
        ("https://portal.example.org", "t\u00f6ken", "no token"),
    ],
)
def test_an_address_or_a_token_that_is_none_is_said_in_a_sentence(monkeypatch, capsys, address, token, said):
    from mri_client import command

    monkeypatch.setenv("MRI_ADDRESS", address)
    monkeypatch.setenv("MRI_TOKEN", token)
    assert command.main(["collections"]) == 2
    assert said in capsys.readouterr().err


def test_a_file_of_a_token_that_is_not_there_is_said_in_a_sentence(capsys, tmp_path):
    from mri_client import command

    missing = str(tmp_path / "none")
    assert command.main(["--address", "https://x.example", "--token-file", missing, "collections"]) == 2
    assert "cannot be read" in capsys.readouterr().err

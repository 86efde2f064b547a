"""Labels to a file: as they come, and only in place of the file before once all of them are there."""

import httpx
import pytest

from tests.clients.test_retries import problem


class Breaks(httpx.SyncByteStream):
    """Content that comes piece by piece; an exception among the pieces is how it breaks off."""

    def __init__(self, *pieces):
        self._pieces = pieces
        self.given = 0
        self.closed = False

    def __iter__(self):
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            self.given += 1
            yield piece

    def close(self):
        self.closed = True


@pytest.fixture
def mri(monkeypatch):
    """Runs `mri labels` against answers from a list: its status."""
    from mri_client import client, command

    def run(*answers, output):
        waiting = iter(answers)
        transport = httpx.MockTransport(lambda _: next(waiting))
        monkeypatch.setattr(
            command, "Client",
            lambda address, token: client.Client(address, token, transport=transport, pause=lambda _: None),
        )  # fmt: skip
        monkeypatch.setenv("MRI_ADDRESS", "https://portal.example.org")
        monkeypatch.setenv("MRI_TOKEN", "t" * 64)
        return command.main(["labels", "c", "--format", "csv", "--output", str(output)])

    return run


@pytest.fixture
def yesterdays(tmp_path):
    kept = tmp_path / "labels.csv"
    kept.write_bytes(b"yesterday's")
    kept.chmod(0o640)
    return kept


def alone(path):
    return [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "answer",
    [
        lambda: problem(401, "not_authenticated"),
        lambda: httpx.Response(200, stream=Breaks(b"image\r\n", httpx.RemoteProtocolError("broke off"))),
    ],
    ids=["refused", "breaks off"],
)
def test_what_fails_leaves_the_file_before(mri, yesterdays, answer):
    assert mri(answer(), output=yesterdays) == 1
    assert yesterdays.read_bytes() == b"yesterday's"
    assert alone(yesterdays)


def test_what_fails_leaves_no_file_where_none_was(mri, tmp_path):
    assert mri(problem(403), output=tmp_path / "labels.csv") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_comes_whole_takes_its_place_with_its_mode_and_through_its_link(mri, yesterdays, tmp_path):
    link = tmp_path / "newest"
    link.symlink_to(yesterdays)
    assert mri(problem(503), httpx.Response(200, stream=Breaks(b"image", b"\r\n")), output=link) == 0
    assert yesterdays.read_bytes() == b"image\r\n"
    assert yesterdays.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["labels.csv", "newest"]


def test_what_is_no_file_is_written_to(mri):
    assert mri(httpx.Response(200, stream=Breaks(b"image")), output="/dev/null") == 0


def test_a_piece_is_given_before_the_next_has_come():
    from mri_client import Client

    stream = Breaks(b"one", b"two", b"three")
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))
    with Client("https://portal.example.org", "t" * 64, transport=transport) as client:
        pieces = client.labels("c", "csv")
        assert (next(pieces), stream.given) == (b"one", 1)
        assert (next(pieces), stream.given) == (b"two", 2)
        pieces.close()
        assert stream.closed

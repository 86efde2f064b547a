import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ml.storing import write_arrays, write_whole


def test_what_lay_there_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "figures.json"
    write_whole(path, lambda unfinished: unfinished.write_text("first"))

    def fail(unfinished: Path) -> None:
        assert unfinished.suffix == ".json"
        unfinished.write_text("sec")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_whole(path, fail)
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_a_kill_while_writing_leaves_the_file_before(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    path.write_text("first")
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom ml.storing import write_whole\n"
        "def write(unfinished):\n    unfinished.write_text('sec')\n    os.kill(os.getpid(), 9)\n"
        "write_whole(Path(sys.argv[1]), write)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert path.read_text() == "first"


def test_arrays_come_back_and_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    write_arrays(path, {"a": np.arange(3)})
    with np.load(path, allow_pickle=False) as stored:
        assert stored["a"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(path, {"a": np.array([object()])})
    assert list(tmp_path.iterdir()) == [path]

"""What becomes of a test whose program is not here."""

import shutil

import pytest

from tests import others


@pytest.mark.parametrize("program", [others.orthanc, others.dciodvfy])
def test_a_program_that_is_missing_fails_ci_and_skips_elsewhere(program, monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("WITHOUT_OTHERS", raising=False)
    with pytest.raises(pytest.fail.Exception, match="install Debian's"):
        program()
    monkeypatch.setenv("WITHOUT_OTHERS", "1")
    with pytest.raises(pytest.skip.Exception, match="install Debian's"):
        program()
    monkeypatch.delenv("WITHOUT_OTHERS")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="install Debian's"):
        program()
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    assert program().startswith("/usr/bin/")

"""What the server tells of errors and shots, in this process: each has a meaning and a safe next step."""

from __future__ import annotations

import pytest

from longtake import errors
from longtake.errors import SettingsError
from longtake.ledger import owner
from longtake.mcp import explanations
from longtake.mcp.answers import BoardFinding
from longtake.mcp.redaction import Redaction
from longtake.settings import Settings


@pytest.mark.parametrize("name", errors.__all__)
def test_each_error_has_a_meaning_and_a_next_step(name):
    found = explanations.of_error(name)
    assert (found.subject, f"exit code {getattr(errors, name).exit_code}" in found.text) == (name, True)
    assert found.next_step
    if name in {"InDoubtError", "TaskIdNotRecordedError"}:
        assert "run again" not in found.next_step


@pytest.mark.parametrize("name", ["", "Exception", "dataclass", "__import__", "LongtakeError.__init__"])
def test_other_names_are_no_errors(name):
    with pytest.raises(SettingsError, match="no error of this name"):
        explanations.of_error(name)


def test_secrets_are_taken_out_of_answers_and_texts():
    key, secret = "rk-live-0123456789", "s3-secret/with+signs="
    settings = Settings(api_key=key, s3={"access_key_id": "id", "secret_access_key": secret})
    redaction = Redaction(settings)
    finding = BoardFinding(file=f"{key}.yaml", line=1, column=1, shot=None, message=f"<{secret}>", allowed="text")
    assert redaction.answer(finding).model_dump_json().count("[hidden]") == 2
    assert redaction.text(f"{key} {secret} {key}") == "[hidden] [hidden] [hidden]"
    # What is too short to be told from a word stays.
    assert Redaction(Settings(api_key="key")).text("the key") == "the key"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("mcp Claude Code", "mcp Claude Code"),
        ("mcp a\x00b\x1b[2J\u202ec\nd", "mcp a b [2J c d"),
        ("mcp " + "/../" * 100, "mcp /../" + "/../" * 18),
        ("  ", ""),
    ],
)
def test_the_name_of_a_client_is_cut_and_cleaned(name, shown):
    assert owner.cleaned(name) == shown
    written = owner.current(name)
    assert owner.is_alive(written)
    assert written.removeprefix(owner.current()) == (f"/{shown}" if shown else "")

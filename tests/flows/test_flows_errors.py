"""The error tree: documented whole, and every error survives the trip through Prefect."""

from __future__ import annotations

import inspect
import pickle

import cloudpickle
import pytest

from longtake import errors
from longtake.errors import LongtakeError, TerminalError, TransientError

ALL = [value for _, value in inspect.getmembers(errors, inspect.isclass) if issubclass(value, LongtakeError)]
NEEDS = {
    "DoubtfulAnswerError": {"reason": "lost"},
    "InDoubtError": {"attempt": "a17"},
    "PollTimeoutError": {"task_id": "task_0123456789"},
    "PreflightError": {"check": "disk"},
    "TaskFailedError": {"task_id": "task_0123456789"},
    "TaskIdNotRecordedError": {"attempt": "a17", "task_id": "task_0123456789"},
}


def test_every_error_is_exported():
    assert sorted(errors.__all__) == sorted(cls.__name__ for cls in ALL)


def test_no_error_of_the_product_is_outside_of_the_tree():
    """Leaves that can pass by themselves are apart from those that cannot: that is what retries go by."""
    leaves = [cls for cls in ALL if cls not in (LongtakeError, TerminalError, TransientError)]
    assert all(issubclass(cls, TerminalError) != issubclass(cls, TransientError) for cls in leaves)


@pytest.mark.parametrize("pickler", [pickle, cloudpickle], ids=["pickle", "cloudpickle"])
@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_errors_survive_pickling(cls, pickler):
    error = cls("it broke", **NEEDS.get(cls.__name__, {}), next_step="look here")
    error.exit_code = 4
    again = pickler.loads(pickler.dumps(error))
    assert type(again) is cls
    assert str(again) == str(error)
    assert again.args == error.args == ("it broke",)
    assert vars(again) == vars(error)
    assert again.exit_code == 4


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_an_error_takes_only_the_attributes_it_declares(cls):
    with pytest.raises(TypeError, match="place"):
        cls("it broke", **NEEDS.get(cls.__name__, {}), place="here")


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_says_what_to_do_next_and_has_a_known_exit_code(cls):
    error = cls("it broke", **NEEDS.get(cls.__name__, {}))
    assert str(error).startswith("it broke")
    assert f"Next: {error.next_step}" in str(error)
    assert error.exit_code in {1, 2, 3, 4}
    assert cls.__doc__

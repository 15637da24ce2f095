"""Housekeeping: which objects of a store nothing names any more, and removing them."""

from longtake.housekeeping.garbage import Garbage, Survey, clear, survey

__all__ = ["Garbage", "Survey", "clear", "survey"]

"""A film as scenes of shots, from a file or built in Python. Every mistake is named with its line or place, all at once."""

from longtake.storyboard.approval import Approval, ApprovalFields
from longtake.storyboard.board import Downstream, Match, Storyboard, StoryboardFields, slug
from longtake.storyboard.chains import cycles, parents, places
from longtake.storyboard.checks import listed
from longtake.storyboard.deliverable import CaptionForm, Deliverable, DeliverableFields, Fit
from longtake.storyboard.labels import checked_labels, labels_of
from longtake.storyboard.loaded import FieldPath, Loaded
from longtake.storyboard.loading import LARGEST, draft, draft_text, load, parse
from longtake.storyboard.notice import Notice, NoticeFields
from longtake.storyboard.problem import Problem, bare_url, failure, quoted
from longtake.storyboard.scene import Scene, SceneFields
from longtake.storyboard.schema import json_schema
from longtake.storyboard.shot import (
    Generation,
    GenerationFields,
    Pick,
    Shot,
    ShotFields,
    Transition,
    TransitionFields,
)
from longtake.storyboard.sound import Sound, SoundFields
from longtake.storyboard.sources import aload_any, load_any
from longtake.storyboard.starter import starter
from longtake.storyboard.trim import Trim, TrimFields
from longtake.storyboard.values import LabelName, PurchaseLabels

__all__ = [
    "LARGEST",
    "Approval",
    "ApprovalFields",
    "CaptionForm",
    "Deliverable",
    "DeliverableFields",
    "Downstream",
    "FieldPath",
    "Fit",
    "Generation",
    "GenerationFields",
    "LabelName",
    "Loaded",
    "Match",
    "Notice",
    "NoticeFields",
    "Pick",
    "Problem",
    "PurchaseLabels",
    "Scene",
    "SceneFields",
    "Shot",
    "ShotFields",
    "Sound",
    "SoundFields",
    "Storyboard",
    "StoryboardFields",
    "Transition",
    "TransitionFields",
    "Trim",
    "TrimFields",
    "aload_any",
    "bare_url",
    "checked_labels",
    "cycles",
    "draft",
    "draft_text",
    "failure",
    "json_schema",
    "labels_of",
    "listed",
    "load",
    "load_any",
    "parents",
    "parse",
    "places",
    "quoted",
    "slug",
    "starter",
]

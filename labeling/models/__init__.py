"""The schema: tables and constraints, no behaviour (docs/architecture.md has the diagram).

Keys inside are bigint; `uid` is the UUIDv7 that leaves the database. No signals,
no `save()` overrides, no managers with side effects: writes are in operations/.
"""

from labeling.models.assignments import Assignment, DayCount, Desk, Draft, Enrolment, Flag, Ruling
from labeling.models.audit import AuditEntry
from labeling.models.candidates import Candidate, GenerationAttempt, GenerationRequest, Usage
from labeling.models.files import ImportRun, Snapshot, StoredFile
from labeling.models.fleet import Process, QueueDepth
from labeling.models.items import Gold, Item, Reservation
from labeling.models.people import (
    Annotator,
    AnnotatorSkill,
    ApiToken,
    Invitation,
    Membership,
    Skill,
    Team,
    TeamMember,
    User,
    Workspace,
)
from labeling.models.projects import (
    Batch,
    GuidelinesVersion,
    Notice,
    PolicyAccess,
    Project,
    ProjectSkill,
    QuestionSet,
    SlateEntry,
    SlateVersion,
)
from labeling.models.responses import Consensus, Dispute, Response

__all__ = [
    "Annotator",
    "AnnotatorSkill",
    "ApiToken",
    "Assignment",
    "AuditEntry",
    "Batch",
    "Candidate",
    "Consensus",
    "DayCount",
    "Desk",
    "Dispute",
    "Draft",
    "Enrolment",
    "Flag",
    "GenerationAttempt",
    "GenerationRequest",
    "Gold",
    "GuidelinesVersion",
    "ImportRun",
    "Invitation",
    "Item",
    "Membership",
    "Notice",
    "PolicyAccess",
    "Process",
    "Project",
    "ProjectSkill",
    "QuestionSet",
    "QueueDepth",
    "Reservation",
    "Response",
    "Ruling",
    "Skill",
    "SlateEntry",
    "SlateVersion",
    "Snapshot",
    "StoredFile",
    "Team",
    "TeamMember",
    "Usage",
    "User",
    "Workspace",
]

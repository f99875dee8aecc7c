"""Users, workspaces, members, tokens, and annotators apart from users.

An `Annotator` is a pseudonym in a workspace; responses refer to it, so erasing a
person clears `user` and keeps the data.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from labeling.models.base import Row, choices, one_of
from labeling.rules.states import AnnotatorKind, Role


class UserManager(BaseUserManager["User"]):
    """Django's commands and authentication ask for these three."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, is_ops=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser, PermissionsMixin):
    """Somebody who logs in; the e-mail address is unique without case."""

    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    is_ops = models.BooleanField(default=False, help_text="May see and steer the fleet.")
    created_at = models.DateTimeField(default=timezone.now, db_default=Now(), editable=False)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.email


class Workspace(Row):
    """A tenant's space."""

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80, unique=True)

    def __str__(self) -> str:
        return self.slug


class Membership(Row):
    """A user's role in a workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=choices(Role))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_unique"),
            one_of("role", Role, "membership_role"),
        ]


class Invitation(Row):
    """A link that makes whoever opens it a member, once, until `expires_at`."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    email = models.EmailField(max_length=254, blank=True)
    role = models.CharField(max_length=16, choices=choices(Role))
    token_hash = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("role", Role, "invitation_role")]


class ApiToken(Row):
    """A bearer token: only its SHA-256 is stored; `prefix` lets its owner tell it from others."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, default="token")
    prefix = models.CharField(max_length=12)
    token_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)


class Annotator(Row):
    """Who answers: human, model or external, with a user or without."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="annotators")
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="annotators"
    )
    pseudonym = models.CharField(max_length=80)
    kind = models.CharField(
        max_length=16, choices=choices(AnnotatorKind), default=AnnotatorKind.HUMAN.value
    )
    languages = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    takes_sensitive = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "pseudonym"], name="annotator_pseudonym"),
            models.UniqueConstraint(
                fields=["workspace", "user"],
                condition=models.Q(user__isnull=False),
                name="annotator_user",
            ),
            one_of("kind", AnnotatorKind, "annotator_kind"),
        ]

    def __str__(self) -> str:
        return self.pseudonym


class Team(Row):
    """Members of a workspace with a lead; a lead sees only their team."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="teams")
    name = models.CharField(max_length=120)
    lead = models.ForeignKey(User, models.SET_NULL, null=True, blank=True, related_name="led_teams")
    languages = ArrayField(models.CharField(max_length=16), default=list, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="team_name_unique")
        ]


class TeamMember(models.Model):
    """An annotator's place in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="members")
    annotator = models.ForeignKey(Annotator, models.CASCADE, related_name="teams")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["team", "annotator"], name="team_member_unique")
        ]


class Skill(Row):
    """Something an annotator can be qualified in."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="skills")
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="skill_unique")]


class AnnotatorSkill(models.Model):
    """How well an annotator has a skill; level 1 is the lowest."""

    annotator = models.ForeignKey(Annotator, models.CASCADE, related_name="skills")
    skill = models.ForeignKey(Skill, models.CASCADE, related_name="holders")
    level = models.PositiveSmallIntegerField(default=1)
    qualified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["annotator", "skill"], name="annotator_skill_unique")
        ]

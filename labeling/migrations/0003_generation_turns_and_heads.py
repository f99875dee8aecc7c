"""Turns that were paid for survive their worker; claims are fair and flat per project."""

from django.db import migrations, models
from django.db.models import Q, Value


class Migration(migrations.Migration):
    dependencies = [("labeling", "0002_places_and_hot_tables")]

    operations = [
        migrations.AddField(
            model_name="generationrequest",
            name="turns_so_far",
            field=models.JSONField(
                default=list,
                db_default=Value([], models.JSONField()),
                help_text="Answers to the first open turns of the current draw, paid for already.",
            ),
        ),
        migrations.AddIndex(
            model_name="generationrequest",
            index=models.Index(
                fields=["endpoint", "project", "-priority", "id"],
                condition=Q(state="pending"),
                name="generation_request_heads",
            ),
        ),
        migrations.RemoveIndex(
            model_name="generationrequest", name="generation_request_pending"
        ),
    ]

"""The sequence that gives open items their places, and room for updates in hot tables."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE labeling_place AS bigint;

-- Rows that are updated a few times soon after they were written: HOT updates need room.
ALTER TABLE labeling_assignment SET (fillfactor = 75);
ALTER TABLE labeling_item SET (fillfactor = 85);
ALTER TABLE labeling_enrolment SET (fillfactor = 50, autovacuum_vacuum_threshold = 500);
ALTER TABLE labeling_daycount SET (fillfactor = 50, autovacuum_vacuum_threshold = 500);
ALTER TABLE labeling_desk SET (fillfactor = 50, autovacuum_vacuum_threshold = 500);
ALTER TABLE labeling_generationrequest SET (fillfactor = 75);
"""

BACKWARD = """
DROP SEQUENCE labeling_place;
ALTER TABLE labeling_assignment RESET (fillfactor);
ALTER TABLE labeling_item RESET (fillfactor);
ALTER TABLE labeling_enrolment RESET (fillfactor, autovacuum_vacuum_threshold);
ALTER TABLE labeling_daycount RESET (fillfactor, autovacuum_vacuum_threshold);
ALTER TABLE labeling_desk RESET (fillfactor, autovacuum_vacuum_threshold);
ALTER TABLE labeling_generationrequest RESET (fillfactor);
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0001_schema")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]

"""A policy's model, prompt and parameters can never be changed, by whatever path.

Candidates refer to their policy for lineage; an edited policy would falsify it.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION generation_policy_refuse_edit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a policy is never edited: make a new one (policy %)', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'policy_is_immutable';
END
$$;
CREATE TRIGGER policy_is_immutable
BEFORE UPDATE ON generation_policy
FOR EACH ROW
WHEN (
    OLD.uid IS DISTINCT FROM NEW.uid
    OR OLD.model IS DISTINCT FROM NEW.model
    OR OLD.system_prompt IS DISTINCT FROM NEW.system_prompt
    OR OLD.parameters IS DISTINCT FROM NEW.parameters
)
EXECUTE FUNCTION generation_policy_refuse_edit();
"""

BACKWARD = """
DROP TRIGGER policy_is_immutable ON generation_policy;
DROP FUNCTION generation_policy_refuse_edit();
"""


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]

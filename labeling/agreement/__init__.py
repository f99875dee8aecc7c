"""Why: agreement, consensus and rankings as plain maths over plain ratings.

Imports nothing of Quorum but `labeling.errors`, and only the standard library. The way in:

- `answers`, `from_values`: submitted values → ratings, keys → candidate ids
- `question.question_agreement`, `consensus.question_consensus`: one question, all measures
- `alpha`, `bootstrap`, `kappa`, `distances`: coefficients over `ratings.Rating`
- `pairwise`: annotator × annotator
- `majority`, `dawid_skene`, `orders`, `spans`: what several answers add up to
- `comparisons`, `rankings` (with `davidson`, `linear`): which policy is better
- `intervals`: how sure a share is
"""

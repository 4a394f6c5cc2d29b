"""`avatars doctor --live`: what only the running stack can show, by using it."""

from collections.abc import Mapping

from cli.doctor.examining import CHECKS, Check
from cli.doctor.live import allowed, delivered, outside, trial

LIVE: Mapping[str, Check] = {
    **CHECKS,
    "page": outside.page,
    "sign-in": outside.sign_in,
    "tokens": outside.tokens,
    "permissions between services": allowed.between_services,
    "deliveries": delivered.deliveries,
    "sweep": delivered.sweep,
    "trial job": trial.trial_job,
}

WHAT_IT_DOES = (
    f"This uses the stack {{stack}}: as the owner {trial.OWNER} it orders a job, uploads one file "
    "that is no photo, waits for the verdict, and erases the job again. A receipt without names "
    "stays, as of every erased job. Nothing is trained or drawn, so the provider charges nothing; "
    "AWS charges less than a cent."
)

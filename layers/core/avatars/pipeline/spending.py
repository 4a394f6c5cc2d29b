"""What may be spent: the price of a request is reserved before it is sent, and settled when it is
known what became of it.

The stack has an account, and each owner whose spending is capped. An account is a row that is
changed by version: of those who reserve at once none overlooks another, so no cap is exceeded.
What is reserved counts on its day (UTC) until it is paid or its run is over; what nobody knows the
outcome of goes on counting. A run that lasts gives nothing up, whatever it waits for: a second
invocation of the same step may be about to send what the first has reserved.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from avatars.errors import TooExpensiveError
from avatars.model import (
    Job,
    Prompt,
    Reserved,
    Run,
    Sending,
    Spending,
    Stage,
    Submission,
    WaitReason,
)
from avatars.pipeline.admission import (
    Applicant,
    Request,
    give_back,
    is_own_account,
    pause,
    stack_capacity,
    wait,
)
from avatars.pipeline.planning import planned
from avatars.ports import Services
from avatars.settings import DAY, Settings

LONGEST_WAIT = 3600
"""Seconds between two looks: before the day is over, only a run that ends unpaid makes room."""

DAYS_KEPT = 14
"""Longer than any run lasts (`sweeping.LONGEST_RUN`): what is older, somebody who died has left."""

BALANCE_AGE = 60
"""Seconds for which a balance is good: every training asking would be one request in three."""

Change = Callable[[Spending], Spending]


@dataclass(frozen=True, slots=True)
class Account:
    """Where spending is counted, and how much there may be of it on a day; 0 for any amount."""

    change: Callable[[Change], Spending]
    cap: int


def require_affordable(settings: Settings, prompts: Sequence[Prompt], *, trains: bool) -> None:
    """Raises TooExpensiveError for what costs more than may be spent on any day."""
    limits = settings.spending
    credits = limits.avatar_price * sum(prompt.count for prompt in prompts)
    credits += limits.training_price if trains else 0
    for name, cap in (
        ("SpendPerDay", limits.per_day),
        ("OwnerSpendPerDay", limits.owner_per_day),
    ):
        if 0 < cap < credits:
            raise TooExpensiveError(
                f"It costs {credits} of the provider's credits, and {cap} may be spent on a day: "
                f"ask for fewer avatars, or have the parameter {name} raised."
            )


def await_budget(services: Services, applicant: Applicant) -> int | None:
    """None where the request may be paid for: its price is reserved. Else the seconds to wait.

    With a training the price of its avatars is reserved: a model that may not draw is wasted. The
    provider's balance must cover what all together have reserved, where the provider tells it.
    Raises TooExpensiveError, or another JobError when the time for waiting is over.
    """
    settings, trains = services.settings, applicant.stage is Stage.TRAINING
    if not settings.spending.is_priced:
        return None
    run = services.jobs.run(applicant.job_id, applicant.number)
    wanted = _prices(services, applicant.provider, run, trains=trains)
    now = services.clock.now()
    today = now // DAY
    # What a training has reserved for its avatars holds for them on whatever day they come.
    since = today if trains else 0
    if _holds(stack_capacity(services).spending(), wanted, since):
        return None
    require_affordable(settings, run.prompts, trains=trains)
    # The stack's is the last: what stands in it stands in all.
    for account in _accounts(services, applicant.job_id):
        if not _reserve(account, wanted, today, since):
            rest = (today + 1) * DAY - now
            return _step_back(services, applicant, WaitReason.SPEND_CAP, min(rest, LONGEST_WAIT))
    if not _is_covered(services, applicant.provider, now):
        pause(services, applicant.provider, WaitReason.CREDITS)
        return _step_back(services, applicant, WaitReason.CREDITS)
    return None


def book(services: Services, request: Request) -> None:
    """A run's request is paid for, or may be and nobody will ever know."""
    if services.settings.spending.is_priced:
        entry = _entry_of(request)
        _change(services, request.job_id, lambda known: _spent(known, entry))


def book_all(services: Services, job: Job) -> None:
    """The same for whatever the last run of a job has reserved."""

    def spend(known: Spending) -> Spending:
        for entry in _entries_of(known, f"{job.job_id}-{job.run}"):
            known = _spent(known, entry)
        return known

    if services.settings.spending.is_priced:
        _change(services, job.job_id, spend)


def settle_refusal(services: Services, request: Request) -> None:
    """A run's request was provably not accepted: if the run is over, nothing is in doubt any more.

    Else it may send it again, and keeps what it has reserved.
    """

    def settle(known: Spending) -> Spending:
        entry = _entry_of(request)
        one = known.reserved.get(entry)
        return _without(known, entry) if one and one.in_doubt else known

    if services.settings.spending.is_priced:
        _change(services, request.job_id, settle)


def close_accounts(services: Services, job: Job, run: Run) -> None:
    """The run is over: what it has reserved is spent, in doubt, or free again."""
    submissions = {_entry(run.name, Stage.TRAINING): job.training} | {
        _entry(run.name, Stage.INFERENCE, place): inference.submission
        for place, inference in enumerate(run.inferences)
    }

    def close(known: Spending) -> Spending:
        # Also what was reserved for requests that the run never came to.
        for entry in _entries_of(known, run.name):
            known = _closed(known, entry, submissions.get(entry))
        return known

    if services.settings.spending.is_priced:
        _change(services, job.job_id, close)


def _prices(services: Services, provider: str, run: Run, *, trains: bool) -> dict[str, int]:
    """What the requests cost that a run has yet to send, by their entries."""
    limits = services.settings.spending
    plan = run.inferences or planned(run.prompts, services.capabilities(provider))
    prices = {
        _entry(run.name, Stage.INFERENCE, place): limits.avatar_price * inference.avatars
        for place, inference in enumerate(plan)
        if inference.is_due
    }
    if trains:
        prices[_entry(run.name, Stage.TRAINING)] = limits.training_price
    return {entry: credits for entry, credits in prices.items() if credits}


def _entries_of(known: Spending, run: str) -> list[str]:
    return [entry for entry in known.reserved if entry.startswith(f"{run} ")]


def _entry_of(request: Request) -> str:
    return _entry(request.name, request.stage, request.place)


def _entry(run: str, stage: Stage, place: int = 0) -> str:
    return f"{run} {stage} {place + 1}" if place else f"{run} {stage}"


def _accounts(services: Services, job_id: str) -> Iterator[Account]:
    limits = services.settings.spending
    if limits.owner_per_day:
        owner = services.jobs.job(job_id).owner
        yield Account(
            lambda change: services.owners.change_spending(owner, change), limits.owner_per_day
        )
    yield Account(stack_capacity(services).change_spending, limits.per_day)


def _change(services: Services, job_id: str, change: Change) -> None:
    for account in _accounts(services, job_id):
        account.change(change)


def _reserve(account: Account, wanted: Mapping[str, int], today: int, since: int) -> bool:
    """Whether all that is wanted stands reserved."""

    def reserve(known: Spending) -> Spending:
        newest = _on(known, today)
        missing = {
            name: Reserved(credits, newest.day)
            for name, credits in wanted.items()
            if not _holds(newest, [name], since)
        }
        reserved = {**newest.reserved, **missing}
        after = replace(newest, reserved=reserved)
        is_over = 0 < account.cap < after.committed
        return known if not missing or is_over else after

    return _holds(account.change(reserve), wanted, since)


def _is_covered(services: Services, provider: str, now: int) -> bool:
    """Whether the provider's balance covers all that is reserved, as far as it tells.

    That of another account than the stack's own provider has is not asked for.
    """
    if not is_own_account(services, provider):
        return True
    capacity = stack_capacity(services)
    known = capacity.spending()
    is_fresh = now - known.asked_at < BALANCE_AGE
    if is_fresh and (known.balance is None or known.balance >= known.outstanding):
        return True
    credits = services.reader(provider).credits(services.provider(provider).balance())
    known = capacity.change_spending(lambda newest: replace(newest, balance=credits, asked_at=now))
    return credits is None or credits >= known.outstanding


def _holds(known: Spending, names: Iterable[str], since: int) -> bool:
    """Whether all of them are reserved, on that day or later."""
    return all(name in known.reserved and known.reserved[name].day >= since for name in names)


def _on(known: Spending, today: int) -> Spending:
    """What still counts on a day; a clock that is late does not bring back the day before."""
    if today <= known.day:
        return known
    reserved = {
        name: one
        for name, one in known.reserved.items()
        if not one.in_doubt and today - one.day < DAYS_KEPT
    }
    return replace(known, day=today, spent=0, reserved=reserved)


def _closed(known: Spending, entry: str, submission: Submission | None) -> Spending:
    match submission and submission.state:
        case Sending.ACCEPTED:
            return _spent(known, entry)
        case Sending.INTENDED if entry in known.reserved:
            in_doubt = replace(known.reserved[entry], in_doubt=True)
            return replace(known, reserved={**known.reserved, entry: in_doubt})
    return _without(known, entry)


def _spent(known: Spending, entry: str) -> Spending:
    one = known.reserved.get(entry)
    if one is None:
        return known  # booked before
    return replace(
        _without(known, entry),
        spent=known.spent + (one.credits if one.day == known.day else 0),
        balance=None if known.balance is None else known.balance - one.credits,
    )


def _without(known: Spending, entry: str) -> Spending:
    reserved = {name: one for name, one in known.reserved.items() if name != entry}
    return replace(known, reserved=reserved)


def _step_back(
    services: Services, applicant: Applicant, reason: WaitReason, seconds: float = 0
) -> int:
    give_back(services, applicant.provider, applicant.stage, applicant.name)
    return wait(services, applicant, reason, seconds)

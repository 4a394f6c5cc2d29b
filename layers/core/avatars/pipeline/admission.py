"""Whose turn it is: what all jobs together may ask of the provider, and in which order.

A request is sent by whoever holds a lease of its stage. A lease is taken in the order in which
jobs became ready, given back when the stage is over, and runs out where its holder died. While
the gate is closed (no credits, key refused, outage) nobody takes one; one of those who wait looks
from time to time whether the trouble is over, by a request that costs nothing.
"""

from dataclasses import dataclass, replace

from avatars.errors import (
    JobError,
    OutOfCreditsError,
    ProviderBusyError,
    ProviderKeyRefusedError,
    ProviderOutageError,
    SpendCapError,
)
from avatars.model import Gate, Leases, Run, Stage, Waiting, WaitReason
from avatars.pipeline.looking import schedule_of
from avatars.ports import Capacity, Services
from avatars.schedule import with_jitter
from avatars.settings import FIRST_PROVIDER

TROUBLES = 3
"""So many requests in a row that meet an outage close the gate: each may cost a job."""

SHORTEST_WAIT = 15
LONGEST_WAIT = 300
LONGEST_WAIT_IN_LINE = 900
"""Far back in a long line, whose end is hours away."""

PATIENCE_GROWTH = 1.25
"""Where nothing moves, each wait is so much longer than the one before: the history stays small."""

PROBES_PER_AGE = 5
SHORTEST_PROBE_WAIT = 60
"""Probes come a minute after the trouble began, then ever later, up to LONGEST_WAIT."""

LEASE_MARGIN = 900
"""Seconds beyond the stage's deadline for which a lease is alive."""

STEP_SECONDS = 120
"""Wall seconds that a step may be late before its run no longer counts as waiting."""

MOST_COUNTED = 200
"""Who has more than that before it is told so many: counting on would be read, and paid for, by
every one of thousands that wait."""

_OVER: dict[WaitReason, type[JobError]] = {
    WaitReason.CAPACITY: ProviderBusyError,
    WaitReason.BUSY: ProviderBusyError,
    WaitReason.CREDITS: OutOfCreditsError,
    WaitReason.KEY: ProviderKeyRefusedError,
    WaitReason.OUTAGE: ProviderOutageError,
    WaitReason.NOT_SENT: ProviderOutageError,
    WaitReason.SPEND_CAP: SpendCapError,
}


@dataclass(frozen=True, slots=True)
class Request:
    """One of the requests of a run that cost money."""

    provider: str
    stage: Stage
    job_id: str
    number: int
    place: int
    """Which of the requests of this stage it is, from 0."""

    @property
    def name(self) -> str:
        """Of the run, which has one lease for all of them."""
        return f"{self.job_id}-{self.number}"


@dataclass(frozen=True, slots=True)
class Applicant(Request):
    """One that wants to be sent."""

    since: int
    """Since when it could have been, Unix seconds of the clock."""


def await_turn(services: Services, applicant: Applicant) -> int | None:
    """None where the request may be sent now: a lease is held. Else the seconds to wait.

    Raises a JobError when the time for waiting is over.
    """
    capacity = capacity_of(services, applicant.provider)
    gate = _known(services, applicant.provider, capacity.gate())
    if gate.closed and services.clock.now() >= (gate.probe_at or 0):
        reopened = _reopened(services, applicant.provider, gate)
        after = _known(services, applicant.provider, reopened)
        if gate.closed is not WaitReason.BUSY and not after.closed:
            # A probe and a submission would not fit into the time of one invocation.
            return wait(services, applicant, gate.closed, SHORTEST_WAIT)
        gate = after
    if gate.closed:
        rest = (gate.probe_at or 0) - services.clock.now()
        return wait(services, applicant, gate.closed, rest)
    now, limit = services.clock.now(), services.settings.most_at_once[applicant.stage]
    held = capacity.leases(applicant.stage).alive(now)
    if applicant.name not in held:
        free = limit - len(held)
        ahead = _ahead(services, applicant, now)
        if ahead >= free or not _take(services, applicant, now, limit):
            seconds = _until_turn(services, applicant, ahead + 1 - free, limit)
            return wait(services, applicant, WaitReason.CAPACITY, seconds, ahead)
    _change_waiting(services, applicant, None)
    return None


def wait(
    services: Services,
    applicant: Applicant,
    reason: WaitReason,
    seconds: float,
    ahead: int = 0,
    trouble: str | None = None,
) -> int:
    """Note on its row what a run waits for; returns the seconds, with jitter.

    Raises a JobError where that is longer than a job waits for the provider.
    """
    now = services.clock.now()
    before = services.jobs.run(applicant.job_id, applicant.number).waiting
    stuck = 0
    if before and before.reason is reason and before.ahead <= ahead:
        stuck = before.stuck + 1
    least = min(SHORTEST_WAIT * PATIENCE_GROWTH ** min(stuck, 20), LONGEST_WAIT)
    total = with_jitter(max(seconds, least))
    if now - applicant.since + total > services.settings.provider_patience:
        if reason is WaitReason.SPEND_CAP:
            raise SpendCapError(
                "What may be spent on a day left no room until the deadline for starting; nothing "
                "was paid. Take the job up again on another day, or raise SpendPerDay or "
                "OwnerSpendPerDay first."
            )
        raise _OVER[reason](
            f"The provider took no request until the deadline for starting ({reason}"
            f"{f': {trouble}' if trouble else ''}); nothing was paid. When that is over, take the "
            "job up again."
        )
    until = now + total + round(services.clock.from_wall(STEP_SECONDS))
    account = services.capabilities(applicant.provider).account
    waiting = Waiting(applicant.stage, reason, applicant.since, until, ahead, stuck, account)
    _change_waiting(services, applicant, waiting)
    return total


def capacity_of(services: Services, provider: str) -> Capacity:
    """What may be asked of a provider, and of the others with the same account."""
    return services.capacity(services.capabilities(provider).account)


def stack_capacity(services: Services) -> Capacity:
    """Where it stands what all jobs together cost, whoever their providers are."""
    return capacity_of(services, FIRST_PROVIDER)


def is_own_account(services: Services, provider: str) -> bool:
    """Whether a provider has the same account as the stack's own."""
    own = services.capabilities(services.settings.provider).account
    return services.capabilities(provider).account == own


def give_back(services: Services, provider: str, stage: Stage, run: str) -> None:
    """The stage is over for this run (`{job_id}-{run}`): the next one may begin."""
    capacity_of(services, provider).change_leases(
        stage,
        lambda leases: (
            replace(leases, holders={n: u for n, u in leases.holders.items() if n != run})
            if run in leases.holders
            else leases
        ),
    )


def pause(
    services: Services, provider: str, reason: WaitReason, seconds: float = SHORTEST_PROBE_WAIT
) -> None:
    """Let nobody send it anything for so long.

    A trouble that a probe found over, and that is met again before anything was taken, never was
    over: the alarm is not rung again, and probes come as rarely as before.
    """
    now = services.clock.now()

    def close(gate: Gate) -> Gate:
        if gate.closed and gate.closed.needs_a_person and not reason.needs_a_person:
            return gate
        until = now + round(seconds)
        if reason is WaitReason.BUSY and not gate.told:
            # Nothing to tell, and it says nothing of the trouble before.
            rest = gate.probe_at or 0 if gate.closed else 0
            return replace(gate, closed=reason, probe_at=max(until, rest))
        same = (gate.closed if gate.told else gate.last) is reason
        return replace(
            gate,
            closed=reason,
            last=reason,
            since=gate.since if same else now,
            # Of two that were told to wait, the longer wait holds for all.
            probe_at=max(until, gate.probe_at or 0) if same else until,
            told=(gate.told or gate.closed is not reason if same else reason is WaitReason.BUSY),
        )

    _known(services, provider, capacity_of(services, provider).change_gate(close))


def report_outage(services: Services, provider: str) -> None:
    """A request met an outage; after a few in a row nothing more is sent."""
    gate = capacity_of(services, provider).change_gate(
        lambda gate: replace(gate, troubles=min(gate.troubles + 1, TROUBLES))
    )
    if gate.troubles >= TROUBLES and not gate.closed:
        pause(services, provider, WaitReason.OUTAGE)


def report_success(services: Services, provider: str) -> None:
    """The provider took a request: all is well, and what was amiss is proven to be over."""
    capacity = capacity_of(services, provider)
    gate = capacity.gate()
    if gate.troubles:
        gate = capacity.change_gate(lambda gate: replace(gate, troubles=0))
    if not gate.closed and not gate.told:
        _tell(services, provider, gate, "ProviderResumed", services.clock.now())


def _take(services: Services, applicant: Applicant, now: int, limit: int) -> bool:
    schedule = schedule_of(services, applicant.provider, applicant.stage)
    until = now + schedule.deadline + LEASE_MARGIN

    def take(leases: Leases) -> Leases:
        alive = leases.alive(now)
        if applicant.name in alive or len(alive) >= limit:
            return leases
        return replace(leases, holders=alive | {applicant.name: until})

    capacity = capacity_of(services, applicant.provider)
    return applicant.name in capacity.change_leases(applicant.stage, take).alive(now)


def _ahead(services: Services, applicant: Applicant, now: int) -> int:
    """How many come before this one; who has not asked again in time is forgotten."""
    own = (applicant.since, applicant.name)
    account = services.capabilities(applicant.provider).account
    waiters = services.jobs.waiting_runs(account, applicant.stage, MOST_COUNTED)
    return sum((waiter.since, waiter.run) < own and waiter.until > now for waiter in waiters)


def _until_turn(services: Services, applicant: Applicant, places: int, limit: int) -> float:
    """When to ask again: well before so many places are likely to have become free."""
    usual = schedule_of(services, applicant.provider, applicant.stage).advised
    return min(places * usual / limit / 4, LONGEST_WAIT_IN_LINE)


def _reopened(services: Services, provider: str, gate: Gate) -> Gate:
    """The gate whose time is over, after one of those who wait has looked at the provider."""
    capacity = capacity_of(services, provider)
    if gate.closed is WaitReason.BUSY:
        return _replaced(capacity, gate, replace(gate, closed=None))
    now = services.clock.now()
    age = now - (gate.since or now)
    rest = max(SHORTEST_PROBE_WAIT, min(age / PROBES_PER_AGE, LONGEST_WAIT))
    claimed = replace(gate, probe_at=now + round(rest))
    newest = _replaced(capacity, gate, claimed)
    if replace(newest, version=gate.version) != claimed:
        return newest  # somebody else probes
    least = 1
    if services.settings.spending.is_priced and is_own_account(services, provider):
        # With less, whoever has reserved it would close the gate again.
        least = max(least, stack_capacity(services).spending().outstanding)
    answer = services.provider(provider, fresh_key=True).balance()
    trouble = services.reader(provider).trouble(answer, least)
    if trouble in (gate.closed, WaitReason.BUSY):
        return newest
    # Not wide open: the next request that meets an outage closes it again.
    probed = replace(
        newest,
        closed=trouble,
        last=trouble or newest.last,
        # Not proven to be over yet; see `pause`.
        since=now if trouble else newest.since,
        troubles=TROUBLES - 1,
        told=False,
    )
    return _replaced(capacity, newest, probed)


def _replaced(capacity: Capacity, before: Gate, after: Gate) -> Gate:
    """The gate: *after*, unless somebody has changed *before* in the meantime."""
    return capacity.change_gate(lambda newest: after if newest == before else newest)


def _known(services: Services, provider: str, gate: Gate) -> Gate:
    """The gate, after the alarm was rung where it is closed."""
    if gate.told or gate.closed in (None, WaitReason.BUSY):
        return gate
    since = gate.since or services.clock.now()
    return _tell(services, provider, gate, "ProviderPaused", since)


def _tell(services: Services, provider: str, gate: Gate, kind: str, since: int) -> Gate:
    services.notices.publish(
        kind,
        {
            "reason": gate.last,
            "since": since,
            "account": services.capabilities(provider).account,
        },
    )
    return _replaced(capacity_of(services, provider), gate, replace(gate, told=True))


def _change_waiting(services: Services, applicant: Applicant, waiting: Waiting | None) -> None:
    def change(run: Run) -> Run:
        return run if run.ended_at else replace(run, waiting=waiting)

    services.jobs.change_run(applicant.job_id, applicant.number, change)

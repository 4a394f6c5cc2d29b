"""What must never happen, judged by what the provider saw and what lies in table and buckets.

Nothing else is believed: no log, no reply of ours, no word of the campaign on what it did. The
one thing that the campaign tells is what people put into the world: which files, and whether
somebody took a job up again.
"""

import hashlib
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, permutations
from typing import Any

from avatars.model import JobStatus, job_id_for

FIRST_LOOKS = {"check_training": 300, "check_inference": 20}
"""Seconds after which the provider wants to be asked first (guide, AI Avatars 101)."""

LEASED = 3600 + 900
"""Seconds for which what was started holds its place: the default deadline and a margin. Who looks
again after a long outage of the provider finds it done, and somebody else long at work."""

ON_ITS_WAY = 10
"""Seconds within which a request is sent by who was let through before another was told to wait."""

MOST_CALLS = 500
"""A minute (provider's page on quotas and limits)."""

MOST_REFUSALS = 6
"""Of paid requests in an hour, for want of credits or a key."""

MOST_EVENTS = 20_000
"""Of an execution's history: Step Functions ends those that reach 25,000."""

MOST_BYTES = 200_000
"""Of any input or output of a state: Step Functions takes 256 KiB."""

LATEST_START = 31 * 60
"""Seconds until a folder has a job, whatever became of its events."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
"""How the segment of a JPEG begins that holds its XMP."""

_MADE_BY_AI = b"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """One row as it was written, seen on the wire."""

    at: float
    operation: str
    job_id: str
    record: str
    row: Row


@dataclass(frozen=True)
class Version:
    """One version of an object."""

    version_id: str
    stored_at: float
    data: bytes | None
    """None for a delete marker."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody put into a folder."""

    at: float
    job_id: str
    photo_id: str
    version_id: str
    sha256: str
    is_photo: bool
    """Whether an avatar can be made of it."""


@dataclass(frozen=True)
class Start:
    """An execution that was started, as Step Functions knows it."""

    execution: str
    job_id: str
    by_hand: bool
    """Whether a person started it."""
    at: float


@dataclass(frozen=True)
class History:
    """An execution, as Step Functions remembers it."""

    execution: str
    job_id: str
    ended_at: float
    worked: bool
    """Whether it got beyond its first step."""
    events: int = 0
    most_bytes: int = 0
    """The largest input or output."""


@dataclass(frozen=True)
class Evidence:
    """All that is looked at. Times are Unix seconds of the pipeline's clock."""

    journal: Sequence[Row]
    rows: Sequence[Row]
    writes: Sequence[Write]
    """Every row ever written, in order."""
    buckets: Mapping[str, Mapping[str, Sequence[Version]]]
    """`uploads` and `avatars`: all versions by key, the newest last."""
    now: float
    uploads: Sequence[Upload] = ()
    starts: Sequence[Start] = ()
    histories: Sequence[History] = ()
    taken_up: frozenset[str] = frozenset()
    """Jobs that a person took up again."""
    trainings: int = 1
    inferences: int = 1
    """How many of each a run may have, by the parameters of the stack."""
    most_trainings: int = 100
    most_inferences: int = 40
    """How many of all jobs together may be under way, by the same."""
    is_punctual: bool = True
    """Whether work takes no time on that clock; else nobody can be blamed for being late."""


@dataclass(frozen=True)
class Violation:
    """Something that must never happen has happened."""

    invariant: str
    job_id: str
    words: str


Finding = tuple[str, str]
Invariant = Callable[["Audit"], Iterator[Finding]]

INVARIANTS: dict[str, Invariant] = {}


def audit(evidence: Evidence) -> list[Violation]:
    """Every violation, by invariant."""
    looked_at = Audit(evidence)
    return [
        Violation(name, job_id, words)
        for name, invariant in INVARIANTS.items()
        for job_id, words in invariant(looked_at)
    ]


def _invariant(name: str) -> Callable[[Invariant], Invariant]:
    def register(invariant: Invariant) -> Invariant:
        INVARIANTS[name] = invariant
        return invariant

    return register


@dataclass
class Audit:
    """The evidence, sorted."""

    evidence: Evidence
    rows: dict[tuple[str, str], Row] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {(row["job_id"], row["record"]): row for row in self.evidence.rows}

    @cached_property
    def jobs(self) -> dict[str, Row]:
        return {job_id: row for (job_id, record), row in self.rows.items() if record == "job"}

    @cached_property
    def runs(self) -> dict[tuple[str, int], Row]:
        return {
            (job_id, row["run"]): row
            for (job_id, record), row in self.rows.items()
            if record.startswith("run#")
        }

    def calls(self, route: str) -> list[Row]:
        return [entry for entry in self.evidence.journal if entry.get("route") == route]

    @cached_property
    def trainings(self) -> dict[str, list[Row]]:
        """What the provider accepted and charged, by job: the photo links tell whose it is."""
        charged = {entry.get("model_id") for entry in self.evidence.journal if _is_charge(entry)}
        by_job: dict[str, list[Row]] = defaultdict(list)
        for entry in self.calls("start_training"):
            if entry.get("model_id") in charged:
                by_job[_job_of(entry["photos"][0])].append(entry)
        return by_job

    @cached_property
    def owners(self) -> dict[str, str]:
        """The job of each model."""
        return {
            entry["model_id"]: job_id
            for job_id, entries in self.trainings.items()
            for entry in entries
        }

    @cached_property
    def inferences(self) -> dict[str, list[Row]]:
        by_job: dict[str, list[Row]] = defaultdict(list)
        for entry in self.calls("start_inference"):
            if entry.get("inference_id"):
                by_job[self.owners.get(entry["model_id"], "")].append(entry)
        return by_job

    @cached_property
    def drawn(self) -> dict[tuple[str, int], str]:
        """The SHA-256 of every avatar that the provider drew, by inference and position."""
        return {
            (entry["inference_id"], entry["position"]): entry["sha256"]
            for entry in self.calls("download")
            if "sha256" in entry
        }

    def ends(self, job_id: str) -> str:
        job = self.jobs.get(job_id, {})
        return "/".join(filter(None, (job.get("status"), job.get("code"))))

    def ended_at(self, job_id: str) -> float:
        """When the first run of a job ended for the first time."""
        ends = [w.row["ended_at"] for w in self.history("run#001")[job_id] if "ended_at" in w.row]
        return min(ends, default=self.evidence.now)

    def history(self, record: str) -> dict[str, list[Write]]:
        """The writes of such rows, by job."""
        return self._histories[record]

    def used(self, job_id: str, photo: Row) -> set[str]:
        """The versions of an upload of which a chosen photo was prepared."""
        writes = self.history(f"photo#{photo['photo_id']}")[job_id]
        prepared = (w.row for w in writes if w.row.get("version_id") == photo["version_id"])
        return {row["upload_version"] for row in prepared}

    @cached_property
    def _histories(self) -> dict[str, dict[str, list[Write]]]:
        found: dict[str, dict[str, list[Write]]] = defaultdict(lambda: defaultdict(list))
        for write in self.evidence.writes:
            found[write.record][write.job_id].append(write)
        return found

    def run_of(self, inference_id: str) -> Row | None:
        runs = self.runs.values()
        return next((run for run in runs if inference_id in _inference_ids(run)), None)

    def objects(self, bucket: str, prefix: str) -> Iterator[tuple[str, Version]]:
        for key, versions in self.evidence.buckets[bucket].items():
            if key.startswith(prefix):
                yield from ((key, version) for version in versions)

    def newest(self, bucket: str, key: str) -> bytes | None:
        versions = self.evidence.buckets[bucket].get(key)
        return versions[-1].data if versions else None


@_invariant("second training")
def _second_training(audit: Audit) -> Iterator[Finding]:
    for job_id, entries in audit.trainings.items():
        if len(entries) > audit.evidence.trainings:
            yield job_id, f"{len(entries)} trainings: {[entry['model_id'] for entry in entries]}"


@_invariant("lost model")
def _lost_model(audit: Audit) -> Iterator[Finding]:
    """A model that was paid for and whose id stands nowhere, silently."""
    for job_id, entries in audit.trainings.items():
        known = audit.jobs.get(job_id, {}).get("model_id")
        lost = [entry["model_id"] for entry in entries if entry["model_id"] != known]
        if lost and audit.ends(job_id) != "NEEDS_ATTENTION/TRAINING_OUTCOME_UNKNOWN":
            resent = len(entries) <= audit.evidence.trainings and known
            if not resent:
                yield job_id, f"{lost} is not in the table, and the job is {audit.ends(job_id)}"


@_invariant("second inference")
def _second_inference(audit: Audit) -> Iterator[Finding]:
    for job_id, entries in audit.inferences.items():
        runs = [run for (owner, _), run in audit.runs.items() if owner == job_id]
        # What the provider says has come to nothing, another photo may be sent for.
        wanted = sum(1 + len(one["fruitless"]) for run in runs for one in run.get("inferences", ()))
        if len(entries) > audit.evidence.inferences * max(wanted, 1):
            yield job_id, f"{len(entries)} inferences in {len(runs)} runs, {wanted} were wanted"


@_invariant("lost inference")
def _lost_inference(audit: Audit) -> Iterator[Finding]:
    for job_id, entries in audit.inferences.items():
        known = {
            inference_id
            for (owner, _), run in audit.runs.items()
            if owner == job_id
            for inference_id in _inference_ids(run)
        }
        lost = [entry["inference_id"] for entry in entries if entry["inference_id"] not in known]
        allowed = audit.evidence.inferences - 1
        if audit.ends(job_id) == "NEEDS_ATTENTION/INFERENCE_OUTCOME_UNKNOWN":
            allowed += 1
        if len(lost) > allowed:
            yield job_id, f"{lost} is not in the table, and the job is {audit.ends(job_id)}"


@_invariant("lost avatar")
def _lost_avatar(audit: Audit) -> Iterator[Finding]:
    """Avatars that the provider announced are in our bucket, or somebody is told of them."""
    for entry in audit.calls("check_inference"):
        job_id, run = audit.owners.get(entry.get("model_id", ""), ""), None
        if entry.get("phase") == "DONE" and entry["status"] == 200:
            run = audit.run_of(entry["inference_id"])
        if run is None:
            continue
        first = next(
            position for position, one in _positions(run) if one == (entry["inference_id"], 1)
        )
        missing = [
            position
            for position in range(first, first + entry["pictures"])
            if not _is_kept(audit, run, position)
        ]
        told = audit.jobs[job_id]["status"] == "NEEDS_ATTENTION"
        if missing and not told:
            yield job_id, f"{missing} are not in the bucket, and the job is {audit.ends(job_id)}"


@_invariant("COMPLETED without its avatars")
def _completed_in_vain(audit: Audit) -> Iterator[Finding]:
    for job_id, job in audit.jobs.items():
        if job["status"] != JobStatus.COMPLETED:
            continue
        run = audit.runs[job_id, job["run"]]
        ordered = [
            sum(prompt["count"] for prompt in entry["prompts"])
            for entry in audit.inferences[job_id]
            if entry["inference_id"] in _inference_ids(run)
        ]
        missing = [p for p in range(1, sum(ordered) + 1) if not _is_kept(audit, run, p)]
        if missing or not ordered:
            yield job_id, f"of {ordered} avatars, {missing} are missing"


@_invariant("avatar that nobody drew")
def _junk(audit: Audit) -> Iterator[Finding]:
    """Whatever lies among the avatars is, byte for byte, what the provider drew there, marked."""
    genuine = set(audit.drawn.values())
    for key, version in audit.objects("avatars", "avatars/"):
        if version.data is not None and _sha256(_without_mark(version.data)) not in genuine:
            yield _job_of_key(key), f"{key} holds {len(version.data)} bytes of something else"


@_invariant("avatar unlike its row")
def _unlike(audit: Audit) -> Iterator[Finding]:
    for (job_id, record), row in audit.rows.items():
        if record.startswith("avatar#") and row["status"] == "kept":
            data = audit.newest("avatars", row["key"])
            if data is None or (row["sha256"], row["bytes"]) != (_sha256(data), len(data)):
                yield job_id, f"{row['key']} is not what its row says"


@_invariant("no end")
def _no_end(audit: Audit) -> Iterator[Finding]:
    for job_id, job in audit.jobs.items():
        if not JobStatus(job["status"]).ended:
            yield job_id, f"it is {job['status']}"
    for (job_id, number), run in audit.runs.items():
        if "ended_at" not in run:
            yield job_id, f"run {number} has not ended"
    for key in audit.evidence.buckets["uploads"]:
        if key.startswith("uploads/") and _job_of_key(key) not in audit.jobs:
            yield _job_of_key(key), f"{key} belongs to no job"


@_invariant("end without a reason")
def _no_reason(audit: Audit) -> Iterator[Finding]:
    for job_id, job in audit.jobs.items():
        silent = not job.get("code") or len(job.get("reason", "")) < len("Why, in words.")
        if job["status"] in ("FAILED", "NEEDS_ATTENTION") and silent:
            yield job_id, f"{audit.ends(job_id)}: {job.get('reason')!r}"
    for (job_id, record), row in audit.rows.items():
        if record.startswith("photo#") and row["status"] == "rejected" and not row.get("reason"):
            yield job_id, f"{row['file']} is rejected without a reason"


@_invariant("backward")
def _backward(audit: Audit) -> Iterator[Finding]:
    """A status moves only forward, unless a person takes a job up or asks for more."""
    order = list(JobStatus)
    for job_id, writes in audit.history("job").items():
        for before, after in pairwise(writes):
            if "DeleteItem" in (before.operation, after.operation):
                continue
            was, becomes = (JobStatus(write.row["status"]) for write in (before, after))
            if was is becomes or (not was.ended and order.index(was) < order.index(becomes)):
                continue
            again = after.row["run"] > before.row["run"] or job_id in audit.evidence.taken_up
            if not (again and was.ended and was is not JobStatus.FAILED):
                yield job_id, f"from {was} to {becomes} at {after.at}"


@_invariant("forgotten fact")
def _forgotten(audit: Audit) -> Iterator[Finding]:
    """What is known stays known, in later versions of a row."""
    facts = {
        "job": ("model_id", "trained_at", "chosen", "chosen_at", "owner", "folder"),
        "run#001": ("inference_ids", "links_expire_at"),
    }
    for record, names in facts.items():
        for job_id, writes in audit.history(record).items():
            for before, after in pairwise(writes):
                if "DeleteItem" in (before.operation, after.operation):
                    continue
                for name in names:
                    was, becomes = _fact(before.row, name), _fact(after.row, name)
                    if was and becomes[: len(was)] != was:
                        yield job_id, f"{name} was {was}, is {becomes}"


@_invariant("kept avatar forgotten")
def _unkept(audit: Audit) -> Iterator[Finding]:
    kept: set[tuple[str, str]] = set()
    for write in audit.evidence.writes:
        if write.record.startswith("avatar#"):
            if write.operation == "DeleteItem":
                kept.discard((write.job_id, write.record))
            elif write.row.get("status") == "kept":
                kept.add((write.job_id, write.record))
            elif (write.job_id, write.record) in kept:
                yield write.job_id, f"{write.record} was kept, and is {write.row.get('status')}"


@_invariant("bad photo paid for")
def _paid_in_vain(audit: Audit) -> Iterator[Finding]:
    good = {u.version_id: u.sha256 for u in audit.evidence.uploads if u.is_photo}
    for job_id, entries in audit.trainings.items():
        chosen = {
            photo["photo_id"]: photo
            for write in audit.history("job")[job_id]
            for photo in write.row.get("chosen", ())
        }
        for entry in entries:
            names = [path.rpartition("/")[2].partition(".")[0] for path in entry["photos"]]
            # Of what was used: a file that was overwritten later may be as another one is.
            used = [audit.used(job_id, chosen[name]) for name in names if name in chosen]
            different = {good.get(version, "") for versions in used for version in versions}
            if "" in different or not 5 <= len(different) == len(names) <= 30:
                yield job_id, f"trained on {len(names)} files, {len(different)} different photos"


@_invariant("stale photo")
def _stale(audit: Audit) -> Iterator[Finding]:
    """Of the versions of a file that were judged in time, the newest is used."""
    for job_id, job in audit.jobs.items():
        for photo in job.get("chosen", ()):
            written = audit.history(f"photo#{photo['photo_id']}")[job_id]
            writes = [write for write in written if write.operation != "DeleteItem"]
            judged = {w.row["upload_version"] for w in writes if w.at < job["chosen_at"]}
            newest = [
                upload.version_id
                for upload in audit.evidence.uploads
                if upload.job_id == job_id and upload.version_id in judged
            ][-1:]
            if newest and newest[0] not in audit.used(job_id, photo):
                yield job_id, f"photo {photo['photo_id']} is not the newest of {len(judged)}"


@_invariant("photo link that died")
def _dead_link(audit: Audit) -> Iterator[Finding]:
    """As long as a job is at work, the provider finds its photos."""
    for entry in audit.evidence.journal:
        if entry["event"] == "photo" and entry["trouble"]:
            job_id = _job_of(entry["path"])
            run = audit.runs.get((job_id, 1), {})
            if entry["clock"] < run.get("ended_at", audit.evidence.now):
                yield job_id, f"{entry['path']}: {entry['trouble']}"


@_invariant("second execution")
def _second_execution(audit: Audit) -> Iterator[Finding]:
    """Nothing of ours starts a run twice, unless its execution died."""
    for job_id in audit.jobs:
        ours = [s for s in audit.evidence.starts if s.job_id == job_id and not s.by_hand]
        rescues = sum(run["rescues"] for (owner, _), run in audit.runs.items() if owner == job_id)
        if len(ours) > 1 + rescues:
            yield job_id, f"{len(ours)} executions, {rescues} of them rescues"


@_invariant("two at work")
def _two_at_work(audit: Audit) -> Iterator[Finding]:
    """At any time, one execution at most works on a job, unless its row was lost with its claim."""
    at = {start.execution: start.at for start in audit.evidence.starts}
    by_job: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in audit.evidence.histories:
        lost = any(w.operation == "DeleteItem" for w in audit.history("run#001")[one.job_id])
        if one.worked and not lost:
            by_job[one.job_id].append((at[one.execution], one.ended_at))
    for job_id, lives in by_job.items():
        lives.sort()
        for (_, ended), (begun, _) in pairwise(lives):
            if begun < ended:
                yield job_id, f"one execution until {ended}, another one from {begun}"


@_invariant("sent after the end")
def _after_the_end(audit: Audit) -> Iterator[Finding]:
    """Nothing is paid for while the job has ended."""
    for entries_by_job in (audit.trainings, audit.inferences):
        for job_id, entries in entries_by_job.items():
            for entry in entries:
                writes = [w for w in audit.history("job")[job_id] if w.at <= entry["clock"]]
                status = writes[-1].row.get("status") if writes else None
                if status and JobStatus(status).ended and writes[-1].at < entry["clock"]:
                    yield job_id, f"{entry['route']} at {entry['wall']}, when it was {status}"


@_invariant("more at once than allowed")
def _too_many(audit: Audit) -> Iterator[Finding]:
    for stage, entries, most in (
        ("training", audit.trainings, audit.evidence.most_trainings),
        ("inference", audit.inferences, audit.evidence.most_inferences),
    ):
        name = "model_id" if stage == "training" else "inference_id"
        over = {
            entry[name]: entry["clock"]
            for entry in reversed(audit.calls(f"check_{stage}"))
            if entry.get("phase") in ("DONE", "FAILED", "IMAGE_NOT_VALID")
        }
        under_way = [
            (job_id, begun, min(over.get(entry[name], ended), ended, begun + LEASED))
            for job_id, entries_of_job in entries.items()
            for ended in [audit.ended_at(job_id)]
            for entry in entries_of_job
            for begun in [entry["clock"]]
        ]
        for _, moment, _ in under_way:
            # A request whose outcome stayed unknown may be under way besides the one after it.
            jobs = {job_id for job_id, begun, until in under_way if begun <= moment < until}
            if len(jobs) > most:
                yield "", f"{len(jobs)} {stage}s at once, {most} are allowed"
                break


@_invariant("forbidden fetch")
def _forbidden(audit: Audit) -> Iterator[Finding]:
    for entry in audit.evidence.journal:
        if entry["event"] == "canary":
            yield "", f"{entry['host']}{entry['path']} was fetched"


@_invariant("early look")
def _early(audit: Audit) -> Iterator[Finding]:
    accepted = {
        entry[name]: (entry["clock"], job_id)
        for stage, name in ((audit.trainings, "model_id"), (audit.inferences, "inference_id"))
        for job_id, entries in stage.items()
        for entry in entries
    }
    for route, seconds in FIRST_LOOKS.items():
        name = "model_id" if route == "check_training" else "inference_id"
        for entry in audit.calls(route):
            since, job_id = accepted.get(entry.get(name), (0.0, ""))
            if entry["clock"] - since < seconds - 1:  # clocks are read in whole seconds
                yield job_id, f"{route} after {entry['wall'] - since:.0f} s"


@_invariant("impatient")
def _impatient(audit: Audit) -> Iterator[Finding]:
    """Who is told to wait does not ask before: all jobs wait together."""
    for route in ("start_training", "start_inference"):
        calls = audit.calls(route)
        for told, later in permutations(calls, 2):
            wait = int(told.get("retry_after", 0)) if told["status"] == 429 else 0
            after = later["clock"] - told["clock"]
            if ON_ITS_WAY <= after < wait - 1:
                yield "", f"{route} {after} s after a 429 for {wait} s"


@_invariant("storm")
def _storm(audit: Audit) -> Iterator[Finding]:
    """What was refused for all jobs is not tried again and again."""
    for route in ("start_training", "start_inference"):
        refused = [e["clock"] for e in audit.calls(route) if e["status"] in (401, 402, 403)]
        for place, at in enumerate(refused):
            if (within := bisect_left(refused, at + 3600) - place) > MOST_REFUSALS:
                yield "", f"{within} refused calls of {route} in an hour"
                break


@_invariant("over the quota")
def _over(audit: Audit) -> Iterator[Finding]:
    calls = [entry["clock"] for entry in audit.evidence.journal if entry["event"] == "call"]
    for place, at in enumerate(calls):
        if (within := bisect_left(calls, at + 60) - place) > MOST_CALLS:
            yield "", f"{within} calls in a minute"
            return


@_invariant("selfies left behind")
def _left(audit: Audit) -> Iterator[Finding]:
    for (job_id, number), run in audit.runs.items():
        job = audit.jobs[job_id]
        needed = job["status"] == "NEEDS_ATTENTION" and "trained_at" not in job
        if number != 1 or "ended_at" not in run or needed:
            continue
        for prefix in (f"uploads/{job['owner']}/{job['folder']}/", f"photos/{job_id}/"):
            # An upload that comes after the end stays where its owner has put it.
            at_once = prefix.startswith("photos/") and audit.evidence.is_punctual
            for key, version in audit.objects("uploads", prefix):
                if at_once or version.stored_at < run["ended_at"] - 1:
                    yield job_id, f"{key} is still there"


@_invariant("place not given back")
def _held(audit: Audit) -> Iterator[Finding]:
    for (owner, record), row in audit.rows.items():
        if owner == "(provider)" and record.startswith("leases#"):
            for run, until in row["holders"].items():
                if until > audit.evidence.now:
                    yield run.rpartition("-")[0], f"{record} holds a place until {until}"


@_invariant("late start")
def _late_start(audit: Audit) -> Iterator[Finding]:
    first: dict[str, float] = {}
    for upload in audit.evidence.uploads:
        first.setdefault(upload.job_id, upload.at)
    for job_id, at in first.items():
        made = next((write.at for write in audit.history("job")[job_id]), at)
        if audit.evidence.is_punctual and made > at + LATEST_START:
            yield job_id, f"its job was made {made - at:.0f} s after the first upload"


@_invariant("history too long")
def _too_long(audit: Audit) -> Iterator[Finding]:
    for one in audit.evidence.histories:
        if one.events > MOST_EVENTS or one.most_bytes > MOST_BYTES:
            yield one.job_id, f"{one.events} events, {one.most_bytes} bytes"


def _is_kept(audit: Audit, run: Row, position: int) -> bool:
    row = audit.rows.get((run["job_id"], f"avatar#{run['run']:03}#{position:03}"), {})
    data = audit.newest("avatars", row.get("key", ""))
    drawn = audit.drawn.get(dict(_positions(run)).get(position, ("", 0)))
    if data is None or _sha256(data) != row.get("sha256"):
        return False
    return _sha256(_without_mark(data)) == drawn


def _inference_ids(run: Row) -> list[str]:
    """What the provider has called a run's inferences, also those that have come to nothing."""
    inferences = run.get("inferences", ())
    return [
        *(one["inference_id"] for one in inferences if one.get("inference_id")),
        *(fruitless for one in inferences for fruitless in one["fruitless"]),
    ]


def _positions(run: Row) -> Iterator[tuple[int, tuple[str, int]]]:
    """Each position of a run, and what it is at the provider: of which inference which avatar."""
    places = (
        (one.get("inference_id", ""), number)
        for one in run.get("inferences", ())
        for number in range(1, one["avatars"] + 1)
    )
    return enumerate(places, start=1)


def _fact(row: Row, name: str) -> list[Any]:
    """What a row knows under that name; of a run, what each of its inferences does."""
    if name == "inference_ids":
        return sorted(_inference_ids(row))
    if name == "links_expire_at":
        return [one[name] for one in row.get("inferences", ()) if name in one]
    return [row[name]] if row.get(name) else []


def _is_charge(entry: Row) -> bool:
    return bool(entry["event"] == "charge" and "inference_id" not in entry)


def _job_of(photo_path: str) -> str:
    """Of `/bucket/photos/{job_id}/{photo}.jpg`."""
    return photo_path.split("/")[3]


def _job_of_key(key: str) -> str:
    _, owner, folder, *_ = key.split("/")
    return job_id_for(owner, folder)


def _without_mark(avatar: bytes) -> bytes:
    """The JPEG as it was drawn; one without the mark of AI (a segment of XMP) is none of ours."""
    start = avatar.find(_XMP) - 4
    end = start + 2 + int.from_bytes(avatar[start + 2 : start + 4])
    if start < 0 or _MADE_BY_AI not in avatar[start:end]:
        return b""
    return avatar[:start] + avatar[end:]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

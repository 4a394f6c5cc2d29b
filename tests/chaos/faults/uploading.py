"""Uploads, their events and the records of their preparations: doubled, late, lost, out of order,
hostile."""

from tests.chaos import trouble
from tests.chaos.faults.fault import DAY, fault
from tests.chaos.jobs import BAD_KINDS, bad_file, shuffle
from tests.chaos.trial import Trial
from tests.fakes import ENVIRONMENT
from tests.region import Event

STRAGGLER = "straggler.jpg"


@fault("U1", "events and preparations delivered two to four times")
def _twice(trial: Trial) -> None:
    def deliveries(event: Event) -> list[float]:
        tell(trial, "U1", event, "comes again")
        again = [trial.chance.choice([0, 0, 70, 600]) for _ in range(trial.chance.randint(1, 3))]
        return [0, *map(float, again)]

    trial.deliveries = deliveries
    # Whoever comes meanwhile sees a job of which nobody knows that its execution is started.
    slow = trouble.wait_first(3, trial.world.sleep)
    trial.on("region", "after start execution", slow)


@fault("U2", "three days later, all events replayed, execution names forgotten or not; a straggler")
def _replayed(trial: Trial) -> None:
    forget = trial.chance.random() < 0.5

    def replay() -> None:
        if forget:  # as Step Functions does 90 days after the end
            executions = trial.world.services.executions
            if executions.status(trial.execution) not in (None, "RUNNING"):
                executions.started.remove(trial.execution)
                del executions.ended[trial.execution]
        for event in list(trial.events):
            trial.world.region.deliver("prepare_photo", event, trial.chance.uniform(0, 60))
        trial.upload(STRAGGLER, straggler)

    straggler = trial.another_picture()
    trial.later(3 * DAY, replay, "the events come again")


@fault("U3", "photos overwritten, their events and preparations out of order, any sequencers")
def _out_of_order(trial: Trial) -> None:
    overwritten = set(trial.chance.sample(sorted(trial.order.photos), 3))
    seen: set[str] = set()

    def deliveries(event: Event) -> list[float]:
        if "requestPayload" in event:
            return [trial.chance.choice([0, trial.chance.uniform(0, 60)])]
        item = event["detail"]["object"]
        if trial.chance.random() < 0.5:
            item["sequencer"] += f"{trial.chance.getrandbits(16):04X}"
        is_old = item["key"].rpartition("/")[2] in overwritten - seen
        seen.add(item["key"].rpartition("/")[2])
        if not is_old:
            return [trial.chance.uniform(0, 5)]
        tell(trial, "U3", event, "is late")
        return [trial.chance.choice([trial.chance.uniform(20, 30), trial.chance.uniform(0, 90)])]

    trial.deliveries = deliveries
    for name in sorted(overwritten):
        old = trial.another_picture()
        trial.later(trial.sometime(0, 10), lambda name=name, old=old: trial.upload(name, old))
    # The files that were not overwritten come last: the folder is not complete before.
    trial.order.moments = [
        trial.chance.uniform(12, 20) if name in overwritten else trial.chance.uniform(40, 48)
        for name in trial.order.files
    ]


@fault(
    "U4",
    "events or preparations that never arrive: of one photo, of some, of all",
    "events",
    "preparations",
)
def _lost(trial: Trial, way: str) -> None:
    share = trial.chance.choice([0.2, 0.5, 1.0])
    lost: set[str] = set()

    def deliveries(event: Event) -> list[float]:
        key = key_of(event)
        concerns = ("requestPayload" in event) == (way == "preparations")
        # Nobody asks again for a photo that comes after the end of its job.
        again = key in lost or key.endswith(STRAGGLER)
        if again or not concerns or trial.chance.random() >= share:
            return [0]
        tell(trial, "U4", event, "is lost")
        lost.add(key)
        return []

    trial.deliveries = deliveries


@fault("U5", "an upload deleted or overwritten before it is read", spare=2)
def _gone(trial: Trial) -> None:
    s3, bucket = trial.world.engine.s3, ENVIRONMENT["UPLOAD_BUCKET"]
    for name in trial.chance.sample(sorted(trial.order.photos), trial.chance.choice([1, 2])):
        key = trial.order.prefix + name
        how = trial.chance.choice(["deleted", "hidden", "overwritten"])

        def interfere(name: str = name, key: str = key, how: str = how) -> None:
            if how == "overwritten":
                trial.upload(name, trial.another_picture())
            elif how == "hidden":
                s3.delete_object(Bucket=bucket, Key=key)
            else:
                version = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
                s3.delete_object(Bucket=bucket, Key=key, VersionId=version)

        trial.on("s3", "GetObject", trouble.do_first(interfere), about=key)


@fault("U6", "two browsers order the same folder at once")
def _two_browsers(trial: Trial) -> None:
    order_by_api(trial)
    trial.on("dynamodb", "PutItem", trouble.wait_first(2, trial.world.sleep), about="run#", times=2)
    trial.later(1, trial.order_by_api)


@fault("U7", "the last photo of those that were promised never comes", COLLECT_SECONDS="7200")
def _silence(trial: Trial) -> None:
    order, missing = trial.order, trial.chance.randint(1, 2)
    trial.struck.add("U7")
    if trial.chance.random() < 0.3:
        keep = trial.chance.randint(1, 4)
        for name in sorted(order.photos)[keep:]:
            del order.photos[name]
        trial.doom("TOO_FEW_PHOTOS")
        missing = 0
    order.by_api = order.start = False
    order.manifest = order.manifest or {}
    order.manifest.pop("photos", None)
    if missing:
        order.manifest["photos"] = len(order.files) + missing
        trial.doom("BATCH_INCOMPLETE")
    shuffle(order, trial.chance)


@fault("U8", "hostile and broken files of every kind among the photos, and some twice")
def _hostile(trial: Trial) -> None:
    order, before = trial.order, len(trial.order.files)
    trial.struck.add("U8")
    for name in trial.chance.sample(sorted(order.photos), 2):
        order.photos[f"copy of {name}"] = order.photos[name]
    for kind in trial.chance.sample(BAD_KINDS, 5):
        order.bad[f"{kind} ü%20.jpg"] = bad_file(kind)
    if order.manifest and "photos" in order.manifest:
        order.manifest["photos"] += len(order.files) - before
    shuffle(order, trial.chance)


@fault("A2", "POST /jobs repeated by an impatient browser")
def _repeated(trial: Trial) -> None:
    order_by_api(trial)
    for _ in range(trial.chance.randint(1, 3)):
        trial.later(trial.sometime(0, 60), trial.order_by_api, "ordered again")


def order_by_api(trial: Trial) -> None:
    """The job comes through the API, whatever it was to come through."""
    order = trial.order
    order.by_api, order.start = True, False
    order.manifest = order.manifest or {"subject": "woman"}
    order.manifest.setdefault("prompts", [{"style": "anime", "count": 2}])
    order.manifest["photos"] = len(order.files)


def tell(trial: Trial, fault_id: str, event: Event, words: str) -> None:
    what = "the preparation of " if "requestPayload" in event else ""
    trial.strikes(fault_id, f"{what}{key_of(event)} {words}")


def key_of(event: Event) -> str:
    """The upload that an event, or the record of its preparation, is about."""
    key: str = event.get("requestPayload", event)["detail"]["object"]["key"]
    return key

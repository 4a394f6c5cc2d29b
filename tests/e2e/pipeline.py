"""A deployed pipeline as the world around it has it: folders, what became of them, the provider."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from avatars import keys
from avatars.aws.buckets import S3Uploads
from avatars.aws.capacity import DynamoDBCapacity
from avatars.aws.jobs import DynamoDBJobs
from avatars.aws.rows import Rows
from avatars.model import (
    Avatar,
    Job,
    JobStatus,
    Photo,
    Prompt,
    Run,
    Subject,
    Waiting,
    job_id_for,
)
from local.engine import PROJECT, client
from local.simulator.journal import Entry
from local.stack import STACK, Stack, running_stack
from tests.fakes.services import ACCOUNT, PICSART

SCALE = 0.002
"""Five minutes until the first look are 0.6 s. Work is not scaled: a cold start is ten minutes."""

GENEROUS = {
    "TrainingDeadlineSeconds": "36000",
    "InferenceDeadlineSeconds": "36000",
    "OwnerJobsPerDay": "10000",
    "OwnerPhotosPerDay": "100000",
    "OwnerOpenJobs": "10000",
}
"""Deadlines that no job reaches by queueing on a busy machine, and limits that no test does."""

GOOD_DAY = {"training_seconds": 60, "inference_seconds": 5}
"""A provider that is ready at the first look."""

PATIENCE = 60
"""Wall seconds that a test waits for anything: far more than it takes on a busy machine."""

Found = TypeVar("Found")


def eventually(look: Callable[[], Found | None], what: str, seconds: float = PATIENCE) -> Found:
    """What *look* finds as soon as it finds anything; an AssertionError if it never does."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"after {seconds} s still no {what}"
        time.sleep(0.05)
    return found


class Provider:
    """The simulator's controls: how it behaves from now on, and what it has seen."""

    def __init__(self, admin_url: str) -> None:
        self._http = httpx.Client(base_url=admin_url, trust_env=False)

    def behave(self, **knobs: Any) -> None:
        """Turn knobs of `local.simulator.scenario`; the others stay as they are."""
        self._http.post("/scenario", json=knobs).raise_for_status()

    def stumble(self, route: str, what: str, **details: Any) -> None:
        """Let the next call of *route* go wrong in one of the ways of `scenario.AnyFault`."""
        self.behave(faults=[{"route": route, "what": what, **details}])

    def forget(self) -> None:
        """An empty journal, and a provider on a good day."""
        self._http.post("/reset").raise_for_status()

    def journal(self, **wanted: str) -> list[Entry]:
        """What happened since `forget`, in order; only entries with these facts."""
        journal: list[Entry] = self._http.get("/journal", params=wanted).raise_for_status().json()
        return journal

    def calls(self, route: str) -> list[Entry]:
        return self.journal(event="call", route=route)

    def charges(self) -> list[Entry]:
        return self.journal(event="charge")

    def close(self) -> None:
        self._http.close()


class Pipeline:
    """The template's stack, reached through public AWS APIs only."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.aws = cache(partial(client, endpoint_url=stack.endpoint_url))
        self.s3 = self.aws("s3")
        self.states = self.aws("stepfunctions")
        self.functions = self.aws("lambda")
        rows = Rows(self.aws("dynamodb"), stack.outputs["JobsTable"])
        self.jobs = DynamoDBJobs(rows)
        self.capacity = DynamoDBCapacity(rows, ACCOUNT)
        self.upload_bucket = stack.outputs["UploadBucket"]
        self.avatar_bucket = stack.outputs["AvatarBucket"]
        self.provider = Provider(stack.simulator_admin_url)
        self._post = _Post(self.aws("sqs"), self.aws("events"))

    @cached_property
    def resources(self) -> dict[str, str]:
        """Physical ids by logical id."""
        pages = self.aws("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=STACK)
            for resource in page["StackResourceSummaries"]
        }

    def provider_key(self, account: str = ACCOUNT) -> str:
        """What the provider is asked with; the secret holds a key for each account."""
        secret = {"SecretId": self.stack.outputs["ProviderKeySecret"]}
        kept = self.aws("secretsmanager").get_secret_value(**secret)["SecretString"]
        key: str = json.loads(kept)[account]
        return key

    def heard(self, wanted: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """The events on the bus so far that are *wanted*, in the order they came."""
        return [event for event in self._post.events() if wanted(event)]

    def rings(self, alarm: str) -> None:
        """Wait until an alarm of the template has gone off, by what functions have printed."""
        name = self.resources[alarm]

        def state() -> bool:
            [described] = self.aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
            return bool(described["StateValue"] == "ALARM")

        eventually(state, alarm)

    def execution_arn(self, name: str) -> str:
        machine = self.stack.outputs["StateMachine"]
        return f"{machine.replace(':stateMachine:', ':execution:')}:{name}"

    def execution(self, name: str) -> dict[str, Any] | None:
        """An execution as DescribeExecution tells it; None before it is started."""
        try:
            described: dict[str, Any] = self.states.describe_execution(
                executionArn=self.execution_arn(name)
            )
        except self.states.exceptions.ExecutionDoesNotExist:
            return None
        return described

    def execute(self, **given: Any) -> dict[str, Any]:
        """Run the state machine on this input; returns the execution once it has ended."""
        return self.execution_that_ended(self.start_execution(**given))

    def start_execution(self, **given: Any) -> str:
        """Start the state machine on this input, as a person would; returns the name."""
        started = self.states.start_execution(
            stateMachineArn=self.stack.outputs["StateMachine"], input=json.dumps(given)
        )
        name: str = started["executionArn"].rpartition(":")[2]
        return name

    def stop_executions(self) -> None:
        """Let no job go on; returns when all of them are closed in the table."""
        running = self.states.list_executions(
            stateMachineArn=self.stack.outputs["StateMachine"], statusFilter="RUNNING"
        )
        for execution in running["executions"]:
            # One that has ended in the meantime cannot be stopped.
            with contextlib.suppress(self.states.exceptions.ValidationException):
                self.stop(execution["executionArn"])

    def stop(self, execution_arn: str) -> Job:
        """Stop an execution, as a person would; returns the job once it is closed in the table."""
        self.states.stop_execution(executionArn=execution_arn, cause="by a person")
        stopped = self.states.describe_execution(executionArn=execution_arn)
        job_id = json.loads(stopped["input"])["job_id"]

        def closed() -> Job | None:
            job = self.jobs.job(job_id)
            return job if self.jobs.run(job_id, job.run).ended_at else None

        return eventually(closed, f"end of job {job_id} in the table")

    def execution_that_ended(self, name: str) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            execution = self.execution(name)
            return execution if execution and execution["status"] != "RUNNING" else None

        return eventually(ended, f"end of the execution {name}")

    def history(self, name: str) -> list[dict[str, Any]]:
        pages = self.states.get_paginator("get_execution_history").paginate(
            executionArn=self.execution_arn(name)
        )
        return [event for page in pages for event in page["events"]]

    def states_entered(self, name: str) -> list[str]:
        """The states that an execution has been in so far."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.history(name)
            if "stateEnteredEventDetails" in event
        ]

    def logs(self) -> str:
        """Everything that the functions have logged."""
        pages = (
            self.aws("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self.stack.outputs["LogGroup"])
        )
        return "\n".join(event["message"] for page in pages for event in page["events"])

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """The reply of a function (by its logical id); an AssertionError if it fails."""
        answer = self.functions.invoke(
            FunctionName=self.resources[function], Payload=json.dumps(event)
        )
        reply = json.load(answer["Payload"])
        assert "FunctionError" not in answer, reply
        return reply

    def invoke_later(self, function: str, event: Mapping[str, Any]) -> None:
        """Hand an event to a function as EventBridge does: asynchronously."""
        self.functions.invoke(
            FunctionName=self.resources[function],
            Payload=json.dumps(event),
            InvocationType="Event",
        )


@contextlib.contextmanager
def running_pipeline(
    state_dir: Path,
    *,
    template: Path = PROJECT / "template.yaml",
    parameters: Mapping[str, str] = GENEROUS,
    scenario: Mapping[str, Any] = GOOD_DAY,
) -> Iterator[Pipeline]:
    """A stack of its own, with the template's parameters and the simulator's knobs set so."""
    parameters = {"QuietPeriodSeconds": "1", **parameters}
    with running_stack(
        state_dir, template=template, scale=SCALE, parameters=parameters, **scenario
    ) as stack:
        pipeline = Pipeline(stack)
        yield pipeline
        pipeline.provider.close()


@dataclass(frozen=True)
class Folder:
    """One upload folder, and the job that it becomes."""

    pipeline: Pipeline
    owner: str
    name: str

    @property
    def job_id(self) -> str:
        return job_id_for(self.owner, self.name)

    @property
    def prefix(self) -> str:
        return keys.upload_prefix(self.owner, self.name)

    def begin(self) -> None:
        """Make the job as its first upload would, but start no execution for it."""
        now = self.pipeline.stack.clock.now()
        self.pipeline.jobs.create_job(
            Job(
                job_id=self.job_id,
                owner=self.owner,
                folder=self.name,
                subject=Subject.WOMAN,
                provider=PICSART,
                status=JobStatus.COLLECTING,
                created_at=now,
                collect_deadline=now + 86_400,
                execution_started=True,
            ),
            Run(self.job_id, 1, (Prompt("realistic"),), started_at=now),
        )

    def erase(self) -> None:
        """Forget the job, so that it can begin anew."""
        table = {"TableName": self.pipeline.stack.outputs["JobsTable"]}
        rows = self.pipeline.aws("dynamodb").query(
            **table,
            KeyConditionExpression="job_id = :job_id",
            ExpressionAttributeValues={":job_id": {"S": self.job_id}},
        )
        for row in rows["Items"]:
            key = {name: row[name] for name in ("job_id", "record")}
            self.pipeline.aws("dynamodb").delete_item(**table, Key=key)
        for prefix in (self.prefix, f"photos/{self.job_id}/"):
            S3Uploads(self.pipeline.s3, self.pipeline.upload_bucket).erase(prefix)
        # What was answered before would be believed: a row without it counts as lost.
        answers = keys.answer_key(self.job_id, "")
        S3Uploads(self.pipeline.s3, self.pipeline.avatar_bucket).erase(
            answers.removesuffix(".json")
        )

    def want(self, **manifest: Any) -> None:
        """Drop a `job.json`."""
        self.drop({keys.MANIFEST: json.dumps(manifest).encode()})

    def drop(self, files: Mapping[str, bytes], **more: str) -> None:
        """Put files into the upload bucket, with *more* arguments of PutObject."""
        for file, content in files.items():
            self.pipeline.s3.put_object(
                Bucket=self.pipeline.upload_bucket, Key=self.prefix + file, Body=content, **more
            )

    def job(self) -> Job:
        return self.pipeline.jobs.job(self.job_id)

    def run(self, run: int = 1) -> Run:
        return self.pipeline.jobs.run(self.job_id, run)

    def photos(self) -> dict[str, Photo]:
        """The verdicts by file."""
        return {photo.file: photo for photo in self.pipeline.jobs.photos(self.job_id)}

    def avatars(self, run: int = 1) -> list[Avatar]:
        return self.pipeline.jobs.avatars(self.job_id, run)

    def execution(self, run: int = 1) -> dict[str, Any]:
        return self.pipeline.execution_that_ended(f"{self.job_id}-{run}")

    def statuses(self) -> Iterator[JobStatus]:
        """Every status that the job is seen in, until it has ended."""
        seen = None
        while seen is None or not seen.ended:
            seen = self._next_status(seen)
            yield seen

    def reaches(self, status: JobStatus) -> Job:
        """The job as soon as it stands in *status* or beyond."""

        def there() -> Job | None:
            job = self.pipeline.jobs.find_job(self.job_id)
            return job if job and not job.status.comes_before(status) else None

        return eventually(there, f"{status} of {self.owner}/{self.name}")

    def waits(self) -> Waiting:
        """What the job's first run waits for before its request is sent."""

        def waiting() -> Waiting | None:
            return self.run().waiting if self.pipeline.jobs.find_job(self.job_id) else None

        return eventually(waiting, f"waiting of {self.owner}/{self.name}")

    def ends(self) -> Job:
        """The job once it and its first execution have ended."""
        self.reaches(JobStatus.COMPLETED)
        self.execution()
        return self.job()

    def notices(self) -> list[dict[str, Any]]:
        """What the world was told of the job; waits until there is something."""

        def told() -> list[dict[str, Any]]:
            return self.pipeline.heard(
                lambda event: (
                    event["source"] == "avatars" and event["detail"].get("job_id") == self.job_id
                )
            )

        return eventually(told, "notice")

    def versions(self, prefix: str) -> list[str]:
        """Keys of all versions and delete markers below a prefix of the upload bucket."""
        pages = self.pipeline.s3.get_paginator("list_object_versions").paginate(
            Bucket=self.pipeline.upload_bucket, Prefix=prefix
        )
        return [
            item["Key"]
            for page in pages
            for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        ]

    def answer(self, name: str) -> dict[str, Any]:
        """A raw answer of the provider as it was kept; see `avatars.keys` for the names."""
        stored = self.pipeline.s3.get_object(
            Bucket=self.pipeline.avatar_bucket, Key=keys.answer_key(self.job_id, name)
        )
        answer: dict[str, Any] = json.load(stored["Body"])
        return answer

    def _next_status(self, last: JobStatus | None) -> JobStatus:
        def another() -> JobStatus | None:
            job = self.pipeline.jobs.find_job(self.job_id)
            return job.status if job and job.status != last else None

        return eventually(another, f"status after {last}")


class _Post:
    """Keeps every event that the bus carries for uploads and of jobs, from a queue of its own."""

    def __init__(self, queues: Any, bus: Any) -> None:
        self._queues = queues
        self._kept: list[dict[str, Any]] = []
        self._queue = queues.create_queue(QueueName="heard")["QueueUrl"]
        attributes = queues.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        bus.put_rule(Name="heard", EventPattern=json.dumps({"source": ["aws.s3", "avatars"]}))
        bus.put_targets(
            Rule="heard", Targets=[{"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}]
        )

    def events(self) -> list[dict[str, Any]]:
        while messages := self._queues.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                self._kept.append(json.loads(message["Body"]))
                self._queues.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return self._kept

"""The table of `template.yaml`, made in moto."""

from functools import cache
from pathlib import Path
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from avatars.aws.rows import Rows

ROOT = Path(__file__).parents[2]
TABLE = "jobs"


def rows() -> Rows:
    """Its rows; there are none."""
    client = boto3.client("dynamodb")
    client.create_table(TableName=TABLE, **properties())
    return Rows(client, TABLE)


@cache
def properties() -> dict[str, Any]:
    """What CreateTable is told, but the name."""
    template = yaml_parse((ROOT / "template.yaml").read_text())
    table = template["Resources"]["JobsTable"]["Properties"]
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: table[name] for name in wanted}

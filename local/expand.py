"""Print the plain CloudFormation that AWS makes of a SAM template: `python -m local.expand`."""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.adapt import Template, of_type
from local.deploy import translate

ELSEWHERE = {"Bucket": "artifacts", "Key": "artifact"}
"""Where code lies, in a template that is looked at and never deployed."""


def expand(template: Path) -> Template:
    """What AWS makes of a SAM template with its parameters at their defaults; conditions stay.

    Needs no engine and no build. Definitions of state machines, which SAM leaves in files, are
    written out as JSON in `DefinitionString`.
    """
    source: Template = yaml_parse(template.read_text())
    definitions: dict[str, Any] = {}
    for _, layer in of_type(source, "AWS::Serverless::LayerVersion"):
        layer["Properties"]["ContentUri"] = ELSEWHERE
    for _, function in of_type(source, "AWS::Serverless::Function"):
        function["Properties"]["CodeUri"] = ELSEWHERE
    for name, machine in of_type(source, "AWS::Serverless::StateMachine"):
        file = template.parent / machine["Properties"]["DefinitionUri"]
        definitions[name] = yaml.safe_load(file.read_text())
        machine["Properties"]["DefinitionUri"] = ELSEWHERE
    expanded = translate(source, {}, {})
    for name, definition in definitions.items():
        properties = expanded["Resources"][name]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = json.dumps(definition)
    return expanded


def main() -> None:
    """Print what the template named on the command line, or template.yaml, expands to."""
    [template] = sys.argv[1:] or ["template.yaml"]
    sys.stdout.write(json.dumps(expand(Path(template)), indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Values as DynamoDB writes them down, and back: text, whole numbers, yes or no, and nests of them.

What boto3 has for this cannot be imported without the rest of it, which takes a sixth of the time
that a function takes to start. It would make Decimals of numbers, and ours are whole.
"""

from collections.abc import Mapping
from typing import Any


def attributes_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """As DynamoDB takes them: what has no value has no attribute either. Enums become text, tuples
    lists. Raises TypeError for anything else."""
    return {name: _attribute(value) for name, value in fields.items() if value is not None}


def fields_of(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """As they were, but with lists in the place of tuples. Raises TypeError for what nobody here
    has written."""
    return {name: _value(attribute) for name, attribute in attributes.items()}


def _attribute(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": str(value)}
        case list() | tuple():
            return {"L": [_attribute(inner) for inner in value]}
        case dict():
            return {"M": attributes_of(value)}
    raise TypeError(f"No attribute can hold a {type(value).__name__}.")


def _value(attribute: Mapping[str, Any]) -> Any:
    match attribute:
        case {"N": number}:
            return int(number)
        case {"S": value} | {"BOOL": value}:
            return value
        case {"L": values}:
            return [_value(inner) for inner in values]
        case {"M": values}:
            return fields_of(values)
    raise TypeError(f"No row of ours has an attribute of type {', '.join(attribute)}.")

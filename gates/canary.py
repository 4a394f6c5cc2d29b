"""A template with a fault for every gate: a gate that does not report its own has not looked."""

import json
from typing import Any

_STATES = {
    "QueryLanguage": "JSONata",
    "StartAt": "Wait",
    "States": {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Nowhere"}},
}

TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "CanaryBucket": {"Type": "AWS::S3::Bucket"},  # no access logs: CKV_AWS_18, AwsSolutions-S1
        "CanaryRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
                "Policies": [
                    {
                        "PolicyName": "Canary",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "s3:GetObject",  # of a bucket, not of what is in it
                                    "Resource": {"Fn::GetAtt": ["CanaryBucket", "Arn"]},
                                }
                            ],
                        },
                    }
                ],
            },
        },
        "CanaryMachine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["CanaryRole", "Arn"]},
                "DefinitionString": json.dumps(_STATES),
            },
        },
    },
}

"""What the stories share: clients of the cloud under test, which note each answer and hold it against the model."""

import sys
import time

import boto3
import botocore.exceptions

import shapes

IMAGE = sys.argv[1]


class Cloud:
    def __init__(self):
        self.ec2 = boto3.client("ec2")
        self.sts = boto3.client("sts")
        self.called = set()
        self.wrong = []
        self.headers = {}
        self.ec2.meta.events.register("response-received.ec2", self.look)

    def look(self, event_name, response_dict, exception=None, **_):
        action = event_name.rsplit(".", 1)[-1]
        self.headers = {name.lower(): text for name, text in response_dict["headers"].items()}
        if response_dict["status_code"] == 200:
            self.called.add(action)
            model = self.ec2.meta.service_model.operation_model(action)
            self.wrong += shapes.check(model, response_dict["body"])
        if "ignored them" in self.headers.get("x-cumulet-warning", ""):
            self.wrong.append(f"{action}: {self.headers['x-cumulet-warning']}")
        if self.headers.get("content-type") != "text/xml;charset=UTF-8":
            self.wrong.append(f"{action}: content type {self.headers.get('content-type')}")

    def finish(self):
        for line in self.wrong:
            print("WRONG", line)
        sys.exit(1 if self.wrong else 0)


def refused(code, call, *arguments, contains="", **parameters):
    """Asserts that a call is refused with this code, and gives its message."""
    try:
        answer = call(*arguments, **parameters)
    except botocore.exceptions.ClientError as error:
        got, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        assert got == code, f"expected {code}, got {got}: {message}"
        assert contains in message, f"expected {contains!r} in {message!r}"
        return message
    raise AssertionError(f"expected {code}, got {answer}")


def eventually(what, look):
    """Waits until `look` gives something true, a generous minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {what}")

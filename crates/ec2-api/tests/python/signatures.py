"""botocore's signers in the forms that clients use, over plain HTTP."""

import datetime
import os
import urllib.error
import urllib.parse
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials

ENDPOINT = os.environ["AWS_ENDPOINT_URL"]
KEYS = botocore.credentials.Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


def send(method, url, headers=(), data=None):
    request = urllib.request.Request(url, data=data, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def signed(method, parameters, data=None, headers=(), signer=botocore.auth.SigV4Auth, **options):
    url = ENDPOINT + "/" + ("?" + urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote) if parameters else "")
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=data, headers=dict(headers))
    signer(KEYS, "ec2", "us-east-1", **options).add_auth(request)
    prepared = request.prepare()
    return prepared.url, {name: as_text(value) for name, value in prepared.headers.items()}


def as_text(value):
    return value.decode() if isinstance(value, bytes) else value


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REGIONS = {"Action": "DescribeRegions", "Version": "2016-11-15"}

# Form by POST, with more signed headers than the CLI signs.
body = urllib.parse.urlencode({**REGIONS, "Filter.1.Name": "region-name", "Filter.1.Value.1": "us-*"}).encode()
more = {**FORM, "amz-sdk-invocation-id": "a  b   c", "accept-encoding": "identity"}
url, headers = signed("POST", {}, body, more)
status, text = send("POST", url, headers, body)
assert status == 200 and "us-east-1" in text, text
status, text = send("POST", url, headers, body.replace(b"us-", b"eu-"))
assert status == 401 and "AuthFailure" in text, text
headers["amz-sdk-invocation-id"] = "another"
status, text = send("POST", url, headers, body)
assert status == 401, text

# By GET, with characters that need encoding.
odd = {**REGIONS, "Filter.1.Name": "region-name", "Filter.1.Value.1": "ü &=+/~*'()"}
url, headers = signed("GET", odd)
status, text = send("GET", url, headers)
assert status == 200 and "<regionInfo/>" in text, text

# Presigned.
url, _ = signed("GET", REGIONS, signer=botocore.auth.SigV4QueryAuth, expires=60)
status, text = send("GET", url)
assert status == 200 and "us-east-1" in text, text
status, text = send("GET", url + "&DryRun=true")
assert status == 401, text
url = boto3.client("ec2").generate_presigned_url("describe_regions", HttpMethod="GET")
status, text = send("GET", url)
assert status == 200 and "us-east-1" in text, text

# At another time: the signer asks this for the time.
def at(shift):
    """A request signed so long ago."""
    moment = datetime.datetime.now(datetime.timezone.utc) - shift
    saved = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: moment.replace(tzinfo=None)
    try:
        url, headers = signed("POST", {}, body, FORM)
    finally:
        botocore.auth.get_current_datetime = saved
    return send("POST", url, headers, body)


minutes = lambda n: datetime.timedelta(minutes=n)
for shift, good in [(minutes(14), True), (minutes(-14), True), (minutes(16), False), (minutes(-16), False)]:
    status, text = at(shift)
    assert (status == 200) is good, (shift, text)
    assert good or "RequestExpired" in text, text

# Not by us.
status, text = send("GET", ENDPOINT + "/?" + urllib.parse.urlencode(REGIONS))
assert status == 403 and "MissingAuthenticationToken" in text, text
status, text = send("POST", ENDPOINT + "/", FORM, b"a" * (600 * 1024))
assert status == 413, (status, text)
status, text = send("POST", ENDPOINT + "/elsewhere", FORM, b"")
assert status == 400 and "InvalidAction" in text, text
print("signatures are taken in every form, and nothing else is")

"""Holds raw XML answers against botocore's model of EC2.

botocore's parser takes what it knows and passes over the rest, so that a misspelt element would go unseen. This looks
at the XML itself: each element must be one of its shape, in the shape's order, lists must be made of <item>, and scalars
must read as their type, enumerations included.
"""

import datetime
import re
import xml.etree.ElementTree as ET

NAMESPACE = "{http://ec2.amazonaws.com/doc/2016-11-15/}"
# Elements that EC2 sends and that its model does not name.
BESIDES = {"requestId", "return"}
# Words that EC2 sends and that its model does not name: an internet gateway's attachment is `available`, a NAT gateway's
# interface is a `nat_gateway`.
WORDS_BESIDES = {("AttachmentStatus", "available"), ("NetworkInterfaceType", "nat_gateway")}


def check(operation_model, document):
    """Gives what is wrong with an answer, as a list of lines."""
    root = ET.fromstring(document)
    name = operation_model.name
    wrong = []
    if root.tag != f"{NAMESPACE}{name}Response":
        wrong.append(f"{name}: root element is {root.tag}")
    children = [child for child in root if local(child) not in BESIDES]
    if not re.fullmatch(r"[0-9a-f-]{36}", root.findtext(f"{NAMESPACE}requestId", "")):
        wrong.append(f"{name}: no request id")
    shape = operation_model.output_shape
    if shape is not None:
        structure(children, shape, name, wrong)
    elif children:
        wrong.append(f"{name}: elements where there should be none: {[local(child) for child in children]}")
    return wrong


def local(element):
    return element.tag.removeprefix(NAMESPACE)


def structure(children, shape, path, wrong):
    members = {}
    for place, (name, member) in enumerate(shape.members.items()):
        members[member.serialization.get("name", name)] = (place, member)
    last, seen = -1, set()
    for child in children:
        name = local(child)
        if name not in members:
            wrong.append(f"{path}: unknown element {name}")
            continue
        place, member = members[name]
        if name in seen:
            wrong.append(f"{path}: {name} stands twice")
        seen.add(name)
        if place < last:
            wrong.append(f"{path}: {name} is out of order")
        last = max(place, last)
        value(child, member, f"{path}.{name}", wrong)


def value(element, shape, path, wrong):
    if shape.type_name == "structure":
        structure(list(element), shape, path, wrong)
    elif shape.type_name == "list":
        for item in element:
            if local(item) != "item":
                wrong.append(f"{path}: {local(item)} in a list")
            value(item, shape.member, f"{path}[]", wrong)
    else:
        scalar(element, shape, path, wrong)


def scalar(element, shape, path, wrong):
    text = element.text or ""
    if len(element):
        wrong.append(f"{path}: elements in a scalar")
    if shape.type_name in ("integer", "long") and not re.fullmatch(r"-?[0-9]+", text):
        wrong.append(f"{path}: {text!r} is no number")
    if shape.type_name == "boolean" and text not in ("true", "false"):
        wrong.append(f"{path}: {text!r} is no boolean")
    if shape.type_name == "timestamp":
        try:
            datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")
        except ValueError:
            wrong.append(f"{path}: {text!r} is no time")
    if shape.type_name == "string" and shape.enum and text not in shape.enum and (shape.name, text) not in WORDS_BESIDES:
        wrong.append(f"{path}: {text!r} is not one of {shape.enum[:8]}")

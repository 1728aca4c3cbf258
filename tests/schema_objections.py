"""What a JSON Schema objects to in the data of a document."""

import json

from pixel_emulator.core.text import json_codec


def objections(validator, data):
    plain = json.loads(json_codec.write(data))  # numbers without their digits
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(plain)]

"""Asks by a client that openapi-python-client made of the document."""

import json
import sys

from muster_client import AuthenticatedClient
from muster_client.api.api import create_key, get_attempt, list_slos, rotate_key
from muster_client.models import CreateKeyBody, CreateKeyBodyScopesItem, RotateKeyBody

url, key = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=key) as client:
    made = create_key.sync(client=client, body=CreateKeyBody(name="python", scopes=[CreateKeyBodyScopesItem.READ]))
    rotated = rotate_key.sync(made.id, client=client, body=RotateKeyBody(grace_ms=0))
    slos = list_slos.sync(client=client)
    refused = get_attempt.sync("nobody", client=client)
    print(json.dumps({"secret": rotated.key, "objectives": len([slo.objective for slo in slos]), "code": refused.code}))

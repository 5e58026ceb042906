"""Asks Muster's ClickHouse endpoint by clickhouse-connect, as a notebook does. Prints what it was told, as JSON."""

import json
import sys

import clickhouse_connect

host, port, key, source = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
client = clickhouse_connect.get_client(host=host, port=port, username="muster", password=key, database="muster")
rows = client.query(
    "SELECT result, count() AS n FROM attempts WHERE source = {source:String} GROUP BY result ORDER BY result", parameters={"source": source}
).result_rows
columns = client.query("SELECT * FROM attempts LIMIT 0").column_names
try:
    client.command("SELECT file('/etc/passwd')")
    refused = ""
except Exception as error:  # noqa: BLE001: whatever the client makes of it
    refused = str(error)
print(json.dumps({"rows": rows, "columns": list(columns), "refused": refused}))

"""Several machines as one: counts of callers through Redis or Valkey, lists that one machine brought in, and records in
PostgreSQL.

The engines are existing ones and optional (`pip install 'ringwarden[fleet]'`); a machine alone needs neither. Nothing
here is on the way of a call: counts are exchanged beside the calls, records are read out of the journal. When an engine
is down, calls go on as on a machine alone, and that is counted.
"""

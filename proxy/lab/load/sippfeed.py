"""Fresh PASSporTs for sipp, for runs of any length.

sipp reads an injection file once, at its start, and a token in it is stale a minute later. But `[file name=...]` in a
scenario reads a file each time a message is made, and its name may be a field of the injection file. So the injection
file holds numbers and, for each row, the name of a slot: a small file with one Identity line. The slots are signed
anew, one after the other, faster than sipp goes round them: each time sipp comes to a slot it finds a token that it
has not had, a few seconds old. A slot is replaced whole (rename), so that sipp never reads half of one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from proxy.lab.load.numbers import pair
from proxy.lab.load.plan import Signing
from proxy.lab.load.supply import signing

AHEAD = 1.5
"""How much faster the slots are signed than sipp reads them: then each is new each time."""
ROUND = 5.0
"""Seconds of calls that there are slots for: a token is younger than this when it leaves."""
LEAST = 64
LONGEST = 200
"""Octets of a slot's name: sipp has room for 256."""

SCENARIO = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by the command ringwarden bench: field0 caller, field1 callee, field2 the file with the Identity line. -->
<scenario name="signed call">
  <send retrans="500" start_rtd="answer">
    <![CDATA[
      INVITE sip:+[field1]@[remote_ip]:[remote_port];user=phone SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      Max-Forwards: 70
      From: <sip:+[field0]@carrier.example;user=phone>;tag=[pid]c[call_number]
      To: <sip:+[field1]@pbx.example;user=phone>
      Call-ID: [call_id]
      CSeq: 1 INVITE
      Contact: <sip:carrier@[local_ip]:[local_port];transport=[transport]>
      P-Asserted-Identity: <sip:+[field0]@carrier.example;user=phone>
      [file name="[field2]"]
      Content-Type: application/sdp
      Content-Length: [len]

      v=0
      o=carrier 1 1 IN IP[local_ip_type] [local_ip]
      s=-
      c=IN IP[media_ip_type] [media_ip]
      t=0 0
      m=audio 40000 RTP/AVP 0
      a=rtpmap:0 PCMU/8000
    ]]>
  </send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true" rtd="answer"/>
  <send>
    <![CDATA[
      ACK [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      Max-Forwards: 70
      From: <sip:+[field0]@carrier.example;user=phone>;tag=[pid]c[call_number]
      To: <sip:+[field1]@pbx.example;user=phone>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 1 ACK
      Content-Length: 0

    ]]>
  </send>
  <pause/>
  <send retrans="500">
    <![CDATA[
      BYE [next_url] SIP/2.0
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
      [routes]
      Max-Forwards: 70
      From: <sip:+[field0]@carrier.example;user=phone>;tag=[pid]c[call_number]
      To: <sip:+[field1]@pbx.example;user=phone>[peer_tag_param]
      Call-ID: [call_id]
      CSeq: 2 BYE
      Content-Length: 0

    ]]>
  </send>
  <recv response="200"/>
</scenario>
"""


class Feed:
    """An injection file and its slots. `round` signs all of them once."""

    def __init__(self, path: Path, how: Signing, rate: float) -> None:
        """rate: calls a second that sipp places at most. The scenario goes beside it. Raises OSError, ValueError for a
        name that sipp has no room for.
        """
        self.path, self.rate = path, rate
        self.scenario = path.with_name(path.name + ".xml")
        folder = path.resolve().with_name(path.name + ".d")
        self._sign = signing(how)
        self.slots = [folder / f"{index}" for index in range(max(LEAST, int(rate * ROUND)))]
        if len(str(self.slots[-1])) > LONGEST or ";" in str(folder) or '"' in str(folder):
            raise ValueError(
                f"sipp cannot read files below {folder}: its name is too long, or holds a semicolon or a quote"
            )
        folder.mkdir(parents=True, exist_ok=True)
        self._calls = [pair(index) for index in range(len(self.slots))]
        self._index = 0
        for slot in range(len(self.slots)):
            self._write(slot)
        rows = (
            f"{caller.decode()};{callee.decode()};{slot}\n"
            for (caller, callee), slot in zip(self._calls, self.slots, strict=True)
        )
        self.scenario.write_text(SCENARIO, encoding="ascii")
        # Last: whoever waits for this file finds all the rest.
        new = path.with_name(path.name + ".new")
        new.write_text("SEQUENTIAL\n" + "".join(rows), encoding="utf-8")
        os.replace(new, path)

    def _write(self, slot: int) -> None:
        caller, callee = self._calls[slot]
        line = self._sign(self._index, caller, callee).rstrip(b"\r\n")
        self._index += 1
        path = self.slots[slot]
        new = path.with_suffix(".new")
        new.write_bytes(line)
        os.replace(new, path)

    def keep(
        self,
        until: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> int:
        """Sign on until told to stop; returns how many were signed."""
        began, first, slot = clock(), self._index, 0
        while not until():
            due = int((clock() - began) * self.rate * AHEAD) - (self._index - first)
            for _ in range(min(due, 256)):
                self._write(slot)
                slot = (slot + 1) % len(self.slots)
            if due < 256:
                sleep(0.01)
        return self._index - first

    def remove(self) -> None:
        """Take all of it away."""
        for slot in self.slots:
            slot.unlink(missing_ok=True)
        self.slots[0].parent.rmdir()
        self.path.unlink(missing_ok=True)
        self.scenario.unlink(missing_ok=True)

"""A load generator: callers and callees in several processes, made to cost far less than what they measure.

A call is INVITE, 100, 180, 200, ACK, BYE, 200, each with a PASSporT of its own that was signed a moment ago. Calls
start on a fixed schedule whatever becomes of those before (open loop), or as many are kept open as is asked (closed
loop). What has no answer is sent again as RFC 3261 section 17 says, and counted.

    words      the messages, as bytes: templates, and slices of what was heard
    numbers    fictional numbers to call from and to
    delays     a histogram of delays with steps of one per cent
    plan       what is asked of a run, and what became of it
    wires      raw sockets: datagrams, and streams of whole messages
    supply     signed calls, made ahead by a process beside each caller
    caller, callee   the two loops
    fleet      starts the processes, brings them to one start, gathers what they saw
    saturation the highest rate at which nearly nothing fails
    trust, stand   what signs, and a ringwarden of our own to measure
    sippfeed   the same signed calls for sipp

No message is parsed into objects and no task is made for one: a loop asks its socket, looks for a few octets and
writes a few. Nothing here judges a call; that is the business of what is measured.
"""

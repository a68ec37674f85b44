"""The notice of an emergency call to a place where somebody sees or hears it (47 CFR 9.16(b)(2), Kari's Law).

`content` is what it says, `locations` where a line is, `webhook`, `mail` and `syslog` are the ways on which it leaves,
`sending` repeats what did not arrive. It goes beside the call and never before it: nothing here can hold a call up.
"""

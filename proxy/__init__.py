"""The program: a SIP proxy that verifies, screens and signs calls. `ARCHITECTURE.md` is the map."""

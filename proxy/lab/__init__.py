"""A telephone world on loopback for the demo, the tests and the benchmarks. Never imported by `ringwarden run`."""

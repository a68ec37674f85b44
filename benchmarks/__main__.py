"""`python -m benchmarks`: every question, one after the other, as tables. `--quick` asks whether they run at all."""

from __future__ import annotations

import sys

from benchmarks import adversity, blackhole, certificates, decide, dnc, failover, invite, slow, upgrade, urls, verify


def main() -> int:
    quick = ["--quick"] if "--quick" in sys.argv[1:] else []
    worst = 0
    for target in ("verify", "reject", "relay"):
        worst = max(worst, invite.main(["--target", target, *quick]))
        print()
    worst = max(worst, verify.main(quick))
    print()
    worst = max(worst, decide.main(quick))
    print()
    worst = max(worst, dnc.main(quick))
    print()
    worst = max(worst, blackhole.main(quick))
    print()
    worst = max(worst, urls.main(quick))
    print()
    worst = max(worst, certificates.main(quick))
    print()
    worst = max(worst, failover.main(quick))
    print()
    worst = max(worst, adversity.main(quick))
    print()
    worst = max(worst, upgrade.main(quick))
    print()
    return max(worst, slow.main(quick))


if __name__ == "__main__":
    raise SystemExit(main())

"""The whole oracle on three hosts that share a store: the short form of `make torture-cluster`."""

import nodes
import servers
import torture
from hosts import program


def test_three_hosts():
    """Faults for a few seconds, then a host and the primary are thrown away.  What the host had to
    drain waits for the end of its lease, which is most of the time that this takes."""
    program.build_shared()
    with servers.directory(torture.roomy()) as top:
        made = nodes.Nodes(top)
        made.make()
        verdict, run = torture.run(made, 7, 2, print, freeze=((0.1, 0.6),), link_s=0.5)
    print(verdict, f"durable {run.failover_s:.1f} s after the primary's death")
    verdict.check()
    assert verdict.acknowledged > 2 * torture.LAST

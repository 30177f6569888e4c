"""How every scenario ends: the nodes stop in good order, a newcomer looks, all is checked."""

from tests.faults.checker import check
from tests.faults.fleet import Fleet
from tests.faults.newcomer import look
from tests.faults.nodes import NodeProcess


async def end_well(
    fleet: Fleet, *nodes: NodeProcess, is_complete: bool = True, in_order: bool = False
) -> None:
    """Stop the nodes that still run, and check all invariants; the broker is still there.

    The newcomer looks when the nodes have stopped, or before, where the broker stops with its node.

    Raises:
        AssertionError: a node did not end in good order, or an invariant does not hold.
    """
    is_early = any(node.brings_broker for node in nodes)
    if is_early:
        await fleet.until_all_ended()
        await look(fleet)
    running = [node for node in nodes if node.is_alive]
    for node in running:
        if (code := await node.stop()) != 0:
            raise AssertionError(f"exit code {code}:\n{node.log[-2_000:]}")
    for node in running:
        if not node.brings_broker:
            await fleet.until_offline(node.node_id)
    if not is_early:
        await look(fleet)
    check(fleet.history, nodes, is_complete=is_complete, in_order=in_order)

"""Which journal the settings ask for."""

from typing import Final, TypeAlias

from planner_node.journal.postgres.connecting import Address
from planner_node.journal.postgres.store import PostgresJournal, Sharing
from planner_node.journal.store import Journal
from planner_node.settings import JournalSettings, secret

_SHARED: Final = ("postgresql://", "postgres://")

AnyJournal: TypeAlias = Journal | PostgresJournal


def journal_of(settings: JournalSettings, node_id: str, *, outbox: bool) -> AnyJournal:
    """Return the journal of ``journal.url``, not open yet.

    Raises:
        SettingsRefused: the password's file cannot be read.
    """
    if not settings.url.startswith(_SHARED):
        return Journal(settings.url, outbox=outbox, commit_wait_ms=settings.commit_wait_ms)
    sharing = Sharing(outbox, settings.lease_s, settings.commit_wait_ms)
    return PostgresJournal(_address(settings, node_id), sharing)


async def look_at_shared(settings: JournalSettings) -> None:
    """Visit the database of a shared journal, and leave it as it is.

    Raises:
        JournalLost: nobody answers, or we are refused.
        SettingsRefused: the password's file cannot be read.
    """
    await _address(settings, "doctor").look()


def _address(settings: JournalSettings, node_id: str) -> Address:
    return Address(settings.url, node_id, secret(settings.password, settings.password_file))

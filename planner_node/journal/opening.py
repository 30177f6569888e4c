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
    password = secret(settings.password, settings.password_file)
    sharing = Sharing(outbox, settings.lease_s, settings.commit_wait_ms)
    return PostgresJournal(Address(settings.url, node_id, password), sharing)

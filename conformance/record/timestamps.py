"""Time stands still while a scenario is recorded, and naive and aware timestamps can be compared."""

from datetime import datetime, timezone

NOW = datetime(2026, 1, 1, 12, 0, 0)


class FrozenDatetime(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW if tz is None else NOW.replace(tzinfo=tz)


def freeze():
    import chatkit.server

    chatkit.server.datetime = FrozenDatetime


def sort_key(created_at):
    if created_at is None:
        return 0.0
    if created_at.tzinfo is None:
        created_at = created_at.replace(tzinfo=timezone.utc)
    return created_at.timestamp()

"""What happens to a message after it was taken, and the inbox in which its user sees it."""

from __future__ import annotations

from datetime import datetime, timedelta

from starlette.requests import Request

import contracts
from simulators.frame import SHANGHAI, Document, Entry, Link, Page, Service, Transaction, rfc3339

_STATES = {row["code"]: row["text"] for row in contracts.code_table("notice", "v1", "message_states")}


class Messages:
    """Delivers, has read, fails; tells of it by callback. A message is a document under its reference."""

    def __init__(self, service: Service) -> None:
        self.base = service.base
        self.name = service.name

    def keep(self, tx: Transaction, message: Document) -> None:
        """Store a message, new or changed."""
        tx.put(self.name, "message", message["shown"]["reference"], message, group=message["shown"]["userId"])

    def deliver(self, tx: Transaction, message: Document, now: datetime) -> None:
        """Deliver what is on its way."""
        if message["shown"]["state"] in ("HELD", "SENT"):
            message["shown"] |= {"state": "DELIVERED", "deliveredAt": rfc3339(_second(now))}
            self.keep(tx, message)
            self._tell(tx, message, "DELIVERED", now)

    def deliver_due(self, tx: Transaction, now: datetime) -> None:
        """Deliver what was held until now."""
        for _, message in tx.list(self.name, "message"):
            shown = message["shown"]
            if shown["state"] == "HELD" and datetime.fromisoformat(shown["heldUntil"]) <= now:
                self.deliver(tx, message, now)

    def read(self, tx: Transaction, message: Document, now: datetime) -> None:
        """Read what is on the device; that it was delivered goes without saying."""
        shown, at = message["shown"], rfc3339(_second(now))
        if shown["state"] in ("SENT", "DELIVERED"):
            shown |= {"state": "READ", "deliveredAt": shown.get("deliveredAt", at), "readAt": at}
            self.keep(tx, message)
            self._tell(tx, message, "READ", now)

    def fail(self, tx: Transaction, message: Document, reason: str) -> None:
        """It will not be delivered."""
        message["shown"] |= {"state": "FAILED", "reason": reason}
        self.keep(tx, message)

    def _tell(self, tx: Transaction, message: Document, event: str, now: datetime) -> None:
        told = {
            "eventId": f"E{now:%Y%m%d}{tx.next(self.name, 'event'):08d}",
            "reference": message["shown"]["reference"],
            "messageId": message["shown"]["messageId"],
            "event": event,
            "occurredAt": rfc3339(_second(now)),
        }
        self.base.callbacks.enqueue(tx, self.name, "message_moved", told["reference"], told)


class Inbox:
    """Users, the inbox of each, and one message: who opens it has read it."""

    def __init__(self, service: Service, messages: Messages) -> None:
        self.service = service
        self.name = service.name
        self.messages = messages

    def pages(self) -> list[Page]:
        """All inboxes, one, and one message of it."""
        return [
            Page("/inbox", "工作消息", self._all),
            Page("/inbox/{user}", "工作消息", self._one, "没有消息。"),
            Page("/inbox/{user}/{number:int}", "工作消息", self._opened),
        ]

    def _all(self, tx: Transaction, request: Request) -> list[Entry]:
        entries: list[Entry] = []
        for key, user in tx.list(self.name, "user"):
            messages = [one["shown"]["state"] for _, one in tx.list(self.name, "message", key)]
            unread = sum(state == "DELIVERED" for state in messages)
            where = Link(f"{len(messages)} 条，未读 {unread} 条", f"{self.service.url}/inbox/{key}")
            entries.append([("用户", f"{user['name']}（{key}）"), ("消息", where)])
        return entries

    def _one(self, tx: Transaction, request: Request) -> list[Entry] | None:
        user = request.path_params["user"]
        if tx.get(self.name, "user", user) is None:
            return None
        arrived = [one for _, one in tx.list(self.name, "message", user) if _on_device(one)]
        return [self._entry(one, opened=False) for one in reversed(arrived)]

    def _opened(self, tx: Transaction, request: Request) -> list[Entry] | None:
        user, number = request.path_params["user"], request.path_params["number"]
        for _, message in tx.list(self.name, "message", user):
            if message["number"] == number and _on_device(message):
                self.messages.read(tx, message, self.service.base.clock.now())
                return [self._entry(message, opened=True)]
        return None

    def _entry(self, message: Document, *, opened: bool) -> Entry:
        shown = message["shown"]
        recalled = shown["state"] == "RECALLED"
        words = "消息已撤回" if recalled else message["text"]
        rows: list[tuple[str, str | Link]] = [("时间", message["at"]), ("状态", _STATES[shown["state"]])]
        if recalled or opened:
            rows.append(("内容", words))
        else:
            rows.append(("内容", Link(words, f"{self.service.url}/inbox/{shown['userId']}/{message['number']}")))
        if opened and not recalled and "link" in message["asked"]:
            rows.append(("办案系统", message["asked"]["link"]))
        return rows


def _second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _on_device(message: Document) -> bool:
    shown = message["shown"]
    return shown["state"] in ("DELIVERED", "READ") or (shown["state"] == "RECALLED" and "deliveredAt" in shown)


def quiet_until(quiet: str, now: datetime) -> datetime | None:
    """When quiet hours end, in which ``now`` lies; None outside of them. They may go over midnight."""
    if not quiet:
        return None
    local = now.astimezone(SHANGHAI)
    begin, end = (datetime.strptime(part, "%H:%M").time() for part in quiet.split("-"))  # noqa: DTZ007 - times of day
    at = local.time().replace(tzinfo=None)
    inside = begin <= at < end if begin <= end else at >= begin or at < end
    if not inside:
        return None
    morning = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return morning if morning > local else morning + timedelta(days=1)

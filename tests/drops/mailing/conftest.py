"""The vault that can mail, and the mail server, of the tests of links."""

from tests.shares.mailing.conftest import mailbox, runtime, server

__all__ = ["mailbox", "runtime", "server"]

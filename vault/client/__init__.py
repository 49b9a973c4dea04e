"""The client: `casevault upload` and `casevault import`, for people who send files from their own machine.

It speaks HTTP with a vault as any program does and shares nothing with the server but the tree of errors, so it runs
where there is no vault. Passwords and the session's cookie are kept in memory alone. A file is sent by tus 1.0: what the
vault has acknowledged is never sent again, whatever breaks.
"""

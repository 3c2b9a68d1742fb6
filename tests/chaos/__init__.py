"""The crash harness: processes are killed at every message that they exchange with the database, the provider and the disk, then audited.

Nothing in the product knows of it. Proxies stand between a process and what it talks to, and see each message before it is delivered and
each answer before it is heard; one of the two is where the process dies. `python -m tests.chaos` runs all of it.
"""

"""The stores against real servers: OpenStack Swift's S3 API, behind a proxy that has R2's rules and breaks things by script."""

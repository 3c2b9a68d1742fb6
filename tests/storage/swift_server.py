"""A one-node OpenStack Swift with its S3 API on loopback: account, container, object and proxy server in one process.

Run by the Python of Swift's own environment: `python swift_server.py FOLDER`. Prints the S3 API's port when it answers; ends with its
standard input, so that no killed test run leaves it behind.
"""

import sys
from pathlib import Path

import eventlet
import eventlet.wsgi
from swift.common.utils import NullLogger, monkey_patch

monkey_patch()

from swift.common import wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402

USER, KEY = "test:tester", "testing"
PARTS = ("account", "container", "object")

_SWIFT = """[swift-hash]
swift_hash_path_prefix = a
swift_hash_path_suffix = b
[storage-policy:0]
name = one
default = yes
"""
_DEFAULT = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
fallocate_reserve = 0
log_level = ERROR
log_address = /nonexistent
eventlet_debug = false
"""
_PART = """[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
_PROXY = """[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
allow_async_delete = false
[filter:dlo]
use = egg:swift#dlo
"""


def main(folder: Path) -> None:
    (folder / "devices" / "d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(_SWIFT)
    # Bound before anything names them: no port is looked for and lost again.
    sockets = {part: eventlet.listen(("127.0.0.1", 0)) for part in (*PARTS, "proxy")}
    for part in PARTS:
        _ring(folder / f"{part}.ring.gz", sockets[part].getsockname()[1])
    for part, socket in sockets.items():
        conf = folder / f"{part}.conf"
        rest = _PROXY if part == "proxy" else _PART.format(part=part)
        conf.write_text(_DEFAULT.format(port=socket.getsockname()[1], folder=folder) + rest)
        # Not wsgi.run_server, which begins a new hub each time and so allows one server a process.
        app, *_ = wsgi.init_request_processor(str(conf), f"{part}-server")
        how = {"protocol": wsgi.SwiftHttpProtocol, "capitalize_response_headers": False, "url_length_limit": 8192}
        eventlet.spawn(eventlet.wsgi.server, socket, app, NullLogger(), **how)
    print(sockets["proxy"].getsockname()[1], flush=True)
    eventlet.tpool.execute(sys.stdin.read)


def _ring(file: Path, port: int) -> None:
    """One copy of everything, on one device."""
    builder = RingBuilder(4, 1, 0)
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "d1", "weight": 1.0, "meta": ""} | address)
    builder.rebalance()
    builder.get_ring().save(str(file))


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())

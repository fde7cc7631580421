"""Clients that send a byte now and then, many at once: a message is answered all the same, behind
every web server."""

import contextlib
import os
import resource
import socket

import pytest

import fronts
import wechat
from wechat import SAFE

# More than each server has connections for, as Debian sets it up.
CLIENTS = int(os.environ.get("E2E_SLOW_CLIENTS", "400"))
WECHAT_S = 5
OPEN_FILES = 1024       # what Debian's servers start with


class Wide(fronts.Nginx):
    """As the comment in the example says."""
    connections = 8192


WAYS = {name: fronts.KINDS[name] for name in
        ("lighttpd-fastcgi", "lighttpd-socket", "apache-fcgid", "apache-proxy", "caddy")}
WAYS |= {"nginx": Wide(), "apache-cgid": fronts.Apache("cgi", "event", cgi=True, own=["cgid"])}


@pytest.fixture(scope="module", params=WAYS)
def crowded(request, qt_server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))
    try:
        front = fronts.Front(WAYS[request.param], qt_server.url)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, CLIENTS + 500)), hard))
    yield front
    front.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


HEAD = b"POST /qtoa/safe HTTP/1.1\r\nHost: 127.0.0.1\r\n"
BODY = HEAD + b"Content-Type: text/xml\r\nContent-Length: 2000\r\n\r\n<xml>"


def hang(stack, front, start):
    """A client that has begun to send."""
    client = stack.enter_context(socket.create_connection(("127.0.0.1", front.port), 20))
    client.sendall(start)
    return client


def trickle(clients):
    """A byte of each that is still connected."""
    for client in clients:
        with contextlib.suppress(OSError):
            client.send(b"x")


def number_of(front, start):
    """Behind these a slow body holds a thread of the program, or a process."""
    holds = front.kind.cgi or (front.kind.spawned and isinstance(front.kind, fronts.Apache))
    return CLIENTS // 4 if start == BODY and holds else CLIENTS


@pytest.mark.parametrize("start", (HEAD, BODY), ids=("headers", "body"))
def test_a_message_is_answered_between_slow_clients(crowded, qt, start):
    with contextlib.ExitStack() as stack:
        clients = [hang(stack, crowded, start) for _ in range(number_of(crowded, start))]
        for _ in range(3):
            trickle(clients)
            push = wechat.push(SAFE)
            answer = crowded.push(SAFE, push, timeout=WECHAT_S)
            assert (answer.status, answer.body) == (200, b"success")
    assert len(qt.received) == 3

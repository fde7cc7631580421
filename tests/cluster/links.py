"""Links between hosts and servers that can fail: each is a port on this machine behind which
bytes go on to the other end, or do not."""

import asyncio
import itertools
import socket
import threading
from servers import PATIENCE_S


class Wires:
    """The thread that carries what goes over the links."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.links = []
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def link(self, name, target):
        """target: the path of a socket, or a function that gives one."""
        link = Link(self, name, target if callable(target) else lambda: target)
        self.call(link.begin())
        self.links.append(link)
        return link

    def close(self):
        self.call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _end(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for link in self.links:
            link.server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# Directions.
THERE, BACK = 0, 1


class Link:
    """What is held goes on when the link is well again, as TCP would send it again; so nobody
    hears meanwhile that the other end is gone."""

    def __init__(self, wires, name, target):
        self.wires = wires
        self.name = name
        self.target = target
        self.server = None
        self.port = 0
        self.refuses = False
        self.delay, self.late = 0, None
        self.gates = ()
        self.ends = set()       # of connections

    async def begin(self):
        self.gates = (asyncio.Event(), asyncio.Event())
        for gate in self.gates:
            gate.set()
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        self.port = s.getsockname()[1]
        self.server = await asyncio.start_server(self._serve, sock=s)

    async def _serve(self, reader, writer):
        self.ends.add(writer)
        other = None
        try:
            await self.gates[THERE].wait()
            if self.refuses:
                return
            their, other = await asyncio.open_unix_connection(self.target())
            self.ends.add(other)
            await asyncio.gather(self._carry(reader, other, THERE),
                                 self._carry(their, writer, BACK))
        except (OSError, asyncio.CancelledError):       # an end has closed, or all ends
            pass
        finally:
            for end in filter(None, (writer, other)):
                self.ends.discard(end)
                end.transport.abort()

    async def _carry(self, reader, writer, way):
        for n in itertools.count():
            data = await reader.read(65536)
            if self.delay and (self.late is None or (way == BACK and n < self.late)):
                await asyncio.sleep(self.delay)
            await self.gates[way].wait()
            if not data:
                break
            writer.write(data)
            await writer.drain()
        raise ConnectionError       # one end has closed: so does the other

    # What may happen to it.

    def _set(self, change):
        async def work():
            change()
        self.wires.call(work())

    def cut(self):
        """Connections end, and others are refused."""
        def change():
            self.refuses = True
            self._drop()
        self._set(change)

    def _drop(self):
        for end in list(self.ends):
            end.transport.abort()

    def hold(self, *ways):
        """Half open: connections are accepted, and nothing comes through, in these directions."""
        self._set(lambda: [self.gates[way].clear() for way in ways or (THERE, BACK)])

    def slow(self, seconds, late=None):
        """late: so many answers of each connection, and nothing else."""
        def change():
            self.delay, self.late = seconds, late
        self._set(change)

    def heal(self, drop=False):
        """Well again.  drop: what was held is lost, with its connection."""
        def change():
            self.refuses, self.delay = False, 0
            if drop:
                self._drop()
            for gate in self.gates:
                gate.set()
        self._set(change)

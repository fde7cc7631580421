"""What a program writes to a terminal."""

import os
import select


class Screen:
    """The master's side of a pseudo terminal, .master: who has this class opens and closes it."""

    def __init__(self):
        self.written = b""

    @property
    def text(self):
        """All that it wrote; of a character that is split, the rest is still to be read."""
        return self.written.decode(errors="replace")

    def read(self, timeout=0.1):
        """False: there is nothing at the moment."""
        if not select.select([self.master], [], [], timeout)[0]:
            return False
        try:
            self.written += os.read(self.master, 65536)
        except OSError:     # the other side is closed
            return False
        return True

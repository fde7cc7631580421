"""A stage whose accounts have two relays, which die, fail, are slow and come back all the time.  Each
message that is acknowledged must get to QT and to both of them."""

import oracle
import relay
import storm
from stage import Stage

NAMES = ("raw", "signed")
STATUSES = (200, 200, 200, 500, 503, 429, 0)


class Sky(storm.Helper):
    """What the relays do; in the end they are well."""

    def __init__(self, stage, seed):
        super().__init__(stage, f"relays {seed}")
        self.relays = list(stage.relays.values())

    def step(self):
        one = self.rng.choice(self.relays)
        how = self.rng.choice(("status", "status", "down", "slow"))
        if how == "status":
            one.status = self.rng.choice(STATUSES)
        elif how == "down":
            one.down()
        else:
            one.gate.clear()
        self.over.wait(self.rng.uniform(0.1, 1))
        one.gate.set()
        one.up()

    def stop(self):
        super().stop()
        for one in self.relays:
            one.gate.set()
            one.up()
            one.status = 200


class Beset(Stage):
    """Each relay answers what it has taken with `success`: users get no reply."""

    variant = "beset"

    def prepare(self, stack):
        self.relays = {name: relay.Relay() for name in NAMES}
        for name, one in self.relays.items():
            stack.callback(one.stop)
            self.home.env[f"E2E_{name.upper()}"] = one.url
        self.sky = Sky(self, self.rng.random())
        self.read = dict.fromkeys(NAMES, 0)         # of what came, how much was looked at
        self.taken = {name: set() for name in NAMES}
        stack.callback(self.well)

    def begin(self):
        self.sky.start()
        super().begin()

    def well(self):
        if self.sky.is_alive():
            self.sky.stop()

    def _taken(self, name):
        """The messages that a relay has taken."""
        got = self.relays[name].got
        todo = got[self.read[name]:]
        if not self.sky.is_alive():     # until then some are being answered
            self.read[name] += len(todo)
        for one in todo:
            if one.status == 200:
                self.taken[name] |= {oracle.opened(a, one.body) for a in oracle.ACCOUNTS}
        return self.taken[name]

    def _missing_at(self, name):
        taken = self._taken(name)
        return [m for m in self.sent if m.acknowledged and m.xml not in taken]

    def missing(self):
        return [*super().missing(),
                *(m for name in NAMES for m in self._missing_at(name)
                  if not any(loss.takes and m.asked < loss.end for loss in self.losses))]

    def judged(self, ended, emptied):
        seen = super().judged(ended, emptied)
        for name in NAMES:
            lost = [m for m in self._missing_at(name)
                    if not any(loss.takes and loss.said and m.asked < loss.end
                               for loss in self.losses)]
            if lost:
                seen.problems.append(f"{name} never got {len(lost)}, such as {lost[0]}")
            self.say(f"{name} was asked {len(self.relays[name].got)} times, and has "
                     f"{len(self._taken(name) & {m.xml for m in self.sent})} messages")
        return seen

"""Each trouble of troubles.py alone, in each of its forms; and all of them in one mix with what a
storm has already: QT's weather, kills, `qtoa drain`.  After the last one nobody does a thing: the
processes that run empty the queue within a minute."""

import contextlib
import time

import storm
from stage import Stage
from troubles import TROUBLES, Clock, Gone, Keys, Poison, Room

SIZE = "16M"
LONG = ("ext4", "tmpfs")    # disks of the long form
AFTER_S = 4         # so long WeChat goes on after the last trouble
SKY = {name: row for name, row in storm.WEATHERS.items() if name != "keys"}


def alone(name, variant, seed, say=print, rate=30, disks=("tmpfs",), hold_s=None,
          after_s=AFTER_S, make=Stage):
    """One trouble on a stage of its own; what was seen."""
    kind = TROUBLES[name]
    size = SIZE if kind.small_disk else None
    with contextlib.ExitStack() as stack:
        stage = make(stack, seed, size, rate, disks=disks)
        stage.say = say
        stage.unsafe_because = kind.unsafe_because
        trouble = kind(stage, seed, variant)
        stage.begin()
        stage.pause(0.5)
        trouble.begin()
        stack.callback(trouble.leave)
        stage.pause(hold_s or trouble.hold_s)
        trouble.end()
        stage.well()
        ended = time.monotonic()
        stage.pause(after_s)
        stage.quiet()
        seen = stage.judged(ended, stage.emptied(ended))
        say(f"{name}/{variant}, seed {seed}: {seen}")
        return seen


def short(name, variant, seed, **how):
    """As in `make check`."""
    return alone(name, variant, seed, hold_s=TROUBLES[name].short_s, after_s=2.5, **how)


class Lane(storm.Helper):
    """One trouble after the other."""

    def __init__(self, stage, seed, kinds, least_s, most_s):
        super().__init__(stage.site, f"{kinds} {seed}")
        self.stage, self.kinds, self.span = stage, kinds, (least_s, most_s)
        self.last = None

    def step(self):
        trouble = self.rng.choice(self.kinds)(self.stage, self.rng.random())
        trouble.begin()
        self.over.wait(self.rng.uniform(*self.span))
        trouble.end()
        self.last = trouble
        if self.over.wait(self.rng.uniform(*self.span)):
            return                  # what stays stays to the end
        trouble.leave()

    def leave(self):
        if self.last:
            self.last.leave()


class Reaper(storm.Reaper):
    """Waits while somebody else ends and begins processes."""

    def __init__(self, stage, *args):
        super().__init__(stage.site, *args)
        self.turn = stage.turn

    def _strike(self, what):
        with self.turn:
            super()._strike(what)


def together(seed, seconds, kills=0, say=print, rate=40, size="24M", disks=("tmpfs",),
             make=Stage):
    """All at the same time, for so long."""
    with contextlib.ExitStack() as stack:
        stage = make(stack, seed, size, rate, cgi=15, disks=disks)
        stage.say, stage.commands_fail = say, True
        begin = time.monotonic()
        lanes = [Lane(stage, seed, kinds, least_s, most_s) for kinds, least_s, most_s in (
            ((Room, Gone, Gone), 1, 8), ((Poison,), 5, 30), ((Keys,), 1, 8), ((Clock,), 2, 10))]
        reaper = Reaper(stage, seed, kills, lambda: (time.monotonic() - begin) / seconds)
        helpers = [*lanes, storm.Sky(stage.site, seed, stage.qt, SKY), storm.Cron(stage.site)]
        helpers += [reaper] if kills else []
        stage.begin()
        for helper in helpers:
            helper.start()
        stage.pause(seconds)
        for helper in helpers:
            helper.over.set()
        for helper in helpers:
            try:
                helper.stop()
            except AssertionError as e:
                stage.problems.append(str(e))
        stage.well()
        ended = time.monotonic()
        for lane in lanes:
            stack.callback(lane.leave)
        stage.good.clear()          # there was more that kept messages waiting
        stage.due.clear()
        stage.pause(AFTER_S)
        stage.quiet()
        seen = stage.judged(ended, stage.emptied(ended))
        say(f"{reaper.killed} kills; QT: {dict(sorted(stage.qt.drawn.items()))}\n"
            f"mix, seed {seed}: {seen}")
        return seen

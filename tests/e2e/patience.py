"""How long tests wait for what must come.  What comes ends the wait, so this time passes only if
something is wrong: a machine that is slow and busy, with sanitizers, needs less."""

PATIENCE_S = 120

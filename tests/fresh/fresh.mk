# `make fresh SUITE=bookworm WAY=nginx`: README.md on a Debian that nobody has touched; see fresh.sh.

SUITE	?= trixie
WAY	?= nginx

fresh: dist
	tests/fresh/fresh.sh $(SUITE) $(WAY) $(B)/qtoa-$(V).tar.gz $(B)/fresh

.PHONY: fresh

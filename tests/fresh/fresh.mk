# `make fresh SUITE=bookworm WAY=nginx`: does what README.md says on a new Debian; see fresh.sh.

SUITE	?= trixie
WAY	?= nginx

fresh: dist
	tests/fresh/fresh.sh $(SUITE) $(WAY) $(B)/qtoa-$(V).tar.gz $(B)/fresh

.PHONY: fresh

# `make fresh SUITE=bookworm WAY=nginx`: does what the documents say on a new Debian; see fresh.sh.

SUITE	?= trixie
WAY	?= nginx

fresh: dist
	tests/fresh/fresh.sh $(SUITE) $(WAY) $(B)/qtoa-$(V).tar.gz $(B)/qtoa-$(V)-linux-$(STATIC_HOST) \
	    $(B)/fresh

.PHONY: fresh

# `make manuals`: writes what qtoa-config(5) and doc/configuration.md say of each setting, in both
# languages, from packaging/settings.text and the tables of core/conf.c.

CONFRULES = $(BC)/confrules

$(CONFRULES): $(B)/packaging/confrules.o $(EXTRA) $(LIBQTOA)
	$(LINK) $^ $(LDLIBS)

manuals: $(CONFRULES)
	packaging/manuals.sh $(CONFRULES) .

.PHONY: manuals
-include $(B)/packaging/confrules.d

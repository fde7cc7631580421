# The translation against what is written down of it: QT's table and WeChat's elements,
# transcribed in Python, and Python's own XML parser.

TABLE	 = $(B)/table/xmlmap_tool

# The tool has xmlmap.c in it, for the table.
$(TABLE): tests/table/xmlmap_tool.c $(LIBQTOA) $(B)/flags
	@mkdir -p $(@D)
	$(LINK) -MMD -MP -MF $@.d -MT $@ $< $(LIBQTOA) $(LDLIBS)

check-table: $(TABLE) $(BIN)
	XMLMAP_TOOL='$(abspath $(TABLE))' QTOA='$(abspath $(BIN))' $(PYTHON) -B -m pytest -q \
	    -p no:cacheprovider tests/table

.PHONY: check-table
-include $(TABLE).d

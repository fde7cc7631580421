# What is written down of the program, against the program: manuals, pages, config.h.

check-docs: $(BIN) $(CONFRULES)
	QTOA='$(abspath $(BIN))' CONFRULES='$(abspath $(CONFRULES))' $(PYTHON) -B -m pytest -q -p no:cacheprovider tests/docs

.PHONY: check-docs

# What is written down of the program, against the program: manuals, README, config.h.

check-docs: $(BIN)
	QTOA='$(abspath $(BIN))' $(PYTHON) -B -m pytest -q -p no:cacheprovider tests/docs

.PHONY: check-docs

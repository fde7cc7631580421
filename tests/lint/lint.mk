# `make lint`: checks all that is not C: shell, manuals, completions, units, alert rules, the package.

lint: $(BIN) deb
	BIN='$(abspath $(BIN))' OUT='$(abspath $(B))/lint' DEB="$$(ls $(B)/qtoa_$(V)_*.deb)" \
	    tests/lint/lint.sh

.PHONY: lint

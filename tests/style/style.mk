# What STYLE says of C that a program can see: lengths, names, guards, words that readers stumble over.

check-style: $(LIBQTOA)
	@$(PYTHON) -B tests/style/style.py $(LAYERED)
	@tests/style/exports.sh $(LIBQTOA)
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/style

.PHONY: check-style

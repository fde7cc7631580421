# Each text of the command line has its Chinese, and each Chinese text has its place in the code.

check-lang:
	@$(PYTHON) -B tests/lang/lang.py
	@$(PYTHON) -B -m pytest -q -p no:cacheprovider tests/lang

check-unit: check-lang

.PHONY: check-lang

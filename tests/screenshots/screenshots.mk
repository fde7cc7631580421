# `make screenshots`: the pictures of README.md and README.zh-CN.md, in doc/img and doc/zh/img.  They are
# in the repository.  Make them again when the page or the screen looks different.

screenshots:
	QTOA_B='$(abspath $(B))' $(PYTHON) -B tests/screenshots/screenshots.py

.PHONY: screenshots

# End to end: the real program behind the real web servers, WeChat and QT played in Python.
# E2E_ARGS is handed to pytest: make check-e2e E2E_ARGS='-k nginx'

# More than cores: what they do most is wait.
E2E_JOBS ?= 5
E2E_ARGS ?=

# What has to wait and what has to compute go side by side: the report's questions
# (tests/models) are of the same run.
E2E_TESTS = MODELS_TOOL='$(abspath $(B))/models/models_tool' POSTGRES=$(POSTGRES) \
	    QTOA_B='$(abspath $(B))' SAN='$(SAN)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	    LDFLAGS='$(LDFLAGS)' $(PYTHON) -B -m pytest -q \
	    -o cache_dir='$(abspath $(B))/e2e/cache' --dist loadfile $(E2E_ARGS) \
	    $(if $(findstring tests/,$(E2E_ARGS)),,tests/e2e tests/models)

# What fails beside the others is run once more, alone, and must pass then.  What a sanitizer has
# reported is a fault, even if it does not come again.
check-e2e: $(B)/models/models_tool
	@rm -f $(B)/e2e/reported
	$(E2E_TESTS) -n $(E2E_JOBS) || \
	    { [ ! -e $(B)/e2e/reported ] && echo 'check-e2e: what failed is run once more, alone' && \
	    $(E2E_TESTS) --lf --lfnf=none -n 1; }

# What the test of the page wants from npm: fetched once, at the version that tests/axe pins.
AXE	= build/axe/node_modules/axe-core/axe.min.js

axe: $(AXE)
$(AXE): tests/axe/package.json tests/axe/package-lock.json
	mkdir -p build/axe && cp $^ build/axe
	npm ci --prefix build/axe --no-audit --no-fund --ignore-scripts
	touch $@

# The long form of a test that `check-e2e` has for three months.
year:
	E2E_DAYS=365 $(MAKE) check-e2e E2E_ARGS='tests/e2e/test_datacube.py -k killed_again -s'

# The same for followers: as many as a large account has.
followers:
	FANS=1234567 $(MAKE) check-e2e E2E_ARGS='tests/e2e/test_followers.py -k "killed or memory" -s'

.PHONY: axe check-e2e followers year

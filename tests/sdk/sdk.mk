# What the test of relays wants from npm: SDKs of others, fetched once, at the versions that
# tests/sdk pins.
SDKS	= build/sdk/node_modules/.package-lock.json

sdks: $(SDKS)
$(SDKS): tests/sdk/package.json tests/sdk/package-lock.json
	mkdir -p build/sdk && cp $^ build/sdk
	npm ci --prefix build/sdk --no-audit --no-fund --ignore-scripts
	touch $@

.PHONY: sdks

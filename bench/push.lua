-- push.lua: wrk plays WeChat.
--
--	wrk -t 2 -c C -d S -s push.lua http://HOST:PORT/ -- FILE PATH AT1 AT2 [again]
--
-- Each thread has a file of its own, FILE.1 and FILE.2 (see push.py), and posts what is in
-- there from byte AT1 (AT2) on, one after the other, to PATH.  At the end of its file it
-- stops, or with `again` begins anew.  Prints one line of JSON at the end: `at` is where to
-- go on, `bad` counts answers that are not 200 with `success` in the body, `over` threads
-- that had no more to send.

local ffi = require("ffi")

ffi.cdef[[
int open(const char *path, int flags, ...);
long lseek(int fd, long offset, int whence);
void *mmap(void *at, size_t size, int prot, int flags, int fd, long offset);
]]

local threads = {}

function setup(thread)
	table.insert(threads, thread)
	thread:set("share", #threads)
end

function init(args)
	local O_RDONLY, SEEK_END, PROT_READ, MAP_PRIVATE = 0, 2, 1, 2
	local fd = ffi.C.open(args[1] .. "." .. share, O_RDONLY)
	size = tonumber(ffi.C.lseek(fd, 0, SEEK_END))
	file = ffi.cast("const uint8_t *", ffi.C.mmap(nil, size, PROT_READ, MAP_PRIVATE, fd, 0))
	line = "POST " .. args[2] .. "?"
	at, again = tonumber(args[2 + share]), args[5] == "again"
	bad, over = 0, 0
end

function request()
	if at >= size then
		if not again then
			over = 1
			wrk.thread:stop()
		end
		at = 0
	end
	local p = file + at
	local length = p[0] + p[1] * 256 + p[2] * 65536
	at = at + 4 + length
	return line .. ffi.string(p + 4, length)
end

function response(status, headers, body)
	if status ~= 200 or not string.find(body, "success", 1, true) then
		bad = bad + 1
	end
end

local function sum(name)
	local n = 0
	for _, thread in ipairs(threads) do
		n = n + thread:get(name)
	end
	return n
end

function done(summary, latency)
	local e = summary.errors
	print(string.format('{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,' ..
	    '"max_ms":%.3f,"bad":%d,"errors":%d,"over":%d,"at":[%d,%d]}', summary.requests,
	    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
	    latency.max / 1e3, sum("bad"), e.connect + e.read + e.write + e.timeout, sum("over"),
	    threads[1]:get("at"), threads[2]:get("at")))
end

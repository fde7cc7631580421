-- push.lua: wrk plays WeChat.
--
--	wrk -t N -c C -d S -s push.lua http://HOST:PORT/ -- FILE PATH
--
-- Cycles through the pushes of FILE (see push.py), each thread through its own share,
-- and posts them to PATH.  Prints one line of JSON at the end; `bad` counts answers
-- that are not 200 with the body `success`.

local threads = {}

function setup(thread)
	table.insert(threads, thread)
	thread:set("share", #threads)
end

function init(args)
	local n = 0
	requests, at, bad = {}, 0, 0
	wrk.headers["Content-Type"] = "text/xml"
	for line in io.lines(args[1]) do
		local query, body = line:match("^(.-)\t(.*)$")
		n = n + 1
		-- the first thread does not know how many there will be: two is what bench.py takes
		if n % 2 == share % 2 then
			table.insert(requests, wrk.format("POST", args[2] .. "?" .. query, nil,
			    (body:gsub("\\n", "\n"))))
		end
	end
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function response(status, headers, body)
	if status ~= 200 or body ~= "success" then
		bad = bad + 1
	end
end

function done(summary, latency)
	local wrong, e = 0, summary.errors
	for _, thread in ipairs(threads) do
		wrong = wrong + thread:get("bad")
	end
	print(string.format('{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,' ..
	    '"max_ms":%.3f,"bad":%d,"errors":%d}', summary.requests, summary.duration / 1e6,
	    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
	    wrong, e.connect + e.read + e.write + e.timeout))
end

# What every tool does with an everyday log.
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

check 'status counts' '200 7
201 1
404 1
500 1' "$(sh bin/status-counts examples/access.log)"

check 'CSV header' 'time,status,method,path,ms,client' \
    "$(sh bin/log2csv examples/access.log | head -n 1)"

check 'CSV of a plain line' '2026-01-12T09:14:31Z,200,GET,/health,1,probe' \
    "$(sh bin/log2csv examples/access.log | grep health)"

check 'one token' 'Authorization: Bearer [redacted]' \
    "$(echo 'Authorization: Bearer abc.def-123' | sh bin/redact)"

check 'no token, no change' "$(cat examples/access.log)" \
    "$(sh bin/redact examples/access.log)"

finish

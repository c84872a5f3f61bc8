# slowest: bin/slow under its new name, with -n.
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

log=examples/access.log
all='3000 2 GET /api/report
350 1 POST /api/orders
200 2 GET /api/orders
120 1 GET /login
95 1 GET /search
40 1 GET /api/stock
3 1 GET /favicon.ico
1 1 GET /health'

check 'five unless told otherwise' "$(echo "$all" | head -n 5)" "$(sh bin/slowest $log)"
check '-n 2' "$(echo "$all" | head -n 2)" "$(sh bin/slowest -n 2 $log)"
check '-n more than there are' "$all" "$(sh bin/slowest -n 100 $log)"
check 'standard input' "$(echo "$all" | head -n 1)" "$(sh bin/slowest -n 1 <$log)"

for bad in 0 -3 two '' 1.5; do
    said=$(sh bin/slowest -n "$bad" $log 2>&1 >/dev/null)
    check "-n '$bad' exits 2" 2 "$(sh bin/slowest -n "$bad" $log >/dev/null 2>&1; echo $?)"
    check "-n '$bad' says how to use it" 'usage: slowest [-n N] [file...]' "$said"
done

check 'the old name is gone' no "$([ -e bin/slow ] && echo yes || echo no)"
check 'the README names it' yes "$(grep -q 'bin/slowest' README.md && echo yes || echo no)"

finish

# log2csv: fields with commas or quotes in them.
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

row() {
    printf '%s\n' "$1" | sh bin/log2csv | tail -n 1
}

check 'comma in the client' \
    't,201,POST,/api/orders,350,"shop-app/2.1 (Android 14, de)"' \
    "$(row 't 201 POST /api/orders 350 "shop-app/2.1 (Android 14, de)"')"

check 'comma in the path' \
    't,200,GET,"/search?q=tea,green",95,curl' \
    "$(row 't 200 GET /search?q=tea,green 95 "curl"')"

check 'quotes in the client' \
    't,200,GET,/,40,"the ""best"" bot"' \
    "$(row 't 200 GET / 40 "the \"best\" bot"')"

check 'quotes and a comma' \
    't,200,GET,/,40,"""a"", ""b"""' \
    "$(row 't 200 GET / 40 "\"a\", \"b\""')"

check 'nothing to quote' 't,200,GET,/,40,curl/8.5.0' \
    "$(row 't 200 GET / 40 "curl/8.5.0"')"

check 'no client' 't,200,GET,/,40,' "$(row 't 200 GET / 40 ""')"

finish

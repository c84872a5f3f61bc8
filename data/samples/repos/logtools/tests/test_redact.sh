# redact: what support found in logs that had gone through it.
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh

redacts() {
    check "$1" "$3" "$(printf '%s\n' "$2" | sh bin/redact)"
}

redacts 'two tokens in a line' \
    'old: Bearer aaa.111, new: Bearer bbb.222' \
    'old: Bearer [redacted], new: Bearer [redacted]'

redacts 'lower case and upper case' \
    'authorization: bearer aaa.111; AUTHORIZATION: BEARER bbb' \
    'authorization: bearer [redacted]; AUTHORIZATION: BEARER [redacted]'

redacts 'query parameters' \
    't 200 GET /a?token=abc&page=2&api_key=k-1 9 "curl"' \
    't 200 GET /a?token=[redacted]&page=2&api_key=[redacted] 9 "curl"'

redacts 'access_token in a quoted address' \
    'client "https://app.example/cb?access_token=abc123" ok' \
    'client "https://app.example/cb?access_token=[redacted]" ok'

redacts 'other parameters stay' \
    'GET /a?tokens=3&my_token_count=4&page=token' \
    'GET /a?tokens=3&my_token_count=4&page=token'

redacts 'password in an address' \
    'proxy https://deploy:s3cret@cache.example/x for ops@example.com' \
    'proxy https://deploy:[redacted]@cache.example/x for ops@example.com'

finish

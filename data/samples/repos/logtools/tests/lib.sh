# Read by the tests: . tests/lib.sh
LC_ALL=C
export LC_ALL
failed=0
checks=0

# check NAME EXPECTED ACTUAL
check() {
    checks=$((checks + 1))
    if [ "$2" != "$3" ]; then
        failed=$((failed + 1))
        printf 'FAIL %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
    fi
}

finish() {
    printf '%s checks, %s failed\n' "$checks" "$failed"
    [ "$failed" -eq 0 ]
    exit
}

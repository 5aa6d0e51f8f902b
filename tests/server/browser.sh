# shellcheck shell=bash
# browser.sh - for tests of the page: headless Chromium, or Firefox where $browser is so, driven by WebDriver, with curl and jq.
#
# Firefox takes the same requests by firefox_driver.py, all but those of Chromium's own: viewport, colours, the log.
# browser_start, then go, js, type_in, press, shot, ...; browser_stop at the end. $driver is the session's address.
browser=${browser:-chromium}
browser_missing() {
    local name missing= driver=chromedriver
    [ "$browser" = chromium ] || driver=python3
    for name in "$browser" "$driver" curl jq; do
        command -v "$name" >/dev/null || missing+=" $name"
    done
    echo "$missing"
}

# browser_start FOLDER - the driver takes any free port and says which; FOLDER keeps its log and the browser's profile.
browser_start() {
    local folder=$1 port= wanted session i
    if [ "$browser" = chromium ]; then
        chromedriver --port=0 >"$folder/driver.log" 2>&1 &
    else
        python3 "$here/firefox_driver.py" "$folder/profile" >"$folder/driver.log" 2>&1 &
    fi
    driver_pid=$!
    for i in {1..3000}; do
        port=$(grep -oE 'started successfully on port [0-9]+' "$folder/driver.log" 2>/dev/null | grep -oE '[0-9]+$') && break
        sleep 0.1
    done
    wanted=$(jq -n --arg profile "$folder/profile" '{capabilities: {alwaysMatch: {browserName: "chrome", timeouts: {script: 600000, pageLoad: 600000},
        "goog:loggingPrefs": {browser: "ALL"}, "goog:chromeOptions": {args: ["--headless=new", "--no-sandbox",
        "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--user-data-dir=\($profile)"]}}}}')
    driver=http://127.0.0.1:$port
    session=$(curl -sS -m 300 "$driver/session" -d "$wanted" | jq -r '.value.sessionId // empty')
    [ -n "$session" ] || return 1
    driver=$driver/session/$session
}

browser_stop() {
    curl -sS -m 120 -X DELETE "$driver" >/dev/null 2>&1
    [ -z "${driver_pid:-}" ] || kill "$driver_pid" 2>/dev/null
}

driver_post() { curl -sS -m 700 "$driver/$1" -d "$2"; }

go() { driver_post url "$(jq -n --arg url "$1" '{url: $url}')" >/dev/null; }

# js CODE - the value of that body of a function: text as it is, all else as JSON.
js() {
    driver_post execute/sync "$(jq -n --arg code "$1" '{script: $code, args: []}')" | jq -r '.value'
}

# until_js EXPRESSION - waits until it is true.
until_js() {
    local i
    for ((i = 0; i < 1200; i++)); do
        [ "$(js "return !!($1)")" = true ] && return 0
        sleep 0.1
    done
    return 1
}

element() {
    driver_post element "$(jq -n --arg css "$1" '{using: "css selector", value: $css}')" | jq -r '.value | to_entries[0].value'
}

# type_in CSS TEXT - keys to an element; for a file input the text is the path of the file. Keys are Unicode's private ones.
type_in() {
    driver_post "element/$(element "$1")/value" "$(jq -n --arg text "$2" '{text: $text}')" >/dev/null
}

click_on() { driver_post "element/$(element "$1")/click" '{}' >/dev/null; }

# press KEY... - on the page, one after another: a character, or enter, escape, tab, space, down, right, ...
press() {
    local key keys=()
    for key in "$@"; do
        case $key in
        enter) key=$'\ue007' ;; escape) key=$'\ue00c' ;; down) key=$'\ue015' ;; up) key=$'\ue013' ;; right) key=$'\ue014' ;; left) key=$'\ue012' ;;
        tab) key=$'\ue004' ;; space) key=' ' ;;
        esac
        keys+=("$key")
    done
    driver_post actions "$(jq -n '{actions: [{type: "key", id: "keys", actions: [$ARGS.positional[]
        | {type: "keyDown", value: .}, {type: "keyUp", value: .}]}]}' --args "${keys[@]}")" >/dev/null
}

cdp() { driver_post goog/cdp/execute "$(jq -n --arg cmd "$1" --argjson params "$2" '{cmd: $cmd, params: $params}')"; }

# viewport WIDTH HEIGHT [SCALE]
viewport() {
    cdp Emulation.setDeviceMetricsOverride \
        "{\"width\": $1, \"height\": $2, \"deviceScaleFactor\": ${3:-1}, \"mobile\": $([ "$1" -lt 600 ] && echo true || echo false)}" >/dev/null
}

colours() { cdp Emulation.setEmulatedMedia "{\"features\": [{\"name\": \"prefers-color-scheme\", \"value\": \"$1\"}]}" >/dev/null; }

shot() { curl -sS -m 120 "$driver/screenshot" | jq -r .value | base64 -d >"$1"; }

# The browser's messages since the last call, one a line: LEVEL TEXT.
browser_log() { driver_post se/log '{"type": "browser"}' | jq -r '.value[] | "\(.level) \(.message)"'; }

# shellcheck shell=bash
# page.sh - for the tests of the page: a server over a small archive of scenes, a browser, and what is judged in it.
#
# A test sources it, calls page_start, and ends with `finish`. It skips where the browser is not installed.
# ADAH_SHOTS=FOLDER keeps the screenshots.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/browser.sh"
missing=$(browser_missing)
if [ -n "$missing" ]; then
    echo "SKIPPED: the page was not tested, missing:$missing (Debian: chromium chromium-driver firefox-esr python3 curl jq)"
    exit 77
fi
. "$here/../cli/common.sh"
shots=${ADAH_SHOTS:-$work/shots}
mkdir -p "$shots" "$work/browser"
server_pid=
stop_all() {
    [ -z "$server_pid" ] || kill "$server_pid" 2>/dev/null
    browser_stop
    wait
    rm -rf "$work"
}
trap stop_all EXIT

# serve PORT OPTIONS... - sets $url.
images=(--images scenes)
serve() {
    local port=$1 i
    shift
    : >"$work/served"
    "$ADAH" serve --model model.safetensors --index scenes.adah "${images[@]}" --port "$port" "$@" >"$work/served" 2>"$work/served.log" &
    server_pid=$!
    url=
    for i in {1..2400}; do
        url=$(grep -oE 'http://[^ ]+' "$work/served") && break
        kill -0 "$server_pid" 2>/dev/null || break
        sleep 0.05
    done
    url=${url/0.0.0.0/127.0.0.1}
    [ -n "$url" ] || { cat "$work/served.log"; fail "the server did not start"; finish; }
}

stop_server() {
    kill "$server_pid"
    wait "$server_pid"
    server_pid=
}

# is EXPRESSION - a condition in the page that comes true.
is() {
    n_checks=$((n_checks + 1))
    until_js "$1" || fail "never true in the page: $1 (at $(js 'return location.href'))"
}

# The browser told of no error since the last call; after what must fail, `forget_log`.
forget_log() { browser_log >/dev/null; }
no_errors() {
    n_checks=$((n_checks + 1))
    browser_log >"$work/log"
    ! grep -q ^SEVERE "$work/log" || fail "errors in the browser: $(head -5 "$work/log")"
}

shoot() {
    n_checks=$((n_checks + 1))
    shot "$shots/$1.png"
    [ "$(stat -c %s "$shots/$1.png")" -gt 5000 ] || fail "screenshot $1 is empty"
}

# Text that is hard to read, of what is on the page now: contrast below 4.5 (WCAG AA). Colours are drawn to be read as RGB.
readonly unreadable='
    const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgba = (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data]; };
    const light = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (node) => { for (; node; node = node.parentElement) { const c = rgba(getComputedStyle(node).backgroundColor);
        if (c[3] === 255) return c; } return [255, 255, 255]; };
    const bad = [];
    for (const node of document.querySelectorAll("body *")) {
        if (![...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !node.checkVisibility()) continue;
        const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${node.tagName}.${node.className} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
    }
    return bad.join(", ");'
readable() {
    n_checks=$((n_checks + 1))
    local bad
    bad=$(js "$unreadable")
    [ -z "$bad" ] || fail "contrast is too low ($1): $bad"
}

fits() {
    n_checks=$((n_checks + 1))
    local over
    over=$(js 'return document.documentElement.scrollWidth - innerWidth')
    [ "$over" -le 0 ] || fail "the page is $over pixels too wide ($1)"
}

# Shown now: text, titles and labels of the page's own that have letters but no Chinese ones. What came from the archive has translate="no".
readonly untranslated='
    const bad = (text) => /[a-z]{2}/i.test(text.replace(/\b(adah|JavaScript|JPEG|PNG|WebP|GIF|HTTP)\b/g, "")) && !/[\u4e00-\u9fff]/.test(text);
    const found = [document.title === "adah" || location.search ? "" : document.title];
    for (const node of document.querySelectorAll("body *")) {
        if (!node.checkVisibility()) continue;
        for (const name of ["title", "aria-label", "placeholder"]) found.push(node.getAttribute(name) ?? "");
        if (!node.closest("[translate=no], script, noscript"))
            for (const child of node.childNodes) if (child.nodeType === 3) found.push(child.data.trim());
    }
    return found.filter(bad).join(" | ");'
in_chinese() {
    n_checks=$((n_checks + 1))
    local bad
    bad=$(js "$untranslated")
    [ -z "$bad" ] || fail "not in Chinese ($1): $bad"
}

# A model and an index of scenes, which have masks and some of them dates, and the browser.
page_start() {
    make_scenes
    "$ADAH" train --data scenes --model model.safetensors --epochs 1 --quiet "${quick[@]}" --attention >"$work/stdout" 2>&1 ||
        { fail "no model"; finish; }
    sed -i -e '1,5s/}$/, "date": "2019-06-12"}/' -e '6,7s/}$/, "date": "2019-08"}/' scenes/metadata.jsonl
    "$ADAH" index create --model model.safetensors --data scenes --index scenes.adah --quiet || exit 1
    picture=$(find "$work/scenes/images" -name '*.png' | sort | head -1)
    browser_start "$work/browser" || { fail "the browser did not start: $(cat "$work/browser/driver.log")"; finish; }
    if [ "$browser" = chromium ]; then
        viewport 1280 900
        colours light
    fi
    picture_loaded='[...document.querySelectorAll("#results .main img")].slice(0, 4).every((i) => i.naturalWidth > 0)'
}

#!/bin/bash
# test_page_access.sh - the page for whom a screen reader reads it, for whom has a keyboard only, and on a phone: axe-core finds nothing
# serious in any state, Tab reaches everything and shows where it is, what is touched is large enough, nothing is wider than the screen.
. "$(dirname "${BASH_SOURCE[0]}")/page.sh"
. "$here/axe.sh"
axe_fetch
[ -n "$axe" ] || echo "SKIPPED in part: axe-core cannot be had (python3 -m pip download $axe_package, or ADAH_AXE=axe.min.js)"
page_start

accessible() {
    [ -n "$axe" ] || return 0
    n_checks=$((n_checks + 1))
    local found
    found=$(axe_judge)
    [ -z "$found" ] || fail "not accessible ($1):
$found"
}

# What judges finds what is wrong.
serve 0 --token secret-of-this-test
go "$url"
is 'document.querySelector(".examples a")'
if [ -n "$axe" ]; then
    js 'document.querySelector("#start").append(document.createElement("button"))' >/dev/null
    check grep -q button-name <<<"$(axe_judge)"
    js 'document.querySelector("#start > button").remove()' >/dev/null
fi

# Every state by day; those with the most colours by night.
states() {
    go "$url?q=red+plus+zzqx&k=6"
    is "document.querySelectorAll('#results > li:not(.skeleton)').length === 6 && $picture_loaded"
    js 'document.querySelector("#filter").open = true; document.querySelectorAll("#results .choose input")[1].click()' >/dev/null
    is 'document.querySelector("#label-chosen").checkVisibility()'
    accessible "words, labels and choice $1"
    js 'document.querySelector("#filter").open = false; document.querySelector("#results .open").focus()' >/dev/null
    press enter
    is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0'
    accessible "viewer $1"
    press escape
    is '!document.querySelector("dialog[open]")'
}
accessible start
states day
js 'document.querySelector("#label-chosen").click()' >/dev/null
is 'document.querySelector("dialog[open] #answer")'
accessible dialog
press escape
is '!document.querySelector("dialog[open]")'
go "$url?q=red&to=text&k=6"
is 'document.querySelectorAll("#results.list > li").length === 6'
accessible texts
type_in '#file' "$picture"
is 'document.querySelector("#query canvas") && document.querySelector("#query .tags a") && document.querySelector("#results li:not(.skeleton)")'
accessible picture
go "$url?q=zzqx"
is 'document.querySelector("#notice h2")'
accessible error
colours dark
states night
colours light

# Tab goes to all that can be used, in a circle; each shows that it has the focus, by an outline or a shadow of its own or of what holds it.
readonly keyboard='
    const usable = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex=\"0\"]")].filter((node) => !node.disabled
        && node.tabIndex >= 0 && node.checkVisibility({visibilityProperty: true}) && !node.closest("[inert]")
        && !(node.type === "radio" && !node.checked));
    const looks = (node) => { const list = []; for (let n = node, i = 0; n && i < 4; n = n.parentElement, i++) {
        const s = getComputedStyle(n); list.push(s.outlineStyle === "none" ? "" : s.outlineWidth + s.outlineColor, s.boxShadow, s.top); }
        return list.join(); };
    window.walk = {usable, before: usable.map(looks), seen: new Set(), hidden: []};
    document.activeElement.blur();
    addEventListener("focusin", ({target}) => { const i = usable.indexOf(target); walk.seen.add(target);
        if (i >= 0 && looks(target) === walk.before[i]) walk.hidden.push(target.outerHTML.slice(0, 120)); });'
readonly not_reached='return walk.usable.filter((node) => !walk.seen.has(node)).map((node) => node.outerHTML.slice(0, 120)).join(" | ")'
tabs() {
    n_checks=$((n_checks + 1))
    local bad n i
    js "$keyboard" >/dev/null
    n=$(js 'return walk.usable.length')
    [ "$n" -gt 3 ] || fail "$n things to use ($1)"
    press $(for ((i = 0; i < n + 4; i++)); do echo tab; done)
    bad=$(js "$not_reached")
    [ -z "$bad" ] || fail "Tab does not reach ($1): $bad"
    bad=$(js 'return walk.hidden.join(" | ")')
    [ -z "$bad" ] || fail "the focus cannot be seen ($1): $bad"
}
go "$url"
is 'document.querySelector(".examples a")'
tabs start
go "$url?q=red&k=3"
is 'document.querySelector("#results .chip")'
go "$(js 'return `${location}&label=${encodeURIComponent(document.querySelector("#results .chip").textContent)}`')"
is 'document.querySelector("#chosen .chip") && document.querySelector("#results .chip[aria-pressed=true]")'
js 'document.querySelector("#results .choose input").click()' >/dev/null
tabs words
go "$url?q=red"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
js 'document.querySelector("#results .open").focus()' >/dev/null
press enter
is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0'
press tab tab tab tab tab tab tab tab
is '[...document.querySelectorAll("#viewer button:enabled, body")].includes(document.activeElement)' # a window over the page keeps the focus
press escape
is 'document.activeElement === document.querySelector("#results .open")'

# The focus stays with the person when what had it is replaced.
js 'document.querySelector("#results .chip").focus(); window.label = document.activeElement.textContent' >/dev/null
press enter
is 'location.search.includes("label=") && document.activeElement.matches("#results .chip[aria-pressed=true]") && document.activeElement.textContent === window.label'
js 'document.querySelector("#chosen .chip").focus()' >/dev/null
press enter
is '!location.search.includes("label=") && document.activeElement.id === "results"'
js 'document.querySelector("#filter summary").focus()' >/dev/null
press enter
is 'document.querySelector("#filter").open'
press tab space
is 'location.search.includes("label=") && document.activeElement.matches("#labels input:checked") && document.querySelector("#filter").open'
press escape
is '!document.querySelector("#filter").open && document.activeElement.matches("#filter summary")'
go "$url?q=zzqx"
is 'document.querySelector("#notice button")'
js 'document.querySelector("#notice button").focus()' >/dev/null
press enter
is 'document.querySelector("#start h1") && document.activeElement.id === "words"'

# A phone: nothing is wider than it, and what is touched has 24 pixels each way (WCAG 2.2, 2.5.8), links in running text apart.
readonly small='
    return [...document.querySelectorAll("a[href], button, input, select, summary")].filter((node) => node.checkVisibility() && !node.closest("p.soft, p.lead, noscript, .skip, .hidden-label, #file"))
        .filter((node) => !node.matches("#file, .skip")).map((node) => node.matches("[type=checkbox], [type=radio]") ? node.closest("label") : node)
        .map((node) => [node, node.getBoundingClientRect()]).filter(([, box]) => box.width < 24 || box.height < 24)
        .map(([node, box]) => `${node.outerHTML.slice(0, 90)} ${Math.round(box.width)}x${Math.round(box.height)}`).join(" | ")'
touchable() {
    n_checks=$((n_checks + 1))
    local bad
    bad=$(js "$small")
    [ -z "$bad" ] || fail "too small to touch ($1): $bad"
}
viewport 360 740 2
for address in '' '?q=red+plus' '?q=red+plus&to=text' '?id=3' '?q=red&label=none' '?q=zzqx'; do
    go "$url$address"
    is 'document.querySelector("#notice h2, #start h1, #query h1, #results li:not(.skeleton)") && !document.querySelector(".skeleton")'
    fits "phone $address"
    touchable "phone $address"
done
shoot phone-words
forget_log # of what is not known
go "$url?q=red"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
js 'for (const i of [0, 1]) document.querySelectorAll("#results .choose input")[i].click(); document.querySelectorAll("#results .open")[0].click()' >/dev/null
is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0'
fits "phone viewer"
touchable "phone viewer"
shoot phone-viewer
# A swipe to the left leads to the next picture, one to the right back; one up or down is none, nor a touch.
swipe() {
    local id='{"id": 1, "x": %s, "y": %s}'
    # shellcheck disable=SC2059
    cdp Input.dispatchTouchEvent "{\"type\": \"touchStart\", \"touchPoints\": [$(printf "$id" "$1" "$2")]}" >/dev/null
    cdp Input.dispatchTouchEvent "{\"type\": \"touchMove\", \"touchPoints\": [$(printf "$id" $((($1 + $3) / 2)) $((($2 + $4) / 2)))]}" >/dev/null
    cdp Input.dispatchTouchEvent "{\"type\": \"touchMove\", \"touchPoints\": [$(printf "$id" "$3" "$4")]}" >/dev/null
    cdp Input.dispatchTouchEvent '{"type": "touchEnd", "touchPoints": []}' >/dev/null
}
of_result() { echo "document.querySelector('#viewer .caption').textContent === document.querySelectorAll('#results .caption')[$1].textContent"; }
swipe 300 300 60 310
is "$(of_result 1)"
swipe 180 200 190 420
swipe 180 300 180 300
swipe 300 300 60 290
is "$(of_result 2)"
swipe 60 300 300 310
is "$(of_result 1)"
press escape
is '!document.querySelector("#viewer[open]")'
fits "phone choice"
touchable "phone choice"
no_errors
viewport 1280 900
stop_server

# The page that stands there until all is ready, in both languages.
"$ADAH" serve --data scenes --port 0 --epochs 100000 --set n_bits=16 --set n_side=16 >"$work/served" 2>"$work/served.log" &
server_pid=$!
url=
for i in {1..2400}; do
    url=$(grep -ohE 'http://[^ ]+' "$work/served" "$work/served.log") && break
    sleep 0.05
done
go "$url"
is 'document.querySelector("#what")?.textContent.length > 5 && document.querySelector(".making h1").textContent === "Making ready"'
accessible progress
js 'const chooser = document.querySelector("#language"); chooser.value = "zh-Hans"; chooser.dispatchEvent(new Event("change"))' >/dev/null
is 'document.querySelector(".making h1").textContent === "正在准备" && /^正在学习图文对应：[0-9]+%。$/.test(document.querySelector("#what").textContent)'
is '/^第 [0-9,]+ 轮，共 100,000 轮(，约剩 [0-9,]+ (秒|分钟|小时))?$/.test(document.querySelector("#detail").textContent)'
in_chinese progress
viewport 360 740 2
fits progress
finish

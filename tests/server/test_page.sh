#!/bin/bash
# test_page.sh - the page of adah serve in a real browser: words, pictures and items as queries, texts, masks, tags, keys,
# the history, states of error, a token, phone width, day and night. Skips where Chromium and its driver are not installed.
. "$(dirname "${BASH_SOURCE[0]}")/page.sh"
page_start

# From a cold server: what is painted when. The address holds the query.
serve 0
go "$url?q=red+blue"
is 'document.querySelectorAll("#results.grid > li:not(.skeleton)").length === 24'
is "$picture_loaded"
is 'performance.getEntriesByName("first-contentful-paint").length'
echo "cold start: $(js 'const at = (name) => Math.round(performance.getEntriesByName(name)[0].startTime);
    return `first contentful paint ${at("first-contentful-paint")} ms, results ${at("results")} ms, last of their pictures ${
        Math.round(Math.max(...performance.getEntriesByType("resource").filter((e) => e.name.includes("thumbnail")).map((e) => e.responseEnd)))} ms`')"
n_checks=$((n_checks + 1))
shift_sum=$(js 'return new Promise((done) => { let sum = 0; new PerformanceObserver((list) => list.getEntries().forEach((e) => (sum += e.value)))
    .observe({type: "layout-shift", buffered: true}); setTimeout(() => done(Math.round(sum * 1000)), 300); })')
echo "cumulative layout shift: $shift_sum / 1000"
[ "$shift_sum" -lt 100 ] || fail "the page jumps while it loads"
no_errors

# First visit: what it is, examples.
go "$url"
is 'document.querySelector("#start h1").checkVisibility()'
is '!document.querySelector("#results li")'
is 'document.querySelector(".examples a") && [...document.querySelectorAll(".examples a")].every((a) => a.querySelector("img.loaded"))'
is 'document.querySelectorAll("#timeline button").length === 2 && document.querySelectorAll("#timeline li").length === 3'
shoot start
readable start
no_errors

# More like these, not like those: what is marked leaves the results, is told above them, and back takes it back.
go "$url?q=red"
is 'document.querySelectorAll("#results.grid > li:not(.skeleton)").length === 24'
first=$(js 'return document.querySelector("#results li").dataset.id')
js 'document.querySelector("#results .thumb.liked").click()' >/dev/null
is "location.search.includes('like=$first') && document.querySelectorAll('#marked .liked').length === 1"
is "document.querySelectorAll('#results.grid > li:not(.skeleton)').length === 24 && !document.querySelector('#results [data-id=\"$first\"]')"
js 'document.querySelector("#results .thumb.unliked").click()' >/dev/null
is 'document.querySelectorAll("#marked .unliked").length === 1 && /unlike=[0-9]/.test(location.search)'
shoot marked
readable marked
js 'history.back()' >/dev/null
is "document.querySelectorAll('#marked .unliked').length === 0 && document.querySelectorAll('#marked .liked').length === 1"
js 'document.querySelector("#marked .liked").click()' >/dev/null
is 'document.querySelector("#marked").hidden && !location.search.includes("like=")'
is "document.querySelector('#results [data-id=\"$first\"]')"
# Pictures that are here twice, or that none is; and back.
go "$url"
js '[...document.querySelectorAll("#start a")].find((a) => a.href.includes("show=duplicates")).click()' >/dev/null
is 'location.search === "?show=duplicates" && (document.querySelector("#results .group h1") || document.querySelector("#notice h2"))'
is 'document.querySelector("#options").hidden && document.querySelector("#start").hidden'
shoot duplicates
readable duplicates
js 'history.back()' >/dev/null
is 'document.querySelector("#start h1").checkVisibility()'
# A month of the timeline shows what was taken then, a folder what lies in it, without a query; chips take it away.
is 'document.querySelector("#timeline button").ariaLabel === "June 2019: 5 items"'
click_on '#timeline li:first-child button'
is 'location.search === "?after=2019-06&before=2019-07" && document.querySelectorAll("#results.grid > li:not(.skeleton)").length === 5'
is 'document.querySelector("#found").textContent === "5 items, the newest first" && document.querySelector("#chosen .chip").textContent === "June 2019"'
is '[...document.querySelectorAll("#results .distance")].every((p) => p.textContent === "Jun 12, 2019") && !document.querySelector("#options .switch").checkVisibility()'
shoot month
readable month
is '!document.querySelector("#results .thumbs")'
# Back to the start the timeline is there again, behind another view, too.
go "$url?show=duplicates"
is 'document.querySelector("#results .group h1") || document.querySelector("#notice h2")'
go "$url"
is 'document.querySelectorAll("#timeline button").length === 2'
js '[...document.querySelectorAll("#start a")].find((a) => a.href.includes("show=duplicates")).click()' >/dev/null
is 'location.search === "?show=duplicates" && document.querySelector("#timeline").hidden && document.querySelector("#options").hidden'
js 'history.back()' >/dev/null
is 'document.querySelector("#start h1").checkVisibility() && document.querySelectorAll("#timeline button").length === 2 && document.querySelector("#timeline").checkVisibility()'
click_on '#timeline li:first-child button'
is 'document.querySelectorAll("#results.grid > li:not(.skeleton)").length === 5 && document.activeElement.id === "results"'
click_on '#results .main'
is 'document.querySelector("#query h1")?.textContent === "More like this" && document.querySelectorAll("#results > li:not(.skeleton)").length === 4'
is '[...document.querySelectorAll("#query .chip")].map((c) => c.textContent).join().endsWith("Jun 12, 2019,images")'
js '[...document.querySelectorAll("#query .chip")].at(-1).click()' >/dev/null
is 'location.search === "?folder=images" && document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
go "$url?q=red&after=2019-06"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 7 && document.querySelector("#chosen .chip").textContent === "From June 2019"'
is '!document.querySelector("#when").hidden'
click_on '#when summary'
is 'document.querySelector("#when button").checkVisibility()'
shoot when
click_on '#when li:last-child button'
is 'location.search === "?q=red&after=2019-08&before=2019-09" && document.querySelectorAll("#results > li:not(.skeleton)").length === 2'
js 'document.querySelector("#chosen .chip").click()' >/dev/null
is '!location.search.includes("after") && document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
go "$url?q=red&after=2030"
is 'document.querySelector("#notice button")?.textContent === "Search at any time and in all folders"'
click_on '#notice button'
is 'location.search === "?q=red" && document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
no_errors
# What the server refuses has a way on that leads out of it.
go "$url?folder=nowhere"
is 'document.querySelector("#notice button")?.textContent === "Search at any time and in all folders"'
click_on '#notice button'
is 'location.search === "" && document.querySelector("#start h1").checkVisibility()'
go "$url?after=never"
is 'document.querySelector("#notice h2")'
click_on '#notice button:last-child'
is 'location.search === "" && document.querySelector("#start h1").checkVisibility()'
forget_log
go "$url"
is 'document.querySelector("#start h1").checkVisibility()'
no_errors

# Words, typed: results come without Enter; the address follows; one entry of the history for all letters.
press /
is 'document.activeElement.id === "words"'
n_history=$(js 'return history.length')
type_in '#words' red
is 'location.search === "?q=red"'
type_in '#words' ' plus zzqx'
is 'location.search === "?q=red+plus+zzqx"'
forget_log # of beginnings of words that were asked for when the letters came slowly
is "document.querySelector('#results .main') && $picture_loaded"
is "history.length === $n_history + 1"
is 'document.querySelector("#found").textContent === "The nearest 24 pictures"'
# How near is said in words, the bits stand in the title; bars tell results apart.
is '[...document.querySelectorAll("#results .distance")].every((p) => /^(Very near|Near|Fairly near|Distant|Far|Contains your words)$/.test(p.textContent) && /^[0-9]+ of 16 bits differ\. /.test(p.title))'
is '((bars) => Math.max(...bars) === 100 && Math.min(...bars) === 8 && new Set(bars).size > 2)([...document.querySelectorAll("#results .bar i")].map((i) => parseFloat(i.style.inlineSize)))'
is 'document.querySelector("#results .chips li")'
is '[...document.querySelectorAll("#results .main img")].every((i) => i.alt.length > 2)'
is 'document.querySelectorAll("#query .words li").length === 3'
is 'document.querySelector("#query .unknown").textContent === "zzqxunknown to the model"'
shoot words
readable words

# Arrow keys go through the grid, up again to the box; Enter searches on.
press down
is 'document.activeElement === document.querySelectorAll("#results .main")[0]'
press right down left
is 'document.activeElement.matches("#results .main") && document.activeElement.getBoundingClientRect().top > document.querySelector("#results .main").getBoundingClientRect().top + 50'
press up up
is 'document.activeElement.id === "words"'
press down enter
is 'document.querySelector("#query h1")?.textContent === "More like this"'
is 'new URLSearchParams(location.search).has("id") && document.title.startsWith("More like this")'
is 'document.querySelector("#query .frame img").naturalWidth > 0'
is "document.querySelector('#results .main') && $picture_loaded"
shoot like
js 'history.back()' >/dev/null
is 'location.search === "?q=red+plus+zzqx" && document.querySelector("#words").value === "red plus zzqx"'
is 'document.querySelectorAll("#query .words li").length === 3'

# More by the button, which hands the focus on, and by scrolling; back leads to where one was.
js 'document.querySelector("#more").click()' >/dev/null
is 'document.querySelectorAll("#results > li").length === 48 && location.search.includes("k=48")'
is 'document.activeElement === document.querySelectorAll("#results .main")[24]'
n_history=$(js 'return history.length')
js 'scrollTo(0, document.documentElement.scrollHeight)' >/dev/null
is 'document.querySelectorAll("#results > li").length >= 72 && location.search.includes("k=")'
check [ "$(js 'return history.length')" = "$n_history" ]
js 'window.place = Math.round(scrollY); document.querySelectorAll("#results .main")[50].click()' >/dev/null
is 'document.querySelector("#query h1")?.textContent === "More like this" && scrollY < 100'
js 'history.back()' >/dev/null
is 'document.querySelectorAll("#results > li").length >= 72 && Math.abs(scrollY - window.place) < 50'

# A caption that its card cuts is shown whole on demand.
go "$url?q=red"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
viewport 360 740 2
driver_post refresh '{}' >/dev/null
is 'document.querySelector("#results .whole-text")?.ariaExpanded === "false"'
is '((cut) => cut.scrollHeight > cut.clientHeight + 1)(document.querySelector("#results .whole-text").previousSibling)'
js 'document.querySelector("#results .whole-text").click()' >/dev/null
is '((cut) => cut.scrollHeight <= cut.clientHeight + 1 && cut.nextSibling.ariaExpanded === "true")(document.querySelector("#results .whole-text").previousSibling)'
viewport 1280 900

# Pictures are cut to the shape of their cards, or whole when that is wanted, which is remembered; nothing is searched anew.
is 'getComputedStyle(document.querySelector("#results .main img")).objectFit === "cover"'
js 'window.first = document.querySelector("#results li"); document.querySelector("#uncropped").click()' >/dev/null
is 'getComputedStyle(document.querySelector("#results .main img")).objectFit === "contain" && document.querySelector("#results li") === window.first'
driver_post refresh '{}' >/dev/null
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24 && getComputedStyle(document.querySelector("#results .main img")).objectFit === "contain"'
js 'document.querySelector("#uncropped").click()' >/dev/null
is 'getComputedStyle(document.querySelector("#results .main img")).objectFit === "cover" && localStorage.getItem("adah-uncropped") === "0"'

# One picture after another: by the keys, past the last that is there, and back to the result that was seen last.
js 'document.querySelector("#results .open").focus()' >/dev/null
press enter
is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0 && document.querySelector("#viewer .previous").disabled'
is 'document.querySelector("#viewer .caption").textContent === document.querySelector("#results .caption").textContent'
press right
is 'document.querySelector("#viewer .caption").textContent === document.querySelectorAll("#results .caption")[1].textContent && !document.querySelector("#viewer .previous").disabled'
is 'document.querySelector("#viewer .stage img:only-child")?.alt === document.querySelector("#viewer .caption").textContent'
shoot viewer
readable viewer
fits viewer
js 'document.querySelector("#viewer .next").click()' >/dev/null
is 'document.querySelector("#viewer .caption").textContent === document.querySelectorAll("#results .caption")[2].textContent'
js 'for (let i = 0; i < 22; i++) document.querySelector("#viewer .next").click()' >/dev/null
is 'document.querySelectorAll("#results > li").length === 48 && document.querySelector("#viewer .caption").textContent === document.querySelectorAll("#results .caption")[24].textContent'
press left left
is 'document.querySelector("#viewer .caption").textContent === document.querySelectorAll("#results .caption")[22].textContent'
press escape
is '!document.querySelector("#viewer[open]") && document.activeElement === document.querySelectorAll("#results .open")[22] && location.search.startsWith("?q=red")'
no_errors

# All of it comes from this server.
is 'performance.getEntriesByType("resource").length > 20 && performance.getEntriesByType("resource").every((each) => each.name.startsWith(location.origin + "/") || each.name.startsWith("blob:" + location.origin))'
check test -z "$(grep -rhoE '(https?:)?//[a-z0-9-]+\.[a-z0-9.]+' "$here/../../web" | grep -v '//www.w3.org')"

# Several chosen: what can be done with them, and the archive that they are saved as.
js 'for (const i of [0, 2]) document.querySelectorAll("#results .choose input")[i].click()' >/dev/null
is 'document.querySelector("#n-chosen").textContent === "2 chosen" && document.querySelector("#save-chosen").checkVisibility()'
is '!document.querySelector("#delete-chosen").checkVisibility() && !document.querySelector("#label-chosen").checkVisibility()' # no token, no changes
shoot chosen
readable chosen
js 'return import("./page/choice.js").then(async ({ zipOf }) => { const text = new TextEncoder();
    const zip = await zipOf([{name: "a.txt", bytes: text.encode("first")}, {name: "ä/b.txt", bytes: text.encode("second")}]).arrayBuffer();
    return btoa(String.fromCharCode(...new Uint8Array(zip))); })' | base64 -d >"$work/two.zip"
if command -v python3 >/dev/null; then
    check python3 -c 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
assert {n: z.read(n) for n in z.namelist()} == {"a.txt": b"first", "ä/b.txt": b"second"}' "$work/two.zip"
fi
js 'window.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }; document.querySelector("#save-chosen").click()' >/dev/null
is 'window.saved.join() === "pictures.zip" && document.querySelector("#n-chosen").textContent === "2 chosen"'
click_on '#none-chosen'
is '!document.querySelector("#chosen-items").checkVisibility() && !document.querySelector("#results .choose :checked")'
go "$url?q=red"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24'

# A label of a result is a filter; it stands above the results, where it is taken away.
js 'const chip = document.querySelector("#results .chip"); window.label = chip.textContent; chip.focus(); chip.click()' >/dev/null
is 'new URLSearchParams(location.search).get("label") === window.label && document.querySelector("#chosen .chip").textContent === window.label'
is '[...document.querySelectorAll("#results > li")].every((li) => [...li.querySelectorAll(".chip")].some((c) => c.textContent === window.label && c.ariaPressed === "true"))'
readable chips
click_on '#chosen .chip'
is '!location.search.includes("label=") && !document.querySelector("#chosen").checkVisibility() && document.querySelector("#results .chip")'

# Texts, labels, only what is relevant.
go "$url?q=red+plus+zzqx"
is 'document.querySelectorAll("#results > li:not(.skeleton)").length === 24'
click_on '.switch label:last-child'
is 'document.querySelectorAll("#results.list > li").length === 24 && document.querySelector("#results.list .main").textContent.length > 3'
is 'location.search.includes("to=text")'
shoot texts
readable texts
js 'const box = document.querySelector("#labels input"); window.label = box.value; box.click()' >/dev/null
is 'location.search.includes("label=") && document.querySelector("#chosen .chip").textContent === window.label'
is '[...document.querySelectorAll("#results > li")].every((li) => [...li.querySelectorAll(".chips li")].some((c) => c.textContent === window.label))'
js 'document.querySelector("#no-labels").click()' >/dev/null
is '!location.search.includes("label=")'
click_on '#cut'
is 'location.search.includes("cut=1") && document.querySelector("#found").textContent.length > 5'
no_errors

# Escape clears.
press escape
is 'location.search === "?to=text&cut=1" && document.querySelector("#start").checkVisibility()'

# A picture through the file input: results, tags, the mask on a canvas; other ways to give one.
go "$url"
is 'document.querySelector("#start h1")'
type_in '#file' "$picture"
is 'document.querySelector("#query h1")?.textContent === "Your picture" && location.search.startsWith("?picture=")'
is "document.querySelector('#results .main') && $picture_loaded"
is 'document.querySelector("#query .frame canvas")?.width > 0 && document.querySelector("#mask").checkVisibility()'
js 'const mask = document.querySelector("#mask"); mask.value = 0; mask.dispatchEvent(new Event("input"))' >/dev/null
is 'document.querySelector("canvas").style.opacity === "0"'
js 'const mask = document.querySelector("#mask"); mask.value = 100; mask.dispatchEvent(new Event("input"))' >/dev/null
is 'document.querySelector("canvas").style.opacity === "1"'
is 'document.querySelectorAll("#query .tags a").length > 0'
shoot picture
readable picture
click_on '.switch label:last-child' # the mask and the tags stay
is 'document.querySelector("#results.list > li") && document.querySelector("#query canvas") && document.querySelector("#query .tags a")'
click_on '#query .tags a'
is 'location.search.includes("q=") && document.querySelector("#results.list > li")'
js 'history.back()' >/dev/null
is 'document.querySelector("#query h1")?.textContent === "Your picture" && document.querySelector("#query canvas")'
for how in 'new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data})' 'new ClipboardEvent("paste", {bubbles: true, clipboardData: data})'; do
    go "$url"
    is 'document.querySelector("#start h1")'
    js "return fetch('v1/items/3/picture').then((a) => a.blob()).then((blob) => { const data = new DataTransfer();
        data.items.add(new File([blob], 'a.png', {type: blob.type})); document.body.dispatchEvent($how); })" >/dev/null
    is 'document.querySelector("#query h1")?.textContent === "Your picture" && document.querySelector("#results .main")'
done
no_errors
driver_post refresh '{}' >/dev/null # the bytes went with the page
is 'document.querySelector("#notice").textContent.includes("choose it again")'

# What fails is told in plain words.
go "$url?q=zzqx"
is 'document.querySelector("#notice h2")?.textContent === "The model knows none of these words"'
shoot unknown
readable unknown
go "$url?q=red&label=none+such"
is 'document.querySelector("#notice h2")?.textContent === "This label is not here"'
click_on '#notice button'
is 'location.search === "?q=red" && document.querySelector("#results .main")'
go "$url?id=99999999"
is 'document.querySelector("#notice h2")?.textContent === "There is no such item"'
printf 'no picture at all' >"$work/broken.png"
# What is no id leads nowhere, however it is written: no request goes to another place.
for id in ../info ..%2Finfo %2e%2e%2Finfo 3%2F..%2F..%2Finfo 3%3Fside%3D1 3%23x http:%2F%2Fexample.org%2F x; do
    go "$url?id=$id"
    is 'document.querySelector("#notice h2")?.textContent === "There is no such item"'
    is 'performance.getEntriesByType("resource").filter((each) => /\/v1\//.test(each.name)).length === 1'
done
is '[...document.querySelectorAll("#notice button")].map((b) => b.textContent).join() === "Go to the start"' # every error has a way on
type_in '#file' "$work/broken.png"
is 'document.querySelector("#notice h2")?.textContent === "This picture cannot be read"'
is '[...document.querySelectorAll("#notice button")].map((b) => b.textContent).join() === "Choose a picture,Go to the start"'
readable broken
js '[...document.querySelectorAll("#notice button")].at(-1).click()' >/dev/null
is 'document.querySelector("#start h1").checkVisibility() && !document.querySelector("#notice h2")'
forget_log

# A slow network: skeletons until results come.
go "$url"
is 'document.querySelector("#start h1")'
cdp Network.enable '{}' >/dev/null
cdp Network.emulateNetworkConditions '{"offline": false, "latency": 1500, "downloadThroughput": -1, "uploadThroughput": -1}' >/dev/null
type_in '#words' blue
is 'document.querySelector("#results .skeleton")'
cdp Network.emulateNetworkConditions '{"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}' >/dev/null
is 'document.querySelector("#results .main") && !document.querySelector(".skeleton") && !document.body.classList.contains("waiting")'

# In Chinese: by the switch, which is remembered, with a picture that was given by hand; and by the browser's own language.
go "$url"
is 'document.querySelector("#start h1")'
type_in '#file' "$picture"
is 'document.querySelector("#query canvas") && document.querySelector("#query .tags a")'
js 'const chooser = document.querySelector("#language"); chooser.value = "zh-Hans"; chooser.dispatchEvent(new Event("change"))' >/dev/null
is 'document.documentElement.lang === "zh-Hans" && document.querySelector("#query h1")?.textContent === "您的图片" && document.querySelector("#query canvas") && document.querySelector("#query .tags a")'
in_chinese picture
is '[...document.querySelectorAll("#results .distance span:first-child")].length === 24'
readable chinese
shoot chinese
js 'for (const i of [0, 1]) document.querySelectorAll("#results .choose input")[i].click(); document.querySelector("#results .open").focus()' >/dev/null
is 'document.querySelector("#n-chosen").textContent === "已选 2 项"'
in_chinese chosen
press enter
is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0'
in_chinese viewer
press escape
for address in '' '?q=red+plus+zzqx' '?q=red&to=text&cut=1&label=red' '?q=zzqx' '?after=2019-06' '?q=red&before=2019-07&folder=images' '?folder=nowhere' '?id=3' '?id=x' '?picture=gone'; do
    go "$url$address"
    is 'document.documentElement.lang === "zh-Hans" && (document.querySelector("#notice h2, #start h1, #query h1, #results li"))'
    is '!document.querySelector(".skeleton")'
    in_chinese "$address"
    fits "chinese $address"
done
js 'localStorage.removeItem("adah-language")' >/dev/null
agent=$(js 'return navigator.userAgent')
languages() { cdp Network.setUserAgentOverride "$(jq -n --arg agent "$agent" --arg languages "$1" '{userAgent: $agent, acceptLanguage: $languages}')" >/dev/null; }
languages 'zh-CN,en'
go "$url?q=red"
is 'document.documentElement.lang === "zh-Hans" && document.querySelector("#found").textContent === "最接近的 24 张图片"'
languages 'de-DE,en-US,zh-CN'
go "$url?q=red"
is 'document.documentElement.lang === "en" && document.querySelector("#found").textContent === "The nearest 24 pictures"'
languages 'en-US,en'
go "$url?q=red"
is 'document.querySelector("#results .main")'
type_in '#words' ' plus'
is 'document.querySelectorAll("#query .words li").length === 2'
forget_log

# The server stops, and comes back.
stop_server
type_in '#words' ' square'
is 'document.querySelector("#notice h2")?.textContent === "The server does not answer"'
shoot stopped
serve "$(js 'return location.port')"
click_on '#notice button'
is "document.querySelector('#results .main') && $picture_loaded && !document.querySelector('#notice h2')"
forget_log

# Phone width, day and night.
for colour in light dark; do
    colours "$colour"
    viewport 360 740 2
    for address in '' '?q=red+plus' '?q=red+plus&to=text' '?id=3'; do
        go "$url$address"
        is 'document.querySelector("#results .main, .examples")'
        fits "$address"
    done
    js 'document.querySelector("#filter").open = true' >/dev/null
    fits labels
    is 'document.querySelector("#labels").checkVisibility() && document.querySelector("#filter fieldset").getBoundingClientRect().right <= innerWidth'
    shoot "labels-$colour"
    type_in '#file' "$picture"
    is 'document.querySelector("#query canvas")'
    fits picture
    shoot "phone-$colour"
    viewport 2200 1200
    fits wide
    viewport 1280 900
    readable "$colour"
    shoot "picture-$colour"
    eval "ground_$colour=\$(js 'return getComputedStyle(document.documentElement).backgroundColor')"
done
check [ "$ground_light" != "$ground_dark" ]
colours light
no_errors
stop_server

# A server that asks for a token: the page asks for it, and pictures come with it.
serve 0 --address 0.0.0.0 --token secret-of-this-test
go "$url?q=red"
is 'document.querySelector("#token").checkVisibility()'
shoot token
readable token
type_in '#token-value' wrong
press enter
is 'document.querySelector("#token-message").textContent === "The token was not accepted."'
type_in '#token-value' secret-of-this-test
press enter
is "document.querySelector('#results .main') && $picture_loaded && !document.querySelector('#token').checkVisibility()"
is '[...document.querySelectorAll("#results .main img")].slice(0, 4).every((i) => i.src.startsWith("blob:"))'
stop_server

# Reads are free and changes take the token: it is asked for when it is needed. A label is given, an item deleted.
serve 0 --token secret-of-this-test
go "$url"
is 'document.querySelector("#start h1")'
js 'sessionStorage.clear()' >/dev/null
go "$url?q=red"
is "document.querySelector('#results .main') && $picture_loaded"
js 'window.ids = [0, 1].map((i) => document.querySelectorAll("#results > li")[i].dataset.id); for (const i of [0, 1]) document.querySelectorAll("#results .choose input")[i].click()' >/dev/null
click_on '#label-chosen'
is 'document.querySelector("dialog[open] #answer")'
shoot label
readable label
type_in '#answer' 'quite new'
press enter
is 'document.querySelector("dialog[open] #answer[type=password]")'
type_in '#answer' wrong
press enter
is 'document.querySelector("dialog[open] p")?.textContent.startsWith("The token was not accepted.")'
type_in '#answer' secret-of-this-test
press enter
is 'document.querySelector("#found").textContent === "2 items have the label quite new" && !document.querySelector("dialog[open]")'
is '[...document.querySelectorAll("#results .chip")].filter((c) => c.textContent === "quite new").length === 2'
is '[...document.querySelectorAll("#labels input")].some((box) => box.value === "quite new")'
js 'document.querySelector(`#results [data-id="${window.ids[0]}"] .choose input`).click()' >/dev/null
click_on '#delete-chosen'
is 'document.querySelector("dialog[open] h2")?.textContent === "Delete 1 item?"'
press escape
is '!document.querySelector("dialog[open]") && document.querySelector("#n-chosen").textContent === "1 chosen"'
click_on '#delete-chosen'
is 'document.querySelector("dialog[open] button[value=yes]")'
click_on 'dialog[open] button[value=yes]'
is 'document.querySelector("#found").textContent === "1 item deleted" && document.querySelector("#holdings").textContent === "119 items"'
is '!document.querySelector(`#results [data-id="${window.ids[0]}"]`)'
forget_log # of the refused tokens

# What was asked before leads back to it, until it is forgotten.
go "$url"
is '[...document.querySelectorAll(".asked a")].map((a) => a.textContent).includes("red")'
readable asked
js '[...document.querySelectorAll(".asked a")].find((a) => a.textContent === "red").click()' >/dev/null
is 'location.search === "?q=red" && document.querySelector("#results .main")'
go "$url"
is 'document.querySelector(".asked button")'
click_on '.asked button'
is '!document.querySelector(".asked") && !localStorage.getItem("adah-asked")'
stop_server

# Without the pictures, texts stand in their place.
images=()
serve 0
go "$url?q=red"
is 'document.querySelectorAll("#results.grid .main .blank").length === 24 && !document.querySelector("#results img")'
is '[...document.querySelectorAll("#results .blank")].every((b) => b.textContent.length > 3)'
readable 'no pictures'
finish

#!/bin/bash
# test_page_firefox.sh - the page of adah serve in Firefox: what test_page.sh tries in Chromium, once through what people do most.
# Skips where Firefox is not installed.
browser=firefox-esr
. "$(dirname "${BASH_SOURCE[0]}")/page.sh"
page_start

serve 0
go "$url"
is 'document.querySelector(".examples a img.loaded")'
readable start

# Words, the keys, the viewer.
type_in '#words' 'red plus'
is "location.search === '?q=red+plus' && document.querySelectorAll('#results.grid > li:not(.skeleton)').length === 24 && $picture_loaded"
is 'document.querySelector("#found").textContent === "The nearest 24 pictures" && document.querySelectorAll("#query .words li").length === 2'
is '((bars) => Math.max(...bars) === 100 && new Set(bars).size > 2)([...document.querySelectorAll("#results .bar i")].map((i) => parseFloat(i.style.inlineSize)))'
readable words
fits words
shoot firefox-words
press down right
is 'document.activeElement === document.querySelectorAll("#results .main")[1]'
js 'document.querySelector("#results .open").focus()' >/dev/null
press enter
is 'document.querySelector("#viewer[open] .stage img")?.naturalWidth > 0'
press right
is 'document.querySelector("#viewer .caption").textContent === document.querySelectorAll("#results .caption")[1].textContent'
fits viewer
shoot firefox-viewer
press escape
is '!document.querySelector("#viewer[open]") && document.activeElement === document.querySelectorAll("#results .open")[1]'

# A label as a filter, more by scrolling, the history.
js 'const chip = document.querySelector("#results .chip"); window.label = chip.textContent; chip.click()' >/dev/null
is 'new URLSearchParams(location.search).get("label") === window.label && document.querySelector("#chosen .chip").textContent === window.label'
js 'history.back()' >/dev/null
is 'location.search === "?q=red+plus" && document.querySelectorAll("#results > li").length === 24'
js 'scrollTo(0, document.documentElement.scrollHeight)' >/dev/null
is 'document.querySelectorAll("#results > li").length >= 48'

# Several chosen.
js 'for (const i of [0, 2]) document.querySelectorAll("#results .choose input")[i].click()' >/dev/null
is 'document.querySelector("#n-chosen").textContent === "2 chosen"'
js 'window.saved = []; HTMLAnchorElement.prototype.click = function () { saved.push(this.download); }; document.querySelector("#save-chosen").click()' >/dev/null
is 'window.saved.join() === "pictures.zip"'

# A picture with its mask, then in Chinese.
go "$url"
is 'document.querySelector("#start h1")'
type_in '#file' "$picture"
is 'document.querySelector("#query .frame canvas")?.width > 0 && document.querySelector("#query .tags a") && document.querySelector("#results .main")'
js 'const chooser = document.querySelector("#language"); chooser.value = "zh-Hans"; chooser.dispatchEvent(new Event("change"))' >/dev/null
is 'document.querySelector("#query h1")?.textContent === "您的图片" && document.querySelector("#results .main")'
in_chinese picture
readable chinese
js 'localStorage.clear()' >/dev/null

# What fails has a way on.
go "$url?q=zzqx"
is 'document.querySelector("#notice h2")?.textContent === "The model knows none of these words"'
stop_server
type_in '#words' ' square'
is 'document.querySelector("#notice h2")?.textContent === "The server does not answer"'
serve "$(js 'return location.port')"
go "$url?q=red"
is 'document.querySelector("#results .main")'
finish

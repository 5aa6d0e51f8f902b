// app.js - the page of adah serve: shows what the address says, and takes what is typed, clicked and pressed.
//
// page.js holds the address and what is shown; results.js, query.js, start.js and errors.js fill the parts of the page. Addresses of the
// interface are relative, so that the page also works behind a proxy, in a folder. What the first answer does not need comes in a file
// of its own when it is wanted, since every file is one more request before anything is seen.

import { showChosen } from "./chosen.js";
import { tell, tellError } from "./errors.js";
import "./given.js";
import { say, startLanguage } from "./language.js";
import { $, defaultTo, go, isNarrowed, keyOf, nothingNarrows, page, read } from "./page.js";
import { showMarks } from "./marks.js";
import { ApiError, askJson, itemUrl, make } from "./parts.js";
import { showQuery, showWords } from "./query.js";
import { chip, narrowChips, search, showAnswer } from "./results.js";
import { remember, showStart } from "./start.js";

const TYPING_PAUSE_MS = 90; // short, to leave time for an answer 200 ms after the last letter
const SKELETON_AFTER_MS = 150;

let running = null; // aborts the search that the last show() began
let asking = null; // aborts what is still wanted of the query itself: another switch does not
let typing = 0; // timer

// ---------------------------------------------------------------- what the address says

// What has the focus, told so that it is found again when the results are made anew.
function focused() {
    const node = document.activeElement;
    return { node, item: node.closest("[data-id]")?.dataset.id, label: node.matches(".chip") ? node.textContent : null };
}

// Where what had the focus is gone, it goes to what stands in its place.
function keepFocus({ node, item, label }) {
    if (node === document.body || (node.isConnected && node.checkVisibility())) return;
    const same = label === null ? null : [...document.querySelectorAll(`#results [data-id="${item}"] .chip`)].find((each) => each.textContent === label);
    const next = same ?? (read().kind || isNarrowed(read()) ? document.querySelector("#notice button") ?? $("results") : $("words"));
    next.focus({ preventScroll: true });
}

async function show({ again = false, typed = false } = {}) {
    const had = focused();
    clearTimeout(typing);
    running?.abort();
    running = new AbortController();
    const { signal } = running;
    const skeletons = setTimeout(() => read().kind && showSkeletons(), SKELETON_AFTER_MS);
    try {
        if (!page.info) {
            page.info = await askJson("v1/info", { signal });
            showFrame();
        }
        const state = read();
        showControls(state, typed);
        $("token").hidden = true;
        tell();
        if (state.kind !== "q" && state.kind !== "id" && state.kind !== "picture") $("marked").hidden = true;
        if (state.kind === "show") $("timeline").hidden = true;
        if (!state.kind && !isNarrowed(state)) {
            const started = showStart(signal);
            showTimeline(state, signal, again);
            return await started;
        }
        $("start").hidden = true;
        if (state.kind === "show") return await showOnDemand(signal);
        if (state.kind === "picture" && !page.pictures.has(state.picture)) throw new ApiError(410, "gone", "the picture went with the page");
        if (state.kind === "id") itemUrl(state.id); // refuses what is no id before anything is asked
        const query = keyOf(state, ["kind", ...(state.kind ? [state.kind] : []), "by"]);
        const is_new = query !== page.shown.query || again;
        if (is_new) {
            page.shown = { query, answer: "" };
            asking?.abort();
            asking = new AbortController();
        }
        const [answer] = await Promise.all([search(state, signal), is_new && state.kind && showQuery(state, asking.signal),
                                            state.kind && showMarks(state, signal)]);
        if (!state.kind) $("query").hidden = true;
        if (answer.query.words) showWords(answer.query.words);
        showAnswer(state, answer);
        showTimeline(state, signal, again);
        if (state.kind === "q" && answer.hits.length) remember(state.q);
    } catch (error) {
        if (!signal.aborted) tellError(error);
    } finally {
        clearTimeout(skeletons);
        if (!signal.aborted) {
            document.body.classList.remove("waiting");
            keepFocus(had);
        }
    }
}

// A view that is not a search comes in a file of its own.
async function showOnDemand(signal) {
    page.shown = { query: "", answer: "" };
    const view = await import("./duplicates.js").catch(() => null);
    if (!view) throw new ApiError(0, "unreachable", "the server does not answer");
    return view.showDuplicates(signal);
}

// It comes behind what was asked for, and where it does not come nothing is missing.
async function showTimeline(state, signal, again) {
    try {
        const timeline = await import("./timeline.js");
        await timeline.showTimeline(state, signal, again);
    } catch {
        if (!signal.aborted) $("timeline").hidden = $("when").hidden = true;
    }
}

// What depends on the archive, not on the query.
function showFrame() {
    const { model, index } = page.info;
    $("holdings").textContent = say("page_items", { n: index.n_records });
    $("holdings").title = say("page_codes", { n: model.n_bits, model: model.id });
    $("choose").hidden = !model.takes_images;
    $("words").disabled = !model.takes_text;
    if (!model.takes_text) $("words").placeholder = say("search_only_picture");
    if (!model.takes_images) $("words").placeholder = say("search_only_words");
    document.querySelector(".switch").hidden = !index.n_image_codes || !index.n_text_codes;
    $("filter").hidden = index.labels.length < 2;
    $("labels").replaceChildren(...index.labels.map((label) => make("label", { class: "check" },
        make("input", { type: "checkbox", name: "label", value: label }), make("span", { translate: "no" }, label))));
}

function showControls(state, typed) {
    if (!typed) $("words").value = state.kind === "q" ? state.q : ""; // else the box is ahead of the address, by a space say
    $("clear").hidden = !state.kind;
    $("options").hidden = state.kind === "show" || (!state.kind && !isNarrowed(state));
    $("options").classList.toggle("by-date", !state.kind);
    $("options").elements.to.value = state.to;
    $("cut").checked = state.cut;
    $("uncropped-option").hidden = state.to !== "image" || !page.info.has_pictures;
    for (const box of $("labels").querySelectorAll("input")) box.checked = state.labels.includes(box.value);
    $("filter-name").textContent = state.labels.length ? say("filter_some") : say("filter_all");
    $("chosen").hidden = !isNarrowed(state);
    $("chosen").replaceChildren(...narrowChips(state), ...state.labels.map((each) => chip(each, true, { "aria-label": say("filter_without", { label: each }), title: say("filter_remove") })));
    $("no-labels").disabled = !state.labels.length;
    const about = { q: state.q, id: say("query_like"), picture: say("query_picture"), show: say("dup_title") }[state.kind];
    document.title = about ? `${about} · adah` : "adah";
}

function showSkeletons() {
    document.body.classList.add("waiting");
    if ($("results").children.length) return; // the last answer stays, dimmed
    $("results").replaceChildren(...Array.from({ length: 12 }, () => make("li", { class: "skeleton", "aria-hidden": "true" })));
}

// ---------------------------------------------------------------- controls and keys

$("search").addEventListener("submit", (event) => {
    event.preventDefault();
    go({ q: $("words").value.trim() });
});
$("words").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ q: $("words").value.trim() }, { typed: true }), TYPING_PAUSE_MS);
});
function clear() {
    $("words").value = "";
    $("words").focus();
    go({ q: "", ...(read().kind ? {} : nothingNarrows) }); // at first the query, then what narrows
}
$("clear").addEventListener("click", clear);
$("options").addEventListener("change", () => go({
    to: $("options").elements.to.value,
    cut: $("cut").checked,
    labels: [...$("labels").querySelectorAll(":checked")].map((box) => box.value),
}));
$("uncropped").checked = localStorage.getItem("adah-uncropped") === "1";
const showUncropped = () => document.body.classList.toggle("uncropped", $("uncropped").checked);
$("uncropped").addEventListener("change", (event) => {
    event.stopPropagation(); // it asks nothing anew
    localStorage.setItem("adah-uncropped", $("uncropped").checked ? "1" : "0");
    showUncropped();
});
showUncropped();
$("options").addEventListener("submit", (event) => event.preventDefault());
$("no-labels").addEventListener("click", () => go({ labels: [] }));

$("token").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("adah-token", $("token-value").value);
    $("token-value").value = "";
    show();
});

// Links within the page. One that was followed to an item leads on to what is said of it.
document.addEventListener("click", async (event) => {
    for (const id of ["filter", "when"]) if (!event.target.closest(`#${id}`)) $(id).open = false;
    const link = event.target.closest("a[data-go]");
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const { searchParams } = new URL(link.href);
    const gone = searchParams.has("show") ? go({ show: "duplicates", q: "", cut: false, to: defaultTo(), ...nothingNarrows })
        : searchParams.has("id") ? go({ id: searchParams.get("id"), by: searchParams.get("by") ?? "image" })
        : go(searchParams.has("q") ? { q: searchParams.get("q") } : { q: "", to: defaultTo(), cut: false, ...nothingNarrows });
    scrollTo({ top: 0 }); // after go() has noted where one was
    await gone;
    $("query-title")?.focus({ preventScroll: true });
});
history.scrollRestoration = "manual";
addEventListener("popstate", async (event) => {
    await show();
    scrollTo({ top: event.state?.y ?? 0 });
});

// Up, down, left and right among the results: the neighbour on the screen.
function step(event) {
    const mains = [...$("results").querySelectorAll("a.main")];
    const at = mains.indexOf(document.activeElement);
    const from_box = document.activeElement === $("words") && event.key === "ArrowDown";
    if (!mains.length || (at < 0 && !from_box)) return;
    const top = (link) => link.getBoundingClientRect().top;
    const n_columns = $("results").className === "list"
        ? 1 : mains.filter((link) => Math.abs(top(link) - top(mains[0])) < 2).length;
    const to = from_box ? 0 : { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - n_columns, ArrowDown: at + n_columns,
                                Home: 0, End: mains.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0 && event.key === "ArrowUp") $("words").focus();
    else mains[Math.min(Math.max(to, 0), mains.length - 1)].focus();
}

document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
    const writes = event.target.matches("input:not([type=checkbox], [type=radio], [type=range])");
    if (event.key === "/" && !writes) {
        event.preventDefault();
        $("words").focus();
        $("words").select();
    } else if (event.key === "Escape") {
        const open = [$("filter"), $("when")].find((each) => each.open);
        if (open) {
            open.open = false;
            open.querySelector("summary").focus();
        } else if (!$("token-value").matches(":focus")) clear();
    } else if (!event.target.matches("[type=radio], [type=range]")) step(event);
});

page.show = show;
startLanguage(() => {
    if (page.info) {
        showFrame();
        showChosen();
    }
    show({ again: true });
});
show();

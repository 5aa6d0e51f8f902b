// page.js - what the parts of the page share: what is known and shown, and the address, which says what is asked.
//
// The address is ?q=words, ?id=17&by=image or ?picture=NAME, with how: to, cut, label, after, before, folder, like, unlike, k; or
// ?show=duplicates; without a query, but with what narrows it, it means all items by date. Every change goes through go(), which changes
// the address, and page.show(), which reads it; so links, back and forward work. A picture given by hand has no address: its bytes stay
// in page.pictures as long as the page does.

export const N_FIRST = 24; // a multiple of most numbers of columns
export const NARROWS = ["after", "before", "folder"]; // besides labels
export const $ = (id) => document.getElementById(id);

export const page = {
    info: null, // of /v1/info
    results: [], // the hits that are shown
    chosen: new Map(), // id -> hit
    pictures: new Map(), // name -> {blob, url}
    shown: { query: "", answer: "" }, // what the page is about: keys, see keyOf
    show: null, // app.js: shows what the address says
};

export const defaultTo = () => (page.info && page.info.index.n_image_codes === 0 ? "text" : "image");

export function read() {
    const given = new URLSearchParams(location.search);
    const hash = /^#id=(\d+)$/.exec(location.hash); // links may also be written so
    const side = (name) => (["image", "text"].includes(given.get(name)) ? given.get(name) : null);
    const ids = (name) => given.getAll(name).filter((id) => /^\d+$/.test(id));
    const state = { q: (given.get("q") ?? "").trim(), id: hash ? hash[1] : given.get("id"), by: side("by") ?? "image",
                    picture: given.get("picture"), to: side("to") ?? defaultTo(), cut: given.get("cut") === "1",
                    after: given.get("after") ?? "", before: given.get("before") ?? "", folder: given.get("folder") ?? "",
                    labels: given.getAll("label"), liked: ids("like"), unliked: ids("unlike"), show: given.get("show") === "duplicates" ? "duplicates" : null, k: Math.max(1, parseInt(given.get("k"), 10) || N_FIRST) };
    state.kind = state.picture ? "picture" : state.id ? "id" : state.q ? "q" : state.show ? "show" : "";
    return state;
}

export const isNarrowed = (state) => state.labels.length > 0 || NARROWS.some((name) => state[name]);
export const nothingNarrows = { labels: [], after: "", before: "", folder: "" };

function addressOf(state) {
    const p = new URLSearchParams();
    if (state.kind) p.set(state.kind, state[state.kind]);
    if (state.kind === "id" && state.by !== "image") p.set("by", state.by);
    if (state.to !== defaultTo()) p.set("to", state.to);
    if (state.cut) p.set("cut", "1");
    for (const label of state.labels) p.append("label", label);
    for (const name of NARROWS) if (state[name]) p.set(name, state[name]);
    if (["q", "id", "picture"].includes(state.kind)) { // what is marked goes with a query
        for (const id of state.liked) p.append("like", id);
        for (const id of state.unliked) p.append("unlike", id);
    }
    if (state.k !== N_FIRST) p.set("k", state.k);
    return location.pathname + (String(p) ? `?${p}` : "");
}

// Goes where the state changed by `change` is. What is typed makes one entry of the history, not one a letter.
export function go(change, { typed = false, same_entry = false } = {}) {
    const kinds = ["q", "id", "picture", "show"], before = read();
    const is_other = kinds.some((kind) => kind in change && change[kind] !== before[kind]);
    const state = { ...before, k: N_FIRST, ...(is_other ? { liked: [], unliked: [] } : {}), ...change };
    for (const kind of kinds) if (kind in change) state.kind = change[kind] ? kind : "";
    const address = addressOf(state);
    const same = address === location.pathname + location.search && !location.hash;
    if (same || same_entry || (typed && history.state?.typed)) history.replaceState({ typed }, "", address);
    else {
        history.replaceState({ ...history.state, y: scrollY }, ""); // back leads to where one was
        history.pushState({ typed }, "", address);
    }
    return page.show({ typed });
}

export const links = { // for <a href>, so that a middle click opens them; a plain click goes from the state of that moment
    item: (id, by) => addressOf({ ...read(), kind: "id", id, by, liked: [], unliked: [], k: N_FIRST }),
    words: (q) => addressOf({ ...read(), kind: "q", q, liked: [], unliked: [], k: N_FIRST }),
    duplicates: () => addressOf({ ...read(), kind: "show", show: "duplicates", cut: false, to: defaultTo(), ...nothingNarrows, k: N_FIRST }),
};

export const keyOf = (state, names) => JSON.stringify(names.map((name) => state[name]));

// choice.js - several results chosen at once: saved as one archive, given a label, deleted. app.js loads it with the first choice.
//
// Changes need the server's token. It is asked for when the server refuses without it, and forgotten with the tab.

import { say } from "./language.js";
import { ask, askJson, button, fileName, itemUrl, make, pictureUrl } from "./parts.js";

const ITEMS_AT_ONCE = 50; // in a request that labels: their pictures are encoded again

// ---------------------------------------------------------------- asking the person

// A dialog with a form; the value of its field, "" where it has none, or null when it was given up.
function askPerson(title, text, action, field) {
    const input = field && make("input", { id: "answer", required: true, ...field.attributes });
    const form = make("form", { method: "dialog" }, make("h2", { id: "person-title" }, title), make("p", { class: "soft" }, text),
                      input ? make("label", { for: "answer" }, field.label) : null, input ?? null,
                      make("div", { class: "row" }, make("button", { class: "solid", value: "yes" }, action)));
    const dialog = make("dialog", { class: "person", "aria-labelledby": "person-title" }, form);
    form.querySelector(".row").append(button(say("change_not_now"), () => dialog.close("")));
    document.body.append(dialog);
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => {
        resolve(dialog.returnValue === "yes" ? (input?.value.trim() ?? "") : null);
        dialog.remove();
    }));
}

// A request that changes something; asks for the token as long as the server wants one.
export async function change(path, options) {
    for (let refused = ""; ; refused = `${say("token_refused")} `) {
        try {
            return await ask(path, options);
        } catch (error) {
            if (error.status !== 401) throw error;
            const token = await askPerson(say("change_token"), `${refused}${say("change_ask")}`, say("change_go_on"),
                                          { label: say("token_name"), attributes: { type: "password", autocomplete: "current-password" } });
            if (token === null) throw new DOMException("given up", "AbortError");
            sessionStorage.setItem("adah-token", token);
        }
    }
}

// ---------------------------------------------------------------- an archive

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
});
const crcOf = (bytes) => ~bytes.reduce((crc, byte) => crcTable[(crc ^ byte) & 255] ^ (crc >>> 8), -1) >>> 0;

// Numbers in the order of a ZIP archive: pairs of bytes and value.
function numbers(...pairs) {
    const view = new DataView(new ArrayBuffer(pairs.reduce((sum, [n]) => sum + n, 0)));
    let at = 0;
    for (const [n, value] of pairs) {
        if (n === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
        at += n;
    }
    return view;
}

// The files as they are, none compressed: pictures are already.
export function zipOf(files) {
    const parts = [], directory = [];
    let offset = 0, n_directory = 0;
    for (const { name, bytes } of files) {
        const encoded = new TextEncoder().encode(name);
        const shared = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 33], [4, crcOf(bytes)], [4, bytes.length], [4, bytes.length],
                        [2, encoded.length], [2, 0]]; // 0x800: names are UTF-8; 33: the first day that can be told
        const entry = numbers([4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
        parts.push(numbers([4, 0x04034b50], ...shared), encoded, bytes);
        directory.push(entry, encoded);
        offset += 30 + encoded.length + bytes.length;
        n_directory += 46 + encoded.length;
    }
    const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, n_directory], [4, offset], [2, 0]);
    return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function save(blob, name) {
    const url = URL.createObjectURL(blob);
    make("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// One picture by its own name, several as pictures.zip. A name that two have gets a number.
export async function download(hits) {
    if (hits.length === 1) return save(await (await ask(pictureUrl(hits[0].id))).blob(), fileName(hits[0]));
    const files = [], taken = new Set();
    for (const hit of hits) {
        let name = fileName(hit);
        for (let n = 2; taken.has(name); n++) name = fileName(hit).replace(/(\.[^.]*)?$/, `-${n}$1`);
        taken.add(name);
        files.push({ name, bytes: new Uint8Array(await (await ask(pictureUrl(hit.id))).arrayBuffer()) });
    }
    return save(zipOf(files), "pictures.zip");
}

// ---------------------------------------------------------------- changes

// Takes them out of the index; the files stay. Returns how many are gone, or null when it was given up.
export async function remove(hits) {
    const sure = await askPerson(say("delete_title", { n: hits.length }), say("delete_what"), say("chosen_delete"));
    if (sure === null) return null;
    for (const hit of hits)
        await change(itemUrl(hit.id), { method: "DELETE" }).catch((error) => {
            if (error.status !== 404) throw error; // somebody else deleted it
        });
    return hits.length;
}

// Gives them one more label. An item is replaced whole; one whose picture is not there would lose its code, and is left as it is.
export async function label(hits) {
    const name = await askPerson(say("label_title", { n: hits.length }), say("label_what"), say("label_add"),
                                 { label: say("label_name"), attributes: { type: "text", maxlength: 200, autocomplete: "off" } });
    if (!name) return null;
    const items = (await Promise.all(hits.map((hit) => askJson(itemUrl(hit.id)))))
        .filter((item) => item.has_picture || !item.image_code)
        .map(({ id, file_name, text, labels, taken, latitude, longitude }) => ({
            id, file_name, ...(text ? { text } : {}), labels: [...new Set([...labels, name])], taken, latitude, longitude, replace: true })); // what is undefined is not sent
    for (let i = 0; i < items.length; i += ITEMS_AT_ONCE) await change("v1/items", { body: { items: items.slice(i, i + ITEMS_AT_ONCE) } });
    return { name, n: items.length, n_left: hits.length - items.length };
}

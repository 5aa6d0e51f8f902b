// language.js - says the words of texts.js in the language of the reader: the one that was chosen here, else the first of the
// browser's that is there, else English. Another language is a row here and one more text for each key there.
//
// In HTML, data-say="key" fills an element, and data-say-title="key" its title; likewise the other attributes below. What is no word of
// the page, such as captions, labels and names of files, has translate="no": nothing else is shown as it came.

import { texts } from "./texts.js";

const KEPT = "adah-language";
const ATTRIBUTES = ["title", "aria-label", "placeholder"];
const KINDS_OF_NUMBER = ["zero", "one", "two", "few", "many", "other"]; // the order of a text's forms

const languages = [{ tag: "en", name: "English" }, { tag: "zh-Hans", name: "中文" }];
let at = 0; // the place in languages, and in each entry of texts
let numbers, plurals, kinds;

const primary = (tag) => tag?.split("-")[0];

function wished() {
    const found = [localStorage.getItem(KEPT), ...navigator.languages]
        .map((wish) => languages.findIndex(({ tag }) => primary(tag) === primary(wish))).find((i) => i >= 0);
    return found ?? 0;
}

function use(i) {
    const { tag } = languages[i];
    at = i;
    numbers = new Intl.NumberFormat(tag);
    plurals = new Intl.PluralRules(tag);
    kinds = KINDS_OF_NUMBER.filter((kind) => plurals.resolvedOptions().pluralCategories.includes(kind));
    document.documentElement.lang = tag;
}

export const tag = () => languages[at].tag;
export const number = (n) => numbers.format(n);

// The text of the key, with {name} replaced by values.name. Numbers are written as the language does; n chooses the form.
export function say(key, values = {}) {
    const forms = texts[key][at].split("|");
    const form = forms[Math.min(Math.max(kinds.indexOf(plurals.select(values.n ?? 0)), 0), forms.length - 1)];
    return form.replace(/\{(\w+)\}/g, (_, name) => (typeof values[name] === "number" ? number(values[name]) : values[name]));
}

// Fills what the HTML leaves to the table.
function fill() {
    for (const node of document.querySelectorAll("[data-say]")) node.textContent = say(node.dataset.say);
    for (const name of ATTRIBUTES)
        for (const node of document.querySelectorAll(`[data-say-${name}]`)) node.setAttribute(name, say(node.getAttribute(`data-say-${name}`)));
}

// Fills the page and the switch, whose change is kept; says_anew() then does what fill() cannot.
export function startLanguage(says_anew) {
    const chooser = document.getElementById("language");
    chooser.replaceChildren(...languages.map(({ tag, name }) => {
        const option = new Option(name, tag, false, tag === languages[at].tag);
        option.lang = tag;
        return option;
    }));
    chooser.addEventListener("change", () => {
        localStorage.setItem(KEPT, chooser.value);
        use(chooser.selectedIndex);
        fill();
        says_anew();
    });
    fill();
}

use(wished());

# shellcheck shell=bash
# axe.sh - for tests of the page: axe-core, which judges whether people with a screen reader or a keyboard can use what is shown.
#
# It is fetched when it is needed, from a package of PyPI that ships it, and kept in the cache of the user. Nothing of it is part of adah.
# ADAH_AXE=FILE is used in its place.
axe_package=axe-playwright-python==0.1.8

# axe_fetch - sets $axe to the path of axe.min.js, or to nothing where it cannot be had.
axe_fetch() {
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/adah-tests/${axe_package/==/-} got
    axe=${ADAH_AXE:-$folder/axe.min.js}
    [ -s "$axe" ] && return
    axe=
    got=$(mktemp -d) || return
    if timeout 120 python3 -m pip download -q --no-deps --disable-pip-version-check -d "$got" "$axe_package" >/dev/null 2>&1 &&
        python3 -m zipfile -e "$got"/*.whl "$got/files" && mkdir -p "$folder" &&
        cp "$got/files/axe_playwright_python/axe.min.js" "$folder/axe.$$" && mv "$folder/axe.$$" "$folder/axe.min.js"; then
        axe=$folder/axe.min.js
    fi
    rm -rf "$got"
}

# axe_judge - prints what is serious or critical in the page as it is now, one finding a line.
axe_judge() {
    if [ "$(js 'return !!window.axe')" != true ]; then
        jq -n --rawfile code "$axe" '{script: $code, args: []}' | curl -sS -m 700 "$driver/execute/sync" -d @- >/dev/null
    fi
    js 'return axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => violations
        .filter(({impact}) => ["serious", "critical"].includes(impact))
        .map(({id, help, nodes}) => `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ")}`).join("\n"),
        (error) => `axe did not run: ${error.message}`)'
}

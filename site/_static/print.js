// Paper is white: while a page is printed it has the light theme, whatever its reader has chosen.
(() => {
    const root = document.documentElement.dataset;
    let before = null;
    const follow = ({ matches }) => {
        if (matches) before = root.theme;
        root.theme = matches ? "light" : before ?? root.theme;
    };
    matchMedia("print").addEventListener("change", follow);
})();

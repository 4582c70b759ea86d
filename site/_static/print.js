// Paper is white, whatever its reader has chosen, and cannot be clicked: while a page is printed it has the light theme, and
// its folds are open. Slides keep theirs: printed, they are a sheet without the answers.
(() => {
    const root = document.documentElement.dataset;
    let undo = null;
    const toPaper = () => {
        if (undo) return;
        const theme = root.theme;
        const folds = document.querySelectorAll("main:not([data-prints-folded]) details:not([open], .explorer *)");
        root.theme = "light";
        folds.forEach((fold) => { fold.open = true; });
        undo = () => {
            root.theme = theme;
            folds.forEach((fold) => { fold.open = false; });
        };
    };
    const toScreen = () => {
        undo?.();
        undo = null;
    };
    addEventListener("beforeprint", toPaper);
    addEventListener("afterprint", toScreen);
    matchMedia("print").addEventListener("change", ({ matches }) => (matches ? toPaper : toScreen)());
    // A picture that nobody has scrolled to yet would be missing on paper: once the page is there, all of them are loaded.
    addEventListener("load", () => {
        for (const picture of document.querySelectorAll("img[loading=lazy]")) picture.loading = "eager";
    });
})();

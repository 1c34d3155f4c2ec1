// What the tests measure in the page: an object of functions, for `window.evaluate`.
({
  // Elements that reach beyond the window, and are not in one that scrolls.
  beyond() {
    const width = document.documentElement.clientWidth;
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      if (element.getBoundingClientRect().right <= width + 1 || !element.checkVisibility()) continue;
      let outer = element;
      while (outer !== document.body && getComputedStyle(outer).overflowX === "visible") outer = outer.parentElement;
      if (outer === document.body) found.push(`${element.tagName} ${element.textContent.slice(0, 60)}`);
    }
    return found;
  },

  // Displayed formulas that no element around them scrolls.
  fixed() {
    const scrolls = (element) =>
      element && (getComputedStyle(element).overflowX === "auto" || scrolls(element.parentElement));
    return [...document.querySelectorAll("math[display=block]")]
      .filter((formula) => !scrolls(formula.parentElement))
      .map((formula) => formula.textContent.slice(0, 60));
  },

  // The targets of links that are out of sight, or under another element, after a jump to them.
  covered() {
    const ids = new Set([...document.querySelectorAll('a[href^="#"]')].map((link) => link.hash.slice(1)));
    const found = [];
    for (const id of ids) {
      location.hash = id;
      const target = document.getElementById(id);
      const box = (target.querySelector("h2, math, caption") ?? target).getBoundingClientRect();
      const top = document.elementFromPoint(box.left + Math.min(8, box.width / 2), box.top + Math.min(8, box.height / 2));
      const seen = top && (target.contains(top) || top.contains(target));
      if (box.top < 0 || box.top > innerHeight || !seen) found.push([id, box.top, top?.outerHTML.slice(0, 80)]);
    }
    return [ids.size, found];
  },

  // The texts in which a reference must be a link.
  texts() {
    const verbatim = "a, code, pre, h1, h2, h3, h4, summary, button, math, svg, cite, script, [translate=no]";
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) {
      if (!walker.currentNode.parentElement.closest(verbatim)) texts.push(walker.currentNode.data);
    }
    return texts.join("\n\n");
  },

  // For each table that scrolls: how far its first column moves then, the share of the window that it takes, the shadows,
  // and whether the keyboard reaches it.
  scrolled() {
    const scrolls = (element) => element.scrollWidth > element.clientWidth + 1;
    return [...document.querySelectorAll("main .table")].filter(scrolls).map((element) => {
      element.scrollLeft = 60;
      const cell = element.querySelector("tbody tr:last-child > :first-child");
      const moved = Math.abs(cell.getBoundingClientRect().left - element.getBoundingClientRect().left);
      element.scrollLeft = 0;
      const shadows = getComputedStyle(element).backgroundImage.split("linear-gradient").length - 1;
      return [moved, cell.offsetWidth / element.clientWidth, shadows, element.tabIndex];
    });
  },

  // What is wider than its place: formulas that show no shadow, and the numbers of the figures, but those that are wider
  // by no more than the part in which the shadow fades.
  wide() {
    const wide = (selector, pixels) =>
      [...document.querySelectorAll(`main ${selector}`)]
        .map((element, number) => ({ element, number }))
        .filter(({ element }) => element.checkVisibility() && element.scrollWidth > element.clientWidth + pixels);
    return {
      formulas: [...wide(".displayed", 1), ...wide(".equation", 1)]
        .filter(({ element }) => getComputedStyle(element).backgroundImage.split("linear-gradient").length !== 5)
        .map(({ element }) => element.textContent.slice(0, 60)),
      figures: wide(".drawing", 40).map(({ number }) => number),
    };
  },

  // Replace formulas by their text, and empty the drawings.
  simplify() {
    for (const formula of document.querySelectorAll("math")) formula.replaceWith(formula.textContent);
    for (const drawing of document.querySelectorAll("svg")) drawing.replaceChildren();
  },

  // Seconds of the longest animation or transition.
  moving() {
    const seconds = (style) => parseFloat(style.animationDuration) + parseFloat(style.transitionDuration);
    return Math.max(...[...document.querySelectorAll("*")].map((element) => seconds(getComputedStyle(element))));
  },

  // Texts smaller than a size in points. Mathematics has its own sizes of indices.
  smaller(points) {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
      const element = walker.currentNode.parentElement;
      const text = walker.currentNode.data.trim();
      if (!text || element.closest("math, svg, sup, sub") || !element.checkVisibility()) continue;
      const size = (parseFloat(getComputedStyle(element).fontSize) * 72) / 96;
      if (size < points - 0.01) found.push([size, element.tagName, element.className, text.slice(0, 40)]);
    }
    return found;
  },

  // Tables, figures and formulas that are wider than the paper, whose width is that of the window.
  wider(landscape) {
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll("table, figure, .identity, .equation, math[display=block], pre")]
      .filter((element) => element.checkVisibility())
      .map((element) => [element, element.closest(".table.wide") ? landscape : width])
      .map(([element, room]) => [element, element.getBoundingClientRect().left + element.scrollWidth - room])
      .filter(([, excess]) => excess > 1)
      .map(([element, excess]) => [element.tagName, excess, element.textContent.slice(0, 80)]);
  },
});

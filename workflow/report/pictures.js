// The two interactive pictures: the iterates of Problem 4, and the explorer of dual activations.
// Without this script, the page shows their still figures.
(() => {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";
  const subscript = (n) => [...String(n)].map((digit) => SUBSCRIPTS[digit]).join("");
  const minus = (text) => text.replace("-", "−");

  const add = (parent, name, attributes = {}, text = "", namespace = null) => {
    const made = namespace ? document.createElementNS(namespace, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    parent.append(made);
    return made;
  };
  const draw = (parent, name, attributes, text) => add(parent, name, attributes, text, SVG);

  // A chart in the coordinates of its viewBox: `x` and `y` are functions from numbers to places.
  const chart = (parent, {width, height, left, x, y, xTicks, yTicks, xLabel, title}) => {
    const top = title ? 24 : 8, bottom = xLabel ? 38 : 20;
    const svg = draw(parent, "svg", {viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true"});
    const toX = (value) => left + x(value) * (width - left - 8);
    const toY = (value) => height - bottom - y(value) * (height - top - bottom);
    for (const [value, label] of yTicks) {
      draw(svg, "line", {class: "grid", x1: left, x2: width - 8, y1: toY(value), y2: toY(value)});
      draw(svg, "text", {x: left - 4, y: toY(value) + 3.5, "text-anchor": "end"}, label);
    }
    for (const [value, label] of xTicks) {
      draw(svg, "line", {class: "grid", x1: toX(value), x2: toX(value), y1: top, y2: height - bottom});
      draw(svg, "text", {x: toX(value), y: height - bottom + 14, "text-anchor": "middle"}, label);
    }
    if (xLabel) draw(svg, "text", {x: (left + width - 8) / 2, y: height - 6, "text-anchor": "middle"}, xLabel);
    if (title) draw(svg, "text", {class: "title", x: left, y: 13}, title);
    const path = (xs, ys, className) => {
      let pen = "M", d = "";
      xs.forEach((value, i) => {
        if (ys[i] === null) pen = "M";
        else {
          d += `${pen}${toX(value).toFixed(1)} ${toY(ys[i]).toFixed(1)}`;
          pen = "L";
        }
      });
      return draw(svg, "path", {class: className, d});
    };
    const cursor = draw(svg, "line", {class: "cursor", y1: top, y2: height - bottom});
    const moveCursor = (value) => {
      cursor.setAttribute("x1", toX(value));
      cursor.setAttribute("x2", toX(value));
    };
    return {svg, toX, toY, path, moveCursor};
  };

  const linear = (low, high) => (value) => (value - low) / (high - low);
  const ticks = (low, high, most = 5) => {
    const power = 10 ** Math.floor(Math.log10((high - low) / most));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => (high - low) / size <= most);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9; i++) {
      found.push([i * step, minus(String(Number((i * step).toPrecision(6))))]);
    }
    return found;
  };

  const slider = (parent, label, count, value, show) => {
    const input = add(add(parent, "label", {}, label), "input", {type: "range", min: 0, max: count - 1, step: 1});
    const output = add(parent, "output");
    const set = (index) => {
      input.value = index;
      const text = show(index);
      output.textContent = text;
      input.setAttribute("aria-valuetext", text);
    };
    input.addEventListener("input", () => set(Number(input.value)));
    return {get: () => Number(input.value), set, start: () => set(value)};
  };

  const frames = (live, data, sprite) => {
    const {inputs, iterations, trained_on: images} = data;
    const all = inputs.flatMap((shown) => shown.degrees.flat()).filter((degrees) => degrees > 0);
    const low = Math.floor(Math.log10(Math.min(1, ...all))), high = Math.ceil(Math.log10(Math.max(10, ...all)));
    const y = (degrees) => (Math.max(Math.log10(degrees), low) - low) / (high - low);
    const decades = Array.from({length: high - low + 1}, (_, i) => 10 ** (low + i));
    const indices = iterations.map((_, index) => index);
    // The last mark is the last frame; no other is close to it.
    const last = iterations.length - 1;
    const marks = iterations.flatMap((r, index) => (
      index === last || ([0, 10, 100, 1000, 1e4].includes(r) && index < last - 6) ? [[index, String(r)]] : []));
    const size = sprite.naturalWidth / iterations.length;

    const controls = add(live, "div", {class: "controls"});
    const play = add(controls, "button", {type: "button"}, "Play");
    const items = add(live, "div", {class: "items"});
    let noisy = 0;
    const cells = inputs.map((shown, row) => {
      if (shown.input === "noisy") noisy += 1;
      const name = {test: `test image: ${shown.class}`, noisy: `z${subscript(noisy)} + noise: ${shown.class}`};
      const cell = add(items, "div");
      const title = add(cell, "p", {}, name[shown.input] || "noise").textContent;
      const canvas = add(cell, "canvas", {width: size, height: size, role: "img"});
      const angles = add(cell, "p", {class: "angles"});
      const graph = chart(cell, {
        width: 120, height: 100, left: 33, x: linear(0, last), y, xTicks: marks,
        yTicks: decades.map((degrees) => [degrees, `${degrees}°`]),
      });
      shown.degrees.forEach((line, i) => graph.path(indices, line, `line series-${(i % 6) + 1}`));
      const readings = images.map((_, i) => add(angles, "span", {class: `series-${(i % 6) + 1}`}));
      return (index) => {
        const pen = canvas.getContext("2d");
        pen.drawImage(sprite, index * size, row * size, size, size, 0, 0, size, size);
        readings.forEach((reading, i) => {
          const degrees = shown.degrees[i][index];
          reading.textContent = `z${subscript(i + 1)}: ${degrees === null ? "–" : `${Number(degrees.toPrecision(3))}°`}`;
        });
        canvas.setAttribute("aria-label", `${title}, after ${iterations[index]} iterations. Angles to ${angles.textContent}`);
        graph.moveCursor(index);
      };
    });
    const range = slider(controls, "Iterations r ", iterations.length, Math.max(0, iterations.indexOf(20)), (index) => {
      cells.forEach((show) => show(index));
      return index ? `r = ${iterations[index]}` : "r = 0: the inputs";
    });
    range.start();

    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = "Play";
    };
    play.addEventListener("click", () => {
      if (timer) return stop();
      if (range.get() === last) range.set(0);
      play.textContent = "Pause";
      timer = setInterval(() => {
        range.set(range.get() + 1);
        if (range.get() === last) stop();
      }, 350);
    });
    // Reduced motion: the slider alone moves the pictures.
    play.hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
  };

  const explorer = (live, data, _, figure) => {
    const {x, xi, depths, sampled_xi: sampled, pairs} = data;
    const controls = add(live, "div", {class: "controls"});
    const select = add(add(controls, "label", {}, "Activation "), "select");
    for (const {name, label} of data.activations) add(select, "option", {value: name}, label);
    select.value = data.first;
    const charts = add(live, "div", {class: "charts"});
    const region = add(live, "div", {class: "values"});
    const table = add(region, "table");
    const head = add(add(table, "thead"), "tr"), body = add(add(table, "tbody"), "tr");
    add(head, "th", {scope: "col"}, "hidden layers");
    depths.forEach((depth, i) => add(add(head, "th", {scope: "col"}), "span", {class: `depth-${i + 1}`}, String(depth)));
    const atXi = add(body, "th", {scope: "row"});
    const cells = depths.map(() => add(body, "td"));
    const estimate = add(live, "p", {class: "estimate"});
    let chosen, move;

    const decimals = (value) => minus(value.toFixed(3));
    const range = slider(controls, "Correlation ξ ", xi.length, xi.length - 11, (index) => {
      move(xi[index]);
      atXi.textContent = `NNGP at ξ = ${minus(xi[index].toFixed(2))}`;
      cells.forEach((cell, i) => (cell.textContent = decimals(chosen.nngp[i][index])));
      const near = sampled.reduce((best, value, i) => (Math.abs(value - xi[index]) < Math.abs(sampled[best] - xi[index]) ? i : best), 0);
      estimate.textContent = `Monte Carlo at ξ = ${minus(sampled[near].toFixed(2))}, the mean over ${pairs} random pairs: `
        + `${decimals(chosen.estimates[near])} ± ${decimals(chosen.errors[near])} (one standard error)`;
      return `ξ = ${minus(xi[index].toFixed(2))}`;
    });

    const show = () => {
      chosen = data.activations.find(({name}) => name === select.value);
      charts.replaceChildren();
      const [low, high] = [Math.min(0, ...chosen.activation), Math.max(1, ...chosen.activation)];
      const left = chart(charts, {
        width: 400, height: 270, left: 38, x: linear(x[0], x.at(-1)), y: linear(low, high), xTicks: ticks(x[0], x.at(-1), 6),
        yTicks: ticks(low, high), xLabel: "x", title: `${chosen.label}, scaled to mean square 1`,
      });
      left.path(x, chosen.activation, "line series-1");
      const bottom = Math.min(0, ...chosen.nngp.flat(), ...chosen.estimates.map((value, i) => value - chosen.errors[i]));
      const top = Math.max(1, ...chosen.estimates.map((value, i) => value + chosen.errors[i]));
      const right = chart(charts, {
        width: 400, height: 270, left: 38, x: linear(-1, 1), y: linear(bottom, top), xTicks: ticks(-1, 1, 4),
        yTicks: ticks(bottom, top), xLabel: "correlation ξ", title: "dual (1 hidden layer), NNGP, Monte Carlo",
      });
      chosen.nngp.forEach((line, i) => right.path(xi, line, `line depth-${i + 1}`));
      sampled.forEach((value, i) => {
        const [at, mean, error] = [right.toX(value), chosen.estimates[i], chosen.errors[i]];
        draw(right.svg, "line", {class: "error", x1: at, x2: at, y1: right.toY(mean - error), y2: right.toY(mean + error)});
        draw(right.svg, "circle", {class: "estimate", cx: at, cy: right.toY(mean), r: 3});
      });
      move = right.moveCursor;
      left.moveCursor(-100);
      for (const formula of figure.querySelectorAll("[data-formula-of]")) {
        formula.hidden = formula.dataset.formulaOf !== select.value;
      }
    };
    select.addEventListener("change", () => {
      show();
      range.set(range.get());
    });
    show();
    range.start();
  };

  const pictures = {frames, explorer};
  for (const figure of document.querySelectorAll("[data-picture]")) {
    const start = () => {
      const live = document.createElement("div");
      live.className = "live";
      const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
      pictures[figure.dataset.picture](live, data, figure.querySelector("img"), figure);
      figure.querySelector(".still").before(live);
      figure.classList.add("is-live");
    };
    const image = figure.querySelector("img");
    if (image) image.decode().then(start, start);
    else start();
  }
})();

"use strict";
// The map of the items: pan, zoom, hover, colors, search, and a list of items drawn around with the pointer.
// All text from data is set with textContent: nothing that an id or a text contains becomes markup.
(() => {
  const section = document.getElementById("map");
  if (!section) return;
  const find = (name) => section.querySelector(`[data-map="${name}"]`);
  const block = (id) => JSON.parse(document.getElementById(id).textContent);
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const shorts = (text) => new Uint16Array(bytes(text).buffer);

  const data = block("map-data");
  const n = data.ids.length;
  const at = shorts(data.places);
  const near = shorts(data.near);
  const kept = n ? near.length / n : 0;
  const scales = data.scales.map((s) => ({ ...s, codes: s.values ? shorts(s.codes) : bytes(s.codes) }));
  let pictures = null;

  const canvas = find("canvas");
  const pen = canvas.getContext("2d");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const FEW = ["#1f77b4", "#e07b00", "#2a9d4f", "#d1383d", "#8c5fc4", "#96623f", "#d65fae", "#8a8f00", "#0fa3b1", "#5b6bd5"];

  let scale = scales[0];
  let lit = null; // values of the scale that are shown; null: all
  let view = { x: 0, y: 0, size: 1 };
  let hovered = -1, chosen = -1;
  let found = new Set(), picked = new Set();
  let lasso = null, drawing = false, waiting = false, frame = null;

  const packed = (hex) => {
    const v = parseInt(hex.slice(1), 16);
    return (255 << 24) | ((v & 255) << 16) | (v & 0xff00) | (v >> 16);
  };
  const wheel = (i) => {
    const h = (i * 0.381966) % 1, s = 0.62, l = 0.42 + 0.16 * (i % 3) / 2;
    const f = (k) => {
      const a = (k + h * 12) % 12;
      const c = l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(a - 3, 9 - a, 1));
      return Math.round(255 * c).toString(16).padStart(2, "0");
    };
    return `#${f(0)}${f(8)}${f(4)}`;
  };
  const nothing = () => (dark.matches ? "#4a5866" : "#c3ccd6");
  const color = (s, value) => {
    if (!s.values) { // from gray to red
      const t = value / 255, mix = (a, b) => Math.round(a + (b - a) * t).toString(16).padStart(2, "0");
      return dark.matches ? `#${mix(70, 255)}${mix(84, 140)}${mix(98, 60)}` : `#${mix(198, 200)}${mix(207, 40)}${mix(217, 20)}`;
    }
    if (value === 0) return nothing();
    return value <= FEW.length ? FEW[value - 1] : wheel(value - 1);
  };

  // -- drawing: points are written into the pixels, which is ten times faster than paths ------------------------------
  const draw = () => {
    waiting = false;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const w = Math.max(1, Math.round(canvas.clientWidth * ratio)), h = Math.max(1, Math.round(canvas.clientHeight * ratio));
    if (canvas.width !== w || canvas.height !== h || !frame) {
      canvas.width = w; canvas.height = h;
      frame = pen.createImageData(w, h);
    }
    const out = new Uint32Array(frame.data.buffer);
    out.fill(0);
    const side = Math.min(w, h) * 0.96 * view.size;
    const left = w / 2 - view.x * side, top = h / 2 - view.y * side;
    const usual = Math.min(4.2, Math.max(1.3, 0.28 * Math.sqrt(canvas.clientWidth * canvas.clientHeight / Math.max(n, 1))));
    const r = Math.round(Math.min(8, usual * Math.pow(view.size, 0.35)) * ratio);
    const half = Array.from({ length: 2 * r + 1 }, (_, i) => Math.round(Math.sqrt(Math.max(0, (r + 0.3) ** 2 - (i - r) ** 2))));
    const inks = (scale.values || Array.from({ length: 256 })).map((_, i) => packed(color(scale, i)));
    const faint = packed(dark.matches ? "#25303b" : "#e6eaee");
    const codes = scale.codes;
    const dots = (wanted) => {
      for (let i = 0; i < n; i++) {
        const code = codes[i];
        const shown = (!lit || lit.has(code)) && (!found.size || found.has(i));
        if (shown !== wanted) continue;
        const px = (left + at[2 * i] / 65535 * side) | 0, py = (top + at[2 * i + 1] / 65535 * side) | 0;
        if (px < -r || py < -r || px >= w + r || py >= h + r) continue;
        const ink = shown ? inks[code] : faint;
        for (let k = -r; k <= r; k++) {
          const y = py + k;
          if (y < 0 || y >= h) continue;
          const from = Math.max(0, px - half[k + r]), to = Math.min(w - 1, px + half[k + r]);
          for (let p = y * w + from, end = y * w + to; p <= end; p++) out[p] = ink;
        }
      }
    };
    if (lit || found.size) dots(false);
    dots(true);
    pen.putImageData(frame, 0, 0);
    const ring = (i, width, ink, wider) => {
      pen.beginPath();
      pen.arc(left + at[2 * i] / 65535 * side, top + at[2 * i + 1] / 65535 * side, r + wider * ratio, 0, 7);
      pen.lineWidth = width * ratio; pen.strokeStyle = ink; pen.stroke();
    };
    const ink = dark.matches ? "#ffffff" : "#10151b";
    if (picked.size < 5000) for (const i of picked) ring(i, 1, ink, 1);
    if (chosen >= 0) {
      for (let k = 0; k < kept; k++) ring(near[chosen * kept + k], 1.5, ink, 2);
      ring(chosen, 3, ink, 3);
    }
    if (hovered >= 0) ring(hovered, 2, ink, 2);
    if (lasso && lasso.length > 1) {
      pen.beginPath();
      lasso.forEach(([x, y], k) => pen[k ? "lineTo" : "moveTo"](left + x * side, top + y * side));
      pen.closePath(); pen.lineWidth = 1.5 * ratio; pen.strokeStyle = ink; pen.setLineDash([5 * ratio, 4 * ratio]); pen.stroke(); pen.setLineDash([]);
    }
  };
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };

  // -- places ---------------------------------------------------------------------------------------------------------
  const side = () => Math.min(canvas.clientWidth, canvas.clientHeight) * 0.96 * view.size;
  const onMap = (event) => {
    const box = canvas.getBoundingClientRect(), s = side();
    return [(event.clientX - box.left - box.width / 2) / s + view.x, (event.clientY - box.top - box.height / 2) / s + view.y];
  };
  const nearest = ([x, y], within) => {
    let best = -1, least = (within / side()) ** 2;
    for (let i = 0; i < n; i++) {
      const dx = at[2 * i] / 65535 - x, dy = at[2 * i + 1] / 65535 - y, d = dx * dx + dy * dy;
      if (d < least && (!lit || lit.has(scale.codes[i]))) { least = d; best = i; }
    }
    return best;
  };
  const zoom = (factor, [x, y]) => {
    const size = Math.min(200, Math.max(0.5, view.size * factor)), f = view.size / size;
    view = { size, x: x + (view.x - x) * f, y: y + (view.y - y) * f };
    later();
  };

  // -- one item -------------------------------------------------------------------------------------------------------
  const make = (tag, text, name) => {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    if (name) node.className = name;
    return node;
  };
  const look = (i) => {
    pictures ??= block("map-pictures");
    const shown = pictures[i];
    if (typeof shown === "string") {
      const image = make("img");
      image.src = shown; image.alt = "";
      return image;
    }
    if (Array.isArray(shown)) {
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", "0 0 100 40");
      for (const channel of shown) {
        const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
        line.setAttribute("points", channel.map((v, k) => `${100 * k / Math.max(1, channel.length - 1)},${38 - v * 36 / 63}`).join(" "));
        svg.append(line);
      }
      return svg;
    }
    return data.texts ? make("p", data.texts[i] || "(empty)") : null;
  };
  const facts = (i) => scales.filter((s) => s.values ? s.codes[i] > 0 : s.of[s.codes[i] ? 1 : 0])
    .map((s) => [s.name, s.values ? s.values[s.codes[i]] : `${Math.round(100 * s.codes[i] / 255)}\u00a0%`]);
  const card = (i, full) => {
    const node = make("figure"), seen = look(i);
    if (seen) node.append(seen);
    const told = make("figcaption");
    if (full) {
      const list = make("dl");
      for (const [name, value] of facts(i)) list.append(make("dt", name), make("dd", value));
      told.append(list);
    }
    told.append(make("span", data.ids[i], "id"));
    node.append(told);
    return node;
  };
  const show = (i) => {
    const box = find("card");
    box.replaceChildren(i >= 0 ? card(i, true) : make("p", "Point at an item to see it. Click on it to see the items nearest to it.", "lead"));
  };
  const row = (title, items) => {
    const box = find("list");
    box.replaceChildren();
    if (!title) return;
    box.append(make("p", title, "lead"));
    const list = make("ul");
    for (const i of items.slice(0, 24)) {
      const entry = make("li"), button = make("button");
      button.type = "button"; button.title = data.ids[i];
      button.append(card(i, false));
      button.addEventListener("click", () => choose(i));
      entry.append(button); list.append(entry);
    }
    box.append(list);
  };
  const choose = (i) => {
    chosen = i;
    show(i);
    if (i < 0) row(""); else row(`Nearest to ${data.ids[i].slice(0, 80)} in the embedding`, Array.from(near.slice(i * kept, (i + 1) * kept)));
    later();
  };

  // -- colors ---------------------------------------------------------------------------------------------------------
  const legend = () => {
    const box = find("legend");
    box.replaceChildren();
    if (!scale.values) {
      box.append(make("li", `gray: ${scale.of[0] ? "0\u00a0%" : "none or 0\u00a0%"}; red: 100\u00a0%`));
      return;
    }
    const count = new Array(scale.values.length).fill(0);
    for (const code of scale.codes) count[code]++;
    scale.values.forEach((value, code) => {
      if (!count[code]) return;
      const entry = make("li"), button = make("button"), swatch = make("span", "", "swatch");
      swatch.style.background = color(scale, code);
      button.type = "button";
      button.setAttribute("aria-pressed", String(!!lit && lit.has(code)));
      button.append(swatch, make("span", `${value || "none"} (${count[code].toLocaleString("en")})`));
      button.addEventListener("click", () => {
        lit ??= new Set();
        if (!lit.delete(code)) lit.add(code);
        if (!lit.size) lit = null;
        legend(); later();
      });
      entry.append(button); box.append(entry);
    });
  };
  const colors = find("colors");
  scales.forEach((s, k) => { const option = make("option", s.name); option.value = k; colors.append(option); });
  colors.addEventListener("change", () => { scale = scales[Number(colors.value)]; lit = null; legend(); later(); });

  // -- the list of items ----------------------------------------------------------------------------------------------
  const state = scales.find((s) => s.name === "State");
  const line = (id) => (/^["\s#]|[\u0000-\u001f\u007f]|\s$/.test(id) ? JSON.stringify(id) : id);
  const list = () => {
    const ids = Array.from(picked, (i) => data.ids[i]);
    const done = Array.from(picked).filter((i) => state.values[state.codes[i]] !== "unlabeled").length;
    find("picked").hidden = !ids.length;
    find("ids").value = ids.map(line).join("\n") + (ids.length ? "\n" : "");
    find("count").textContent = `${ids.length.toLocaleString("en")} items, one id on each line.` +
      (done ? ` ${done.toLocaleString("en")} of them cannot be asked about: they have a label, wait for one, or are set aside.` : "");
    later();
  };
  find("copy").addEventListener("click", async () => {
    const field = find("ids");
    try { await navigator.clipboard.writeText(field.value); } catch { field.select(); document.execCommand("copy"); }
    find("copy").textContent = "Copied";
    setTimeout(() => { find("copy").textContent = "Copy"; }, 1500);
  });
  find("download").addEventListener("click", () => {
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([find("ids").value], { type: "text/plain" }));
    link.download = "items.txt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
  find("clear").addEventListener("click", () => { picked = new Set(); list(); });
  const lassoing = find("lasso");
  lassoing.addEventListener("click", () => {
    drawing = !drawing;
    lassoing.setAttribute("aria-pressed", String(drawing));
    canvas.classList.toggle("drawing", drawing);
  });
  const inside = ([x, y], shape) => {
    let within = false;
    for (let i = 0, j = shape.length - 1; i < shape.length; j = i++) {
      const [xi, yi] = shape[i], [xj, yj] = shape[j];
      if ((yi > y) !== (yj > y) && x < (xj - xi) * (y - yi) / (yj - yi) + xi) within = !within;
    }
    return within;
  };
  const pick = (shape, add) => {
    if (!add) picked = new Set();
    if (shape.length > 2) for (let i = 0; i < n; i++) {
      const shown = (!lit || lit.has(scale.codes[i])) && (!found.size || found.has(i));
      if (shown && inside([at[2 * i] / 65535, at[2 * i + 1] / 65535], shape)) picked.add(i);
    }
    list();
  };

  // -- search: all words must occur in the id, the text, or a fact ----------------------------------------------------
  let words = null, timer = 0;
  const search = () => {
    const asked = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    words ??= data.ids.map((id, i) => [id, data.texts ? data.texts[i] : "", ...scales.filter((s) => s.values).map((s) => s.values[s.codes[i]])].join("\n").toLowerCase());
    found = new Set();
    if (asked.length) words.forEach((text, i) => { if (asked.every((word) => text.includes(word))) found.add(i); });
    find("pick").hidden = !found.size;
    row(asked.length ? `${found.size.toLocaleString("en")} items found${found.size > 24 ? ", the first 24" : ""}` : "", Array.from(found));
    later();
  };
  find("search").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 150); });
  find("pick").addEventListener("click", () => { found.forEach((i) => picked.add(i)); list(); });

  // -- pointer, wheel and keys ----------------------------------------------------------------------------------------
  const down = new Map();
  let moved = false, spread = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    moved = false;
    if (down.size === 2) { const [a, b] = down.values(); spread = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY); lasso = null; }
    else if (drawing) lasso = [onMap(event)];
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) {
      const here = nearest(onMap(event), 14);
      if (here !== hovered) { hovered = here; if (here >= 0 || chosen < 0) show(here); later(); }
      return;
    }
    if (Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) < 4 && !moved) return;
    moved = true;
    down.set(event.pointerId, event);
    if (down.size === 2) {
      const [a, b] = down.values(), now = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      zoom(now / Math.max(spread, 1), onMap({ clientX: (a.clientX + b.clientX) / 2, clientY: (a.clientY + b.clientY) / 2 }));
      spread = now;
    } else if (lasso) { lasso.push(onMap(event)); later(); }
    else {
      view = { ...view, x: view.x - (event.clientX - before.clientX) / side(), y: view.y - (event.clientY - before.clientY) / side() };
      later();
    }
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (lasso) { if (moved) pick(lasso, event.shiftKey); lasso = null; later(); }
    else if (!moved && event.type === "pointerup") choose(nearest(onMap(event), 18));
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => { if (hovered >= 0) { hovered = -1; show(chosen); later(); } });
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(Math.exp(-event.deltaY * 0.0015), onMap(event)); }, { passive: false });
  const middle = () => [view.x, view.y];
  const whole = () => { view = { x: 0.5, y: 0.5, size: 1 }; later(); };
  canvas.addEventListener("keydown", (event) => {
    const step = 40 / side();
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (move) view = { ...view, x: view.x + move[0], y: view.y + move[1] };
    else if (event.key === "+" || event.key === "=") zoom(1.3, middle());
    else if (event.key === "-") zoom(1 / 1.3, middle());
    else if (event.key === "0") whole();
    else return;
    event.preventDefault(); later();
  });
  find("in").addEventListener("click", () => zoom(1.5, middle()));
  find("out").addEventListener("click", () => zoom(1 / 1.5, middle()));
  find("whole").addEventListener("click", whole);

  find("tools").hidden = false;
  find("still").hidden = true;
  whole(); legend(); show(-1);
  new ResizeObserver(later).observe(canvas);
  dark.addEventListener("change", () => { legend(); later(); });
})();

"use strict";
// Maps of one case over its scan, in three planes. A level of k says that the map exceeds its first k edges, so that
// `level >= k` is the prediction at edge k; what follows repeats metrics/postprocess.py.

const PLANES = { axial: ["x", "y", "z"], coronal: ["x", "z", "y"], sagittal: ["y", "z", "x"] };  // right, up, through
const LINES = { lesion: "#00e5d0", prediction: "#ffffff" };

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function neighbourSteps(connectivity, [, ny, nz]) {
  const most = { 6: 1, 18: 2, 26: 3 }[connectivity], steps = [];
  for (let x = -1; x < 2; x++) for (let y = -1; y < 2; y++) for (let z = -1; z < 2; z++) {
    const axes = Math.abs(x) + Math.abs(y) + Math.abs(z);
    if (axes && axes <= most) steps.push((x * ny + y) * nz + z);
  }
  return steps;
}

// The mask without small components and those that touch the rim; the volume's outer layer is empty.
function withoutComponents(mask, steps, minVoxels, rim) {
  const kept = new Uint8Array(mask.length), seen = new Uint8Array(mask.length), queue = new Int32Array(mask.length);
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue;
    let size = 0, touches = false;
    queue[size++] = start; seen[start] = 1;
    for (let i = 0; i < size; i++) {
      if (rim && rim[queue[i]]) touches = true;
      for (const step of steps) {
        const next = queue[i] + step;
        if (mask[next] && !seen[next]) { seen[next] = 1; queue[size++] = next; }
      }
    }
    if (size >= minVoxels && !touches) for (let i = 0; i < size; i++) kept[queue[i]] = 1;
  }
  return kept;
}

function countComponents(mask, steps) {
  const seen = new Uint8Array(mask.length), queue = [];
  let count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || seen[start]) continue;
    count++; seen[start] = 1; queue.push(start);
    while (queue.length) {
      const at = queue.pop();
      for (const step of steps) if (mask[at + step] && !seen[at + step]) { seen[at + step] = 1; queue.push(at + step); }
    }
  }
  return count;
}

function dilated(mask, shape, inside) {
  const steps = neighbourSteps(6, shape), grown = mask.slice();
  for (let i = 0; i < mask.length; i++) if (mask[i]) for (const step of steps) grown[i + step] = 1;
  if (inside) for (let i = 0; i < grown.length; i++) if (!inside[i]) grown[i] = 0;
  return grown;
}

function predictionAt(levels, threshold, scan, shape, protocol, rims) {
  const mask = new Uint8Array(levels.length);
  for (let i = 0; i < mask.length; i++) mask[i] = scan[i] && levels[i] >= threshold ? 1 : 0;
  if (!protocol) return mask;
  const steps = neighbourSteps(protocol.removal_connectivity, shape);
  const kept = withoutComponents(mask, steps, protocol.min_voxels, rims[protocol.rim_radius]);
  return protocol.dilate ? dilated(kept, shape, protocol.dilate_inside_brain ? scan : null) : kept;
}

class Viewer {
  constructor(root) {
    this.root = root;
    this.data = JSON.parse(root.querySelector("[data-volumes]").textContent);
    this.levels = new Map();
    const [nx, ny, nz] = this.data.shape;
    this.size = { x: nx, y: ny, z: nz };
    this.step = { x: this.data.spacing_mm[0], y: this.data.spacing_mm[1], z: this.data.spacing_mm[2] };
    this.at = { x: nx >> 1, y: ny >> 1, z: nz >> 1 };
    const wide = Object.values(PLANES).map(([right]) => `${this.size[right] * this.step[right]}fr`);  // one scale for all
    root.querySelector(".planes").style.setProperty("--widths", wide.join(" "));
    this.inputs = Object.fromEntries([...root.querySelectorAll("[data-role]")].map(one => [one.dataset.role, one]));
  }

  async open() {
    this.scan = await unpacked(this.data.scan);
    this.lesions = await unpacked(this.data.lesions);
    this.rims = {};
    for (const [radius, text] of Object.entries(this.data.rims)) this.rims[radius] = await unpacked(text);
    this.startAtLesion();
    for (const map of this.data.maps) this.inputs.method.add(new Option(map.label, map.label));
    for (const name of Object.keys(this.data.protocols)) this.inputs.protocol.add(new Option(name, name));
    this.listen();
    await this.chooseMethod();
  }

  startAtLesion() {
    const areas = new Float64Array(this.size.z), [sx, sy] = [new Float64Array(this.size.x), new Float64Array(this.size.y)];
    const from = this.lesions.some(Boolean) ? this.lesions : this.scan;
    this.each((i, x, y, z) => { if (from[i]) areas[z]++; });
    this.at.z = areas.indexOf(Math.max(...areas));
    this.each((i, x, y, z) => { if (from[i] && z === this.at.z) { sx[x]++; sy[y]++; } });
    this.at.x = sx.indexOf(Math.max(...sx));
    this.at.y = sy.indexOf(Math.max(...sy));
  }

  each(visit) {
    let i = 0;
    for (let x = 0; x < this.size.x; x++) for (let y = 0; y < this.size.y; y++) for (let z = 0; z < this.size.z; z++) visit(i++, x, y, z);
  }

  index(place) { return (place.x * this.size.y + place.y) * this.size.z + place.z; }

  listen() {
    const { method, protocol, threshold, reset, postprocess, outlines, opacity } = this.inputs;
    method.addEventListener("change", () => this.chooseMethod());
    protocol.addEventListener("change", () => this.asScored());
    reset.addEventListener("click", () => this.asScored());
    threshold.addEventListener("input", () => this.predict());
    postprocess.addEventListener("change", () => this.predict());
    for (const one of [outlines, opacity]) one.addEventListener("input", () => this.draw());
    for (const slider of this.root.querySelectorAll("[data-axis]")) {
      slider.max = this.size[slider.dataset.axis] - 1;
      slider.addEventListener("input", () => this.move(slider.dataset.axis, +slider.value));
    }
    for (const canvas of this.root.querySelectorAll("canvas")) this.listenTo(canvas);
    new ResizeObserver(() => this.draw()).observe(this.root);
    document.addEventListener("themechange", () => this.draw());
  }

  listenTo(canvas) {
    const [right, up, through] = PLANES[canvas.dataset.plane];
    const point = event => {
      const box = canvas.getBoundingClientRect();
      this.move(right, Math.floor((event.clientX - box.left) / box.width * this.size[right]), false);
      this.move(up, this.size[up] - 1 - Math.floor((event.clientY - box.top) / box.height * this.size[up]));
    };
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("pointermove", event => { if (event.buttons & 1 && event.pointerType === "mouse") point(event); });
    canvas.addEventListener("wheel", event => {
      if (document.activeElement !== canvas) return;  // the page scrolls until a plane is chosen
      event.preventDefault();
      this.move(through, this.at[through] + (event.deltaY < 0 ? 1 : -1));
    }, { passive: false });
    const keys = { ArrowLeft: [right, -1], ArrowRight: [right, 1], ArrowUp: [up, 1], ArrowDown: [up, -1], PageUp: [through, 1], PageDown: [through, -1] };
    canvas.addEventListener("keydown", event => {
      if (!(event.key in keys)) return;
      event.preventDefault();
      const [axis, by] = keys[event.key];
      this.move(axis, this.at[axis] + by);
    });
  }

  move(axis, to, draw = true) {
    this.at[axis] = Math.min(Math.max(to, 0), this.size[axis] - 1);
    if (draw) this.draw();
  }

  async chooseMethod() {
    this.map = this.data.maps.find(map => map.label === this.inputs.method.value) || this.data.maps[0];
    if (!this.levels.has(this.map.label)) this.levels.set(this.map.label, await unpacked(this.map.levels));
    this.level = this.levels.get(this.map.label);
    this.inputs.threshold.max = this.map.edges.length;
    this.colours = this.map.edges.map(edge => {
      const share = (edge - this.map.colours_from) / Math.max(this.map.colours_to - this.map.colours_from, 1e-30);
      return share < 0 ? null : MAP_COLOURS[Math.min(Math.floor(share * MAP_COLOURS.length), MAP_COLOURS.length - 1)];
    });
    this.asScored();
  }

  asScored() {
    const at = this.map.thresholds[this.inputs.protocol.value];
    this.inputs.reset.disabled = at === undefined;
    this.inputs.threshold.value = at === undefined ? Math.round(this.map.edges.length / 2) : at;
    this.predict();
  }

  predict() {
    const level = +this.inputs.threshold.value, name = this.inputs.protocol.value;
    const protocol = this.inputs.postprocess.checked ? this.data.protocols[name] : null;
    this.prediction = predictionAt(this.level, level, this.scan, this.data.shape, protocol, this.rims);
    let voxels = 0, above = 0, brain = 0;
    for (let i = 0; i < this.prediction.length; i++) {
      voxels += this.prediction[i];
      if (this.scan[i]) { brain++; above += this.level[i] >= level; }
    }
    const ml = voxels * this.step.x * this.step.y * this.step.z / 1000;
    const blobs = countComponents(this.prediction, neighbourSteps(26, this.data.shape));
    const scored = level === this.map.thresholds[name] ? `, as scored under ${name}` : "";
    const edge = this.map.edges[level - 1];
    this.inputs.threshold.setAttribute("aria-valuetext", `${edge.toPrecision(4)}, ${(100 * above / brain).toFixed(2)} % of the brain above`);
    this.inputs.status.textContent = `threshold ${edge.toPrecision(4)}${scored}: ${(100 * above / brain).toFixed(2)} % of the brain above; `
      + `prediction ${ml.toFixed(1)} ml, ${voxels} voxels in ${blobs} components`;
    this.root.dataset.voxels = voxels;
    this.draw();
  }

  draw() {
    if (!this.prediction) return;
    for (const canvas of this.root.querySelectorAll("canvas")) this.drawPlane(canvas);
    for (const slider of this.root.querySelectorAll("[data-axis]")) {
      slider.value = this.at[slider.dataset.axis];
      slider.parentElement.querySelector("output").textContent = `${+slider.value + 1}/${+slider.max + 1}`;
    }
    this.root.dataset.drawn = "true";
  }

  drawPlane(canvas) {
    const [right, up, through] = PLANES[canvas.dataset.plane], [w, h] = [this.size[right], this.size[up]];
    const wide = canvas.clientWidth, scale = Math.max(1, Math.round(wide * devicePixelRatio / w));
    if (!wide) return;
    canvas.width = w * scale;
    canvas.height = Math.round(h * scale * this.step[up] / this.step[right]);
    const context = canvas.getContext("2d"), image = new ImageData(w, h), strength = this.inputs.opacity.value / 100;
    const place = { ...this.at };
    for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) {
      place[right] = i; place[up] = h - 1 - j;
      const at = this.index(place), grey = this.scan[at];
      if (!grey) continue;  // the page shows where there is no brain
      const colour = this.level[at] ? this.colours[this.level[at] - 1] : null;
      const alpha = colour ? colour[3] * strength : 0;
      for (let k = 0; k < 3; k++) image.data[4 * (j * w + i) + k] = colour ? grey * (1 - alpha) + 255 * colour[k] * alpha : grey;
      image.data[4 * (j * w + i) + 3] = 255;
    }
    const small = new OffscreenCanvas(w, h);
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, canvas.width, canvas.height);
    const unit = [canvas.width / w, canvas.height / h], line = Math.max(1.2, scale / 3.2);
    if (this.inputs.outlines.checked) {
      const lesion = this.outline(this.lesions, right, up, w, h, unit), found = this.outline(this.prediction, right, up, w, h, unit);
      for (const [path, colour, width] of [[found, "#000000b0", line * 2], [found, LINES.prediction, line], [lesion, LINES.lesion, line * 1.2]]) {
        context.strokeStyle = colour; context.lineWidth = width; context.stroke(path);
      }
    }
    this.drawCross(context, canvas, right, up, h, unit);
    this.drawSides(context, canvas, right);
  }

  outline(mask, right, up, w, h, [ux, uy]) {
    const path = new Path2D(), place = { ...this.at };
    const inside = (i, j) => {
      if (i < 0 || j < 0 || i >= w || j >= h) return 0;
      place[right] = i; place[up] = h - 1 - j;
      return mask[this.index(place)];
    };
    for (let j = 0; j <= h; j++) for (let i = 0; i <= w; i++) {
      if (inside(i, j) !== inside(i - 1, j)) { path.moveTo(i * ux, j * uy); path.lineTo(i * ux, (j + 1) * uy); }
      if (inside(i, j) !== inside(i, j - 1)) { path.moveTo(i * ux, j * uy); path.lineTo((i + 1) * ux, j * uy); }
    }
    return path;
  }

  drawCross(context, canvas, right, up, h, [ux, uy]) {
    const x = (this.at[right] + 0.5) * ux, y = (h - 0.5 - this.at[up]) * uy, gap = 5 * ux;
    context.strokeStyle = "#8a93a0b0"; context.lineWidth = 1;
    context.beginPath();
    for (const [a, b, c, d] of [[0, y, x - gap, y], [x + gap, y, canvas.width, y], [x, 0, x, y - gap], [x, y + gap, x, canvas.height]]) {
      context.moveTo(a, b); context.lineTo(c, d);
    }
    context.stroke();
  }

  drawSides(context, canvas, right) {
    const [low, high] = right === "x" ? ["L", "R"] : ["P", "A"], size = Math.round(13 * devicePixelRatio);
    context.font = `600 ${size}px system-ui, sans-serif`;
    context.fillStyle = getComputedStyle(this.root).color;
    context.textBaseline = "top";
    context.textAlign = "left"; context.fillText(low, 2, 2);
    context.textAlign = "right"; context.fillText(high, canvas.width - 2, 2);
  }
}

for (const root of document.querySelectorAll("[data-viewer]")) {
  const open = () => {
    if (root.viewer || root.closest("[hidden]")) return;
    root.viewer = new Viewer(root);
    root.viewer.open().catch(error => {
      root.querySelector("[data-role=status]").textContent = `The maps cannot be shown here: ${error.message}`;
      console.error(error);
    });
  };
  root.closest(".page").addEventListener("pageshown", open);
  document.addEventListener("DOMContentLoaded", () => setTimeout(open));
}

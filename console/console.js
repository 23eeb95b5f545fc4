// The console: asks the public JSON API and nothing else. What comes from the server is set as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const filters = new Map(); // dimension -> value
let grouped = []; // dimensions of the "by", in the order chosen
let dims = [];

let questions = 0; // an answer to any but the newest is not shown
const make = (tag, text, props = {}) => Object.assign(document.createElement(tag), { textContent: text ?? "" }, props);

async function ask(path, body) {
  const response = await fetch(path, body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error([answer.error?.message, answer.error?.hint].filter(Boolean).join(" — ") || response.statusText);
  return answer;
}

function window_() {
  const minute = Math.floor(Date.now() / 60000) * 60;
  const to = $("open").checked ? minute + 60 : minute;
  return { account: $("account").value, from: to - Number($("last").value), to, include_open: $("open").checked };
}

const where = () => [...filters].map(([dim, value]) => ({ dim, op: "=", values: [value] }));
const show = (value) => value == null ? "" : Math.abs(value) >= 1e15 ? value.toExponential(3)
  : value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) >= 1000 ? 1 : Math.abs(value) >= 1 ? 3 : 6 });

function chips(box, items, toggle) {
  box.replaceChildren(...items.map(({ dim, text, pressed, title }) => {
    const chip = make("button", text ?? dim, { type: "button", title: title ?? "" });
    chip.setAttribute("aria-pressed", pressed);
    chip.onclick = () => toggle(dim);
    return chip;
  }));
}

function drawChips() {
  chips($("by"), dims.map((dim) => ({ dim, pressed: grouped.includes(dim) })), (dim) => {
    grouped = grouped.includes(dim) ? grouped.filter((one) => one !== dim) : [...grouped, dim];
    drawChips();
    answer();
  });
  chips($("where"), [...filters].map(([dim, value]) => ({ dim, text: `${dim}=${value} ×`, pressed: true, title: "remove" })), (dim) => {
    filters.delete(dim);
    drawChips();
    answer();
  });
}

function spark(points) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const known = (points ?? []).map((point) => point.value).filter((value) => value != null);
  if (!known.length) return svg;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const [width, height] = [144, 26];
  let pen = "M", path = "";
  points.forEach(({ value }, at) => {
    if (value == null) { pen = "M"; return; }
    const x = points.length > 1 ? (at / (points.length - 1)) * (width - 4) + 2 : width / 2;
    const y = high > low ? height - 3 - ((value - low) / (high - low)) * (height - 6) : height / 2;
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    if (pen === "M") path += `h.01`;
    pen = "L";
  });
  const line = document.createElementNS(svg.namespaceURI, "path");
  line.setAttribute("d", path);
  line.setAttribute("stroke-linecap", "round");
  svg.append(line);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `from ${show(low)} to ${show(high)}`);
  return svg;
}

function drawRows(answer, rank) {
  const names = grouped.length ? grouped : [...new Set(answer.rows.flatMap((row) => Object.keys(row.dims)))].sort();
  const head = make("tr");
  head.append(...names.map((name) => make("th", name)), make("th", rank, { className: "number" }), make("th", ""), make("th", "over time"));
  $("rows").tHead.replaceChildren(head);
  const highest = Math.max(...answer.rows.map((row) => Math.abs(row.rank)), Number.MIN_VALUE);
  $("rows").tBodies[0].replaceChildren(...answer.rows.map((row) => {
    const line = make("tr");
    for (const name of names) {
      const cell = make("td", row.dims[name] ?? "", { className: "value", title: `only ${name}=${row.dims[name] ?? ""}` });
      cell.onclick = () => { filters.set(name, row.dims[name] ?? ""); drawChips(); answer(); };
      line.append(cell);
    }
    const bar = make("td", "", { className: "bar" });
    bar.append(make("i", ""));
    bar.firstChild.style.width = `${(Math.abs(row.rank) / highest) * 100}%`;
    const over = make("td");
    over.append(spark(row.points));
    line.append(make("td", show(row.rank), { className: "number" }), bar, over);
    return line;
  }));
  const others = make("tr");
  others.append(make("td", `${show(answer.others.groups)} others`, { colSpan: Math.max(names.length, 1) }),
    make("td", show(answer.others.rank), { className: "number" }), make("td", "", { colSpan: 2 }));
  $("rows").tFoot.replaceChildren(others);
  $("rows").hidden = false;
}

function drawCompleteness({ completeness, stats, warnings }) {
  const missing = completeness.partial ? ` — partial: ${completeness.reasons.join("; ")}` : "";
  // A partial answer is never shown as 100 %: rounded down, and below 100 where the ratio cannot count what is missing.
  const percent = completeness.partial ? Math.min(Math.floor(completeness.ratio * 1e4) / 100, 99.99) : completeness.ratio * 100;
  const complete = completeness.partial && completeness.ratio >= 1 ? "complete to less than 100 %" : `complete to ${percent.toFixed(2)} %`;
  $("foot").textContent = `${complete}${missing} · ${completeness.partitions.answered} of ${completeness.partitions.asked} partitions`
    + ` · ${show(stats.series_scanned)} series in ${show(stats.ms)} ms` + (warnings?.length ? ` · ${warnings.join("; ")}` : "");
  $("foot").classList.toggle("error", completeness.partial);
}

async function answer() {
  const metric = $("metric").value.trim();
  if (!metric) return;
  remember();
  const question = ++questions;
  const rank = $("rank").value;
  const request = { ...window_(), metric, by: grouped.length ? grouped : ["*"], rank, n: Number($("n").value), order: $("order").value,
    where: where(), points: true, step_seconds: Math.max(60, Math.ceil(Number($("last").value) / 60 / 60) * 60) };
  try {
    const reply = await ask("/v1/top", request);
    if (question !== questions) return;
    if (reply.rows.length) drawRows(reply, rank);
    else $("rows").hidden = true;
    $("message").textContent = reply.rows.length ? "" : "No data in this window.";
    $("message").className = "dim";
    drawCompleteness(reply);
  } catch (error) {
    if (question !== questions) return;
    $("rows").hidden = true;
    $("foot").textContent = "";
    $("message").textContent = error.message;
    $("message").className = "error";
  }
  hints();
}

async function hints() {
  const [of, prefix] = [$("of").value, $("prefix").value];
  $("hints").hidden = !of;
  if (!of) return;
  try {
    const reply = await ask("/v1/hints", { ...window_(), metric: $("metric").value.trim(), select: where().filter((one) => one.dim !== of), of, prefix, limit: 200 });
    if (of !== $("of").value || prefix !== $("prefix").value) return;
    $("values").replaceChildren(...reply.values.map(({ value, series }) => {
      const button = make("button", "", { type: "button" });
      button.append(make("span", value), make("span", show(series), { className: "dim" }));
      button.onclick = () => { filters.set(of, value); drawChips(); answer(); };
      const item = make("li");
      item.append(button);
      return item;
    }));
  } catch (error) {
    $("values").replaceChildren(make("li", error.message, { className: "error" }));
  }
}

async function chooseMetric() {
  const metric = $("metric").value.trim();
  if (!metric) return;
  try {
    const reply = await ask("/v1/dimensions/list", { ...window_(), metric });
    dims = reply.dimensions.map(({ name }) => name);
  } catch { dims = []; }
  grouped = grouped.filter((dim) => dims.includes(dim));
  for (const dim of filters.keys()) if (!dims.includes(dim)) filters.delete(dim);
  const of = $("of").value;
  $("of").replaceChildren(...dims.map((dim) => make("option", dim, { selected: dim === of })));
  drawChips();
  answer();
}

async function listMetrics() {
  try {
    const reply = await ask("/v1/metrics/list", { ...window_(), prefix: "" });
    $("metrics").replaceChildren(...reply.metrics.map(({ metric, series }) => make("option", `${series} series`, { value: metric })));
    if (!$("metric").value) $("message").textContent = reply.metrics.length
      ? `${reply.metrics.length} metrics have data: choose one.` : "No metric has data in this window yet: publish something (sluice agent), or widen the window.";
  } catch (error) { $("message").textContent = error.message; }
}

async function health() {
  const columns = [["partition", "partition"], ["state", "state"], ["sealed through", "sealed_through"], ["lag", "lag_records"], ["series", "series"],
    ["rows applied", "rows_applied"], ["duplicate", "rows_duplicate"], ["late", "rows_late"], ["dropped", "rows_dropped"], ["disk MB", "disk_bytes"], ["detail", "detail"]];
  const table = document.querySelector("#health table");
  try {
    const reply = await ask("/v1/health");
    $("version").textContent = reply.version;
    const bad = reply.partitions.filter(({ state }) => state !== "serving").length;
    $("state").textContent = bad ? `${bad} of ${reply.partitions.length} partitions not serving` : `${reply.partitions.length} partitions serving`;
    $("state").classList.toggle("bad", bad > 0);
    const head = make("tr");
    head.append(...columns.map(([name]) => make("th", name)));
    table.tHead.replaceChildren(head);
    table.tBodies[0].replaceChildren(...reply.partitions.map((partition) => {
      const line = make("tr");
      line.append(...columns.map(([, field]) => {
        const value = partition[field];
        if (field === "sealed_through") return make("td", value ? new Date(value * 1000).toISOString().slice(0, 16).replace("T", " ") : "–");
        if (field === "disk_bytes") return make("td", show(Math.round(value / 1e5) / 10));
        return make("td", typeof value === "number" ? show(value) : value);
      }));
      return line;
    }));
  } catch {
    $("state").textContent = "no answer from the server";
    $("state").classList.add("bad");
  }
}

// The question stands in the address, so that it can be sent to a colleague.
function remember() {
  const state = { account: $("account").value, last: $("last").value, metric: $("metric").value, by: grouped, rank: $("rank").value, order: $("order").value, n: $("n").value, where: [...filters] };
  history.replaceState(null, "", "#" + encodeURIComponent(JSON.stringify(state)));
}

function recall() {
  try {
    const state = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    for (const id of ["account", "last", "metric", "rank", "order", "n"]) if (typeof state[id] === "string") $(id).value = state[id];
    if (Array.isArray(state.by)) grouped = state.by.filter((dim) => typeof dim === "string");
    if (Array.isArray(state.where)) state.where.forEach(([dim, value]) => filters.set(String(dim), String(value)));
  } catch { /* no question in the address */ }
}

recall();
$("form").onsubmit = (event) => { event.preventDefault(); chooseMetric(); };
$("metric").onchange = chooseMetric;
for (const id of ["rank", "order", "n"]) $(id).onchange = answer;
for (const id of ["account", "last", "open"]) $(id).onchange = () => { listMetrics(); chooseMetric(); };
$("of").onchange = hints;
$("prefix").oninput = hints;
listMetrics();
chooseMetric();
health();
setInterval(health, 5000);
setInterval(() => { if (!document.hidden) { listMetrics(); answer(); } }, 15000);

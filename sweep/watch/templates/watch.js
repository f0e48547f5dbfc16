"use strict";
(() => {
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const every = Number(document.body.dataset.every);
  const by = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";

  const length = (seconds) => {
    if (seconds < 90) return `${Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  };
  const cell = (tag, text, kind) => Object.assign(document.createElement(tag), {textContent: text, className: kind ?? ""});

  const line = (curve, low, high, last) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 100 100");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", curve.length ? `from ${curve[0][1].toFixed(3)} to ${curve[curve.length - 1][1].toFixed(3)} in ${curve.length} epochs` : "no epoch yet");
    if (!curve.length) return svg;
    const path = svg.appendChild(document.createElementNS(SVG, "path"));
    const at = ([epoch, value]) => [100 * (last > 1 ? (epoch - 1) / (last - 1) : 0), 100 - 100 * (high > low ? (value - low) / (high - low) : 0.5)];
    const points = curve.map(at);
    path.setAttribute("d", points.length > 1 ? "M" + points.map((p) => p.map((n) => n.toFixed(1)).join(" ")).join("L") : `M${points[0][0]} ${points[0][1]}h3`);
    return svg;
  };

  const show = (run) => {
    if (run.error) { by("summary").textContent = run.error; return; }
    const count = (...names) => names.reduce((sum, name) => sum + (run.counts[name] ?? 0), 0);
    const ended = count("done", "stopped", "diverged", "failed"), running = count("running"), wrong = count("failed", "diverged");
    document.title = `${ended}/${run.trials} ${run.name}`;
    by("name").textContent = run.name;
    const parts = [`${ended} of ${run.trials} trials have ended`, running ? `${running} run now` : "none runs now"];
    if (wrong) parts.push(`${wrong} failed or diverged`);
    if (run.seconds_left) parts.push(`about ${length(run.seconds_left)} left`);
    if (run.status === "finished") parts.push("the run is finished: its report is in the run folder");
    by("summary").textContent = `${parts.join(", ")}.`;
    by("done").style.width = `${100 * ended / Math.max(run.trials, 1)}%`;
    by("running").style.width = `${100 * running / Math.max(run.trials, 1)}%`;
    by("metric").textContent = run.metric ? `${run.metric}, validation` : "Validation";
    const values = run.techniques.flatMap((one) => one.curve.map((point) => point[1]));
    const low = Math.min(...values), high = Math.max(...values);
    const last = Math.max(1, ...run.techniques.flatMap((one) => one.curve.map((point) => point[0])));
    by("rows").replaceChildren(...run.techniques.map((one) => {
      const row = document.createElement("tr");
      const name = cell("th", one.name); name.scope = "row";
      row.append(name, cell("td", `${one.ended}/${one.planned}${one.running ? ` (${one.running} now)` : ""}`, "number"),
        cell("td", one.best === null ? "–" : one.best.toFixed(3), "number"), cell("td", one.seeds || "–", "number"), cell("td", one.configuration || "–", "words"));
      row.appendChild(document.createElement("td")).append(line(one.curve, low, high, last));
      return row;
    }));
    const wrongs = [...run.errors.map(([trial, technique, sentence]) => `${technique} (${trial}): ${sentence}`), ...run.damages];
    by("errors-section").hidden = !wrongs.length;
    by("errors").replaceChildren(...wrongs.map((text) => cell("li", text)));
  };

  const look = async () => {
    try {
      const answer = await fetch(`/state?token=${encodeURIComponent(token)}`, {cache: "no-store"});
      if (answer.ok) show(await answer.json());
      else by("summary").textContent = "This page is of another `sweep watch`; open the address that it printed.";
    } catch {
      by("summary").textContent = "`sweep watch` has ended; what stands here is the last that it said.";
    }
    setTimeout(look, every);
  };
  look();
})();

// Shows each change of the server at once, and says so to screen readers; without it, the page is read by reloading.
(() => {
  const now = document.getElementById("now");
  const link = document.getElementById("link");
  let wanted = false, busy = false;
  async function refresh() {
    if (busy) { wanted = true; return; }
    busy = true;
    try {
      const answer = await fetch("live", { headers: { Accept: "text/html" } });
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok) {
        const text = await answer.text();
        const field = document.activeElement;
        // a person who is at a button or a number keeps it: the figures are replaced, the forms are not
        const part = new DOMParser().parseFromString(text, "text/html");
        for (const fresh of part.querySelectorAll("[data-part]")) {
          const old = now.querySelector(`[data-part="${fresh.dataset.part}"]`);
          if (old && old.innerHTML !== fresh.innerHTML && !(field && old.contains(field))) { old.innerHTML = fresh.innerHTML; }
        }
      }
    } catch { /* the stream below says that the server is gone */ }
    busy = false;
    if (wanted) { wanted = false; setTimeout(refresh, 500); }
  }
  const stream = new EventSource("events");
  stream.onmessage = refresh;
  stream.onopen = () => { link.textContent = "live"; link.className = "on"; };
  stream.onerror = () => { link.textContent = "no connection, trying again"; link.className = "off"; };
})();
